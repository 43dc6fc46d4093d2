"""Make `bursty-hour.csv`: an hour of invented requests to a document service, most of them in batches.

A quiet Poisson stream carries a third of the requests. The rest come in batches (someone closes a month, a scanner empties its tray): batches
start at random, each holds a geometric number of documents that follow one another within fractions of a second. Token counts are lognormal.
Nothing here is recorded from anyone; run it again and the same file comes out.

    python3 examples/make_bursty_hour.py > examples/bursty-hour.csv
"""

import csv
import math
import random
import sys
from datetime import UTC, datetime, timedelta

SEED = 20261124
HOUR_S = 3600.0
QUIET_RATE_PER_S = 0.4
BATCHES_PER_HOUR = 14
MEAN_BATCH = 200
GAP_IN_BATCH_S = 0.12


def arrivals_s(draw: random.Random) -> list[float]:
    """Arrival instants within the hour, sorted, in seconds from its start."""
    instants = []
    clock = draw.expovariate(QUIET_RATE_PER_S)
    while clock < HOUR_S:
        instants.append(clock)
        clock += draw.expovariate(QUIET_RATE_PER_S)
    start = draw.expovariate(BATCHES_PER_HOUR / HOUR_S)
    while start < HOUR_S:
        clock = start
        for _ in range(1 + int(draw.expovariate(1 / MEAN_BATCH))):
            instants.append(clock)
            clock += draw.expovariate(1 / GAP_IN_BATCH_S)
        start += draw.expovariate(BATCHES_PER_HOUR / HOUR_S)
    return sorted(instant for instant in instants if instant < HOUR_S)


def main() -> None:
    draw = random.Random(SEED)  # noqa: S311  # a sample, not a secret
    start = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["TIMESTAMP", "ContextTokens", "GeneratedTokens"])
    for instant in arrivals_s(draw):
        at = start + timedelta(seconds=instant)
        context = max(20, round(draw.lognormvariate(math.log(1800), 0.7)))
        generated = max(1, round(draw.lognormvariate(math.log(220), 0.5)))
        writer.writerow([at.strftime("%Y-%m-%d %H:%M:%S.%f"), context, generated])


if __name__ == "__main__":
    main()

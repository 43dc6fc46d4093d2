"""Make `access.log`: forty minutes of an invented document service behind nginx, with the request time at the end of each line.

A steady stream of uploads by people, and three times a batch job that sends 240 documents within seconds. Service times are
lognormal; a few requests fail after a short while. Nothing here is recorded from anyone; run it again and the same file comes out.

    python3 examples/make_access_log.py > examples/access.log
"""

import math
import random
from datetime import UTC, datetime, timedelta

SEED = 20261130
LENGTH_S = 2400.0
STEADY_RATE_PER_S = 0.5
BATCHES_AT_S = (450.0, 1250.0, 2050.0)
BATCH_REQUESTS, GAP_IN_BATCH_S = 240, 0.03
MEDIAN_S, SIGMA = 2.0, 0.6
FAILED_SHARE = 0.02
PERSON, BATCH_JOB = "Mozilla/5.0", "month-end/1.4"


def requests(draw: random.Random) -> list[tuple[float, str]]:
    """Arrival instants in seconds and user agents, sorted."""
    arrived, clock = [], draw.expovariate(STEADY_RATE_PER_S)
    while clock < LENGTH_S:
        arrived.append((clock, PERSON))
        clock += draw.expovariate(STEADY_RATE_PER_S)
    for start in BATCHES_AT_S:
        clock = start
        for _ in range(BATCH_REQUESTS):
            arrived.append((clock, BATCH_JOB))
            clock += draw.expovariate(1 / GAP_IN_BATCH_S)
    return sorted(arrived)


def main() -> None:
    draw = random.Random(SEED)  # noqa: S311  # a sample, not a secret
    begin = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
    lines = []
    for arrived_s, agent in requests(draw):
        failed = draw.random() < FAILED_SHARE
        took_s = draw.uniform(0.05, 0.3) if failed else draw.lognormvariate(math.log(MEDIAN_S), SIGMA)
        ended = begin + timedelta(seconds=arrived_s + took_s)
        status, size = (502, 157) if failed else (200, draw.randint(400, 2400))
        client = f"10.0.{draw.randint(0, 3)}.{draw.randint(1, 254)}"
        line = f'{client} - - [{ended:%d/%b/%Y:%H:%M:%S} +0000] "POST /v1/extract HTTP/1.1" {status} {size} "-" "{agent}" {took_s:.3f}'
        lines.append((ended, line))
    for _, line in sorted(lines):
        print(line)


if __name__ == "__main__":
    main()

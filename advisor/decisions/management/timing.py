from collections.abc import Sequence
from statistics import median
from time import perf_counter

from advisor.advice.answers import answers_from
from advisor.advice.recommendation import advise
from advisor.advice.templates import TEMPLATES
from core.paths import nested

ROUNDS, ROUNDS_WITH_FLIPS = 20, 3
DONT_KNOW = {"unknown": True}
UNKNOWN = ("volume.mean_rate_per_s", "processing.p95_s", "caller.deadline_s", "failures.transient_percent")


def advice_figures() -> dict[str, float]:
    return {
        "ms": _median_ms(flips=False, rounds=ROUNDS),
        "ms_with_flips": _median_ms(flips=True, rounds=ROUNDS_WITH_FLIPS),
        "ms_with_flips_and_samples": _median_ms(flips=True, rounds=ROUNDS_WITH_FLIPS, unknown=UNKNOWN),
    }


def _median_ms(*, flips: bool, rounds: int, unknown: Sequence[str] = ()) -> float:
    times = []
    every = [answers_from({"template": name, **nested(dict.fromkeys(unknown, DONT_KNOW))}) for name in TEMPLATES]
    for _ in range(rounds):
        for answers in every:
            begun = perf_counter()
            advise(answers, flips=flips)
            times.append(1000 * (perf_counter() - begun))
    return round(median(times), 3)

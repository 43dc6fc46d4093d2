"""How long advice takes."""

from statistics import median
from time import perf_counter

from advisor.advice.recommendation import advise
from advisor.advice.templates import TEMPLATES

ROUNDS, ROUNDS_WITH_FLIPS = 20, 3


def advice_figures() -> dict[str, float]:
    """Milliseconds for one recommendation, without and with its flips: the median over every template and several rounds."""
    return {
        "ms": _median_ms(flips=False, rounds=ROUNDS),
        "ms_with_flips": _median_ms(flips=True, rounds=ROUNDS_WITH_FLIPS),
    }


def _median_ms(*, flips: bool, rounds: int) -> float:
    times = []
    for _ in range(rounds):
        for template in TEMPLATES.values():
            begun = perf_counter()
            advise(template.answers, flips=flips)
            times.append(1000 * (perf_counter() - begun))
    return round(median(times), 3)

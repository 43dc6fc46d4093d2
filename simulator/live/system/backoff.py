"""The pauses of the sample application before its retries: computed here, and not by the kernel's formula, which a live run checks."""

from collections.abc import Callable
from typing import assert_never

from simulator.retries import Retries


def pauses_s(retries: Retries, draws: Callable[[int], float]) -> list[float]:
    """The pause before each of `retries.max` retries; `draws` gives a uniform number in (0, 1) for each failed attempt, 0 first.

    Sources: Exponential Backoff And Jitter, AWS Architecture Blog, 2015; for a list, `Job.get_retry_interval` of rq.
    """
    attempts = range(retries.max)
    if retries.flat_s is not None:
        return [retries.flat_s for _ in attempts]
    if retries.intervals_s is not None:
        longer = max(0, retries.max - len(retries.intervals_s)) * retries.intervals_s[:1] + retries.intervals_s
        return list(longer[len(longer) - retries.max :])
    limits_s = [min(retries.cap_s, retries.base_s * 2.0**attempt) for attempt in attempts]
    match retries.jitter:
        case "none":
            return limits_s
        case "full":
            return [_between(0.0, limit_s, draws(attempt)) for attempt, limit_s in enumerate(limits_s)]
        case "equal":
            return [_between(0.5 * limit_s, limit_s, draws(attempt)) for attempt, limit_s in enumerate(limits_s)]
        case "decorrelated":
            pauses, previous_s = [], retries.base_s
            for attempt in attempts:
                previous_s = min(retries.cap_s, _between(retries.base_s, 3 * previous_s, draws(attempt)))
                pauses.append(previous_s)
            return pauses
        case _:
            assert_never(retries.jitter)


def _between(low: float, high: float, draw: float) -> float:
    return low + (high - low) * draw

"""The advice's sentences: numbers as `numbers` says them, factors, and how a sentence begins."""

from advisor.advice.numbers import DAY_S, HOUR_S, count, duration, number, percent, rate

__all__ = ["count", "duration", "number", "percent", "rate", "rates", "sentence", "times"]


def times(value: float) -> str:
    """A factor: 8x."""
    return f"{number(value)}x"


LARGE = 100_000
"""A rate is not written in larger numbers than this where a shorter unit says it."""


def rates(*per_s: float) -> tuple[str, ...]:
    """Rates that are compared, all in one unit: the one in which the smallest reads best, unless the largest is out of hand there."""
    smallest, largest = min(per_s), max(per_s)
    if smallest * HOUR_S >= 1000 or largest * HOUR_S > LARGE:
        scale, unit = 1.0, "/s"
    elif smallest * HOUR_S >= 1 or largest * DAY_S > LARGE:
        scale, unit = HOUR_S, "/h"
    else:
        scale, unit = DAY_S, "/d"
    return tuple(number(value * scale, unit) for value in per_s)


def sentence(text: str) -> str:
    """The first letter in upper case, the rest as it is."""
    return text[:1].upper() + text[1:]

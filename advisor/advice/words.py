"""Words for figures that are compared, for factors and for how often something happens."""

from core.numbers import DIGITS, Writer, duration, number
from core.units import DAY_S, HOUR_S

COMPARED_DIGITS = 9
"""What differs beyond these digits is the last bits of arithmetic, and is called equal."""


def apart(one: float, other: float, write: Writer = duration) -> tuple[str, str]:
    """Two figures that are compared, with as many digits as tell them apart. Only what is equal to nine digits is written alike."""
    for digits in range(DIGITS, COMPARED_DIGITS + 1):
        words = write(one, digits=digits), write(other, digits=digits)
        if words[0] != words[1]:
            return words
    return write(one, digits=DIGITS), write(other, digits=DIGITS)


def past(value: float, limit: float, write: Writer = duration) -> tuple[str, str, str]:
    """A figure, how it lies to a limit that it reaches, and the limit: ("35 s", "past", "30 s"); "at" where they are equal."""
    figure, bound = apart(value, limit, write)
    return figure, "past" if figure != bound else "at", bound


def times_a_job(value: float) -> str:
    return "once" if number(value) == "1" else f"{number(value)} times"


def a_day(per_day: float) -> str:
    """How often something rare happens, in the shortest unit in which it does: 43.2 a day, 3 a month, less than one a year."""
    for days, unit in ((1, "day"), (30, "month"), (365, "year")):
        if per_day * days >= 1:
            return f"{number(per_day * days)} a {unit}"
    return "less than one a year" if per_day > 0 else "none"


def times(value: float) -> str:
    return f"{number(value)}x"


LARGE = 100_000
"""A rate is not written in larger numbers than this where a shorter unit says it."""


def rates(one: float, other: float) -> tuple[str, str]:
    """Two rates that are compared, in one unit: the one in which the smaller reads best, unless the larger is out of hand there."""
    smallest, largest = min(one, other), max(one, other)
    if smallest * HOUR_S >= 1000 or largest * HOUR_S > LARGE:
        scale, unit = 1.0, "/s"
    elif smallest * HOUR_S >= 1 or largest * DAY_S > LARGE:
        scale, unit = HOUR_S, "/h"
    else:
        scale, unit = DAY_S, "/d"

    def write(value: float, /, *, digits: int) -> str:
        return number(value * scale, unit, digits=digits)

    return apart(one, other, write)


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:]

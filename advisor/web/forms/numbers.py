"""Numbers as people type them: "8", "20 min", "5000/day", "2k", "3 min 20 s", "2-8", "2 to 8 min", "?".

ASCII digits, a point for decimals, nothing between the digits. What was typed with a unit is turned into the question's own.
"""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from advisor.advice.questionnaire.units import named, plainly, spelled
from simulator.schema import shown

FIGURE = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?"
NUMBER = re.compile(FIGURE, re.ASCII)
PLAIN = re.compile(rf"{FIGURE}(?: to {FIGURE})?", re.ASCII)
PART = re.compile(rf"\s*({FIGURE})\s*([A-Za-z%×/][A-Za-z%/ ]*)?", re.ASCII)
RANGE = re.compile(
    r"(?:between\s+)?(.+?)\s*(?:\bto\b|\band\b|\.\.\.?|…|–|—|(?<![eE/\s])\s*-\s*(?=[\d.]))\s*(.+)", re.DOTALL
)
UNKNOWN = "don't know"
UNKNOWNS = ("?", "unknown", UNKNOWN, "dont know", "don’t know", "do not know", "not known", "no idea")
NOTHING = ("none", "unlimited", "never", "no limit", "no deadline", "–", "-")
THOUSANDS: Mapping[str, int] = {"thousand": 10**3, "million": 10**6, "mn": 10**6, "k": 10**3, "K": 10**3, "M": 10**6}
MARKS = "must be a number such as {}, with a point for decimals and no other marks"
LONGEST = 40
"""More characters than this are no number that anybody means."""
OWN = Fraction(1)


def parsed(text: str, whole: bool, unit: str = "", factor: Fraction = OWN) -> Any:
    """The number, range `{low, high}` or `{unknown: True}` in what was typed, in `unit`.

    `factor` turns a number without a unit of its own into `unit`.

    Raises:
        ValueError: with the reason, if it is none of these.
    """
    text = text.strip()
    if text.lower() in UNKNOWNS:
        return {"unknown": True}
    if len(text) > 2 * LONGEST:
        raise ValueError(MARKS.format("1800" if whole else "1800 or 0.5"))
    ends = None if NUMBER.fullmatch(text) else RANGE.fullmatch(text)
    if not ends:
        return one(text, whole, unit, factor)
    low, high = one(_like(ends[1], ends[2]), whole, unit, factor), one(ends[2], whole, unit, factor)
    if low > high:
        raise ValueError("low must be less than high")
    return {"low": low, "high": high}


def is_nothing(text: str) -> bool:
    """Whether it says that there is no such limit."""
    return text.strip().lower() in ("", *NOTHING)


def is_plain(text: str) -> bool:
    """Whether it is typed as a field would show it, in the unit beside it."""
    return PLAIN.fullmatch(text.strip()) is not None or text.strip() in ("", UNKNOWN)


def is_range(text: str) -> bool:
    """Whether two ends are typed."""
    short = text.strip()[: 2 * LONGEST]
    return not NUMBER.fullmatch(short) and RANGE.fullmatch(short) is not None


def one(text: str, whole: bool, unit: str = "", factor: Fraction = OWN) -> float | int:
    """One number, in `unit`.

    Raises:
        ValueError: with the reason, if it isn't one.
    """
    value = _exact(text.strip(), unit, factor, whole)
    if not whole:
        return _float(value)
    if value.denominator != 1:
        raise ValueError("must be a whole number")
    return int(value)


def _float(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _exact(text: str, unit: str, factor: Fraction, whole: bool) -> Fraction:
    """The sum of the parts: one figure, or times in falling units ("3 min 20 s")."""
    parts, end = [], 0
    while end < len(text) and len(text) <= LONGEST and (found := PART.match(text, end)):
        parts.append((Fraction(found[1]), _unit_of(found[2] or "", unit, factor)))
        end = found.end()
    if not parts or end < len(text):
        raise ValueError(MARKS.format("1800" if whole else "1800 or 0.5"))
    factors = [one_factor for _, one_factor in parts]
    if len(parts) > 1 and not (unit in ("s", "min", "h") and factors == sorted(set(factors), reverse=True)):
        raise ValueError("must be one number, a range such as 2 to 8, or ?")
    return sum((figure * one_factor for figure, one_factor in parts), Fraction(0))


def _unit_of(typed: str, unit: str, factor: Fraction) -> Fraction:
    """What a figure is to be multiplied with: thousands, then the unit, or `factor` where none was typed."""
    words, times = typed.strip(), 1
    for name, thousands in THOUSANDS.items():
        rest = words.removeprefix(name)
        if rest != words and not rest[:1].isalpha():
            words, times = rest.strip(), thousands
            break
    if not words:
        return times * factor
    known = spelled(unit)
    if plainly(words) in known:
        return times * known[plainly(words)]
    raise ValueError(
        f"there is no unit {shown(words)} here: give {named(unit)}" if unit else "must be a number without a unit"
    )


def _like(low: str, high: str) -> str:
    """The low end with the high end's unit, where it has none of its own: 2-8 min, 2-8k; but 500-2k is 500 to 2,000."""
    first, last = PART.fullmatch(low), PART.fullmatch(high)
    if not first or first[2] or not last or not last[2]:
        return low
    return low if Fraction(first[1]) > Fraction(last[1]) else f"{first[1]} {last[2]}"


def written(value: Any) -> str:
    """The value as a field shows it, which `parsed` reads back."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return UNKNOWN if value.get("unknown") else f"{written(value['low'])} to {written(value['high'])}"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)

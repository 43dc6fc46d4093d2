"""Numbers as people type them: "8", "20 min", "5000/day", "2k", "3 min 20 s", "1h30", "2-8", "2 to 8 min", "?".

ASCII digits, a point for decimals, nothing between the digits. What was typed with a unit is turned into the question's own.
A last number without a unit is in the next smaller one: 1h30 is 1 h 30 min. What could be read in two ways is refused.
"""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from advisor.advice.questionnaire.units import PER, UNIT_SECONDS, named, next_smaller, plainly, spelled
from core.values import shown

FIGURE = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?"
TYPED_NUMBER = re.compile(FIGURE, re.ASCII)
PLAIN = re.compile(rf"{FIGURE}(?: to {FIGURE})?", re.ASCII)
PART = re.compile(rf"\s*({FIGURE})\s*([A-Za-z%×/][A-Za-z%/ ]*)?", re.ASCII)
RANGE = re.compile(
    r"(?:between\s+)?(.+?)\s*(?:\bto\b|\band\b|\.\.\.?|…|–|—|(?<![eE/\s])\s*-\s*(?=[\d.]))\s*(.+)", re.DOTALL
)
UNKNOWN_TEXT = "don't know"
UNKNOWNS = ("?", "unknown", UNKNOWN_TEXT, "dont know", "don’t know", "do not know", "not known", "no idea")
NO_LIMIT_WORDS = ("none", "unlimited", "never", "no limit", "no deadline", "–", "-")
THOUSANDS: Mapping[str, int] = {"thousand": 10**3, "million": 10**6, "mn": 10**6, "k": 10**3, "K": 10**3, "M": 10**6}
CLOCK = re.compile(r"(\d+):(\d+)(?::\d+)?", re.ASCII)
COUNT = re.compile(r"\d+", re.ASCII)
DECIMAL = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
LONGEST_NUMBER = 40
"""Longer texts are no number that a user means."""
SAME_UNIT = Fraction(1)


def parse_answer(text: str, whole: bool, unit: str = "", factor: Fraction = SAME_UNIT) -> Any:
    """The number, range `{low, high}` or `{unknown: True}` in what was typed, in `unit`.

    `factor` turns a number without a unit of its own into `unit`.

    Raises:
        ValueError: with the reason, if it is none of these.
    """
    text = text.strip()
    if text.lower() in UNKNOWNS:
        return {"unknown": True}
    if len(text) > 2 * LONGEST_NUMBER:
        raise ValueError(_accepted(unit, ranges=True))
    ends = None if TYPED_NUMBER.fullmatch(text) else RANGE.fullmatch(text)
    if not ends:
        return parse_number(text, whole, unit, factor, ranges=True)
    first, last = _with_units(ends[1], ends[2], unit, factor)
    low, high = (
        parse_number(first, whole, unit, factor, ranges=True),
        parse_number(last, whole, unit, factor, ranges=True),
    )
    if low > high:
        raise ValueError("low must be less than high")
    return {"low": low, "high": high}


def is_nothing(text: str) -> bool:
    return text.strip().lower() in ("", *NO_LIMIT_WORDS)


def is_plain(text: str) -> bool:
    """Whether it is typed as a field would show it, in the unit next to it."""
    return PLAIN.fullmatch(text.strip()) is not None or text.strip() in ("", UNKNOWN_TEXT)


def parse_number(
    text: str, whole: bool, unit: str = "", factor: Fraction = SAME_UNIT, *, ranges: bool = False
) -> float | int:
    """One number, in `unit`; if `ranges` are accepted, too, the reason says so.

    Raises:
        ValueError: with the reason, if it isn't one.
    """
    value = _exact(text.strip(), unit, factor, ranges)
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


def _accepted(unit: str, ranges: bool, noun: str = "a number") -> str:
    if unit in UNIT_SECONDS:
        examples = ["20", f"20 {unit}"]
    elif unit in PER:
        examples = ["20", "5000/day"]
    else:
        examples = ["2000", "2k"] if unit == "tokens" else ["20"]
    if not ranges:
        return f"must be {noun} such as {' or '.join(examples)}, with a point for decimals"
    return f"must be {noun} such as {', '.join([*examples, '2-8'])} or ?, with a point for decimals"


def _exact(text: str, unit: str, factor: Fraction, ranges: bool) -> Fraction:
    """The sum of the parts: one figure, or times in falling units ("3 min 20 s", "1h30")."""
    if unit in UNIT_SECONDS and (clock := CLOCK.fullmatch(text)):
        raise ValueError(f"could be hours or minutes: write {clock[1]}h{clock[2]} or {clock[1]} min {clock[2]} s")
    parts, end = [], 0
    while end < len(text) and len(text) <= LONGEST_NUMBER and (part := PART.match(text, end)):
        parts.append((part[1], (part[2] or "").strip()))
        end = part.end()
    if not parts or end < len(text):
        raise ValueError(_accepted(unit, ranges))
    if len(parts) > 1 and unit in UNIT_SECONDS and parts[0][1] and not parts[-1][1]:
        parts[-1] = (parts[-1][0], _unit_below(parts, unit))
    factors = [_unit_of(words, unit, factor) for _, words in parts]
    falling = factors == sorted(set(factors), reverse=True)
    if len(parts) > 1 and not (unit in UNIT_SECONDS and falling and all(words for _, words in parts)):
        raise ValueError(_accepted(unit, ranges, "one number"))
    return sum((Fraction(figure) * factor for (figure, _), factor in zip(parts, factors, strict=True)), Fraction(0))


def _unit_below(parts: list[tuple[str, str]], unit: str) -> str:
    """The unit of the last figure, which has none of its own: the one below the figure before it.

    Raises:
        ValueError: if there is none, or the figure does not fit into it.
    """
    *_, (above, words), (figure, _) = parts
    _unit_of(words, unit, SAME_UNIT)
    smaller = next_smaller(plainly(words))
    if smaller is None or not COUNT.fullmatch(above) or not DECIMAL.fullmatch(figure):
        raise ValueError(f"has a number without a unit at its end: give {figure} a unit, too")
    name, most = smaller
    if Fraction(figure) < most:
        return name
    instead = "write it with its own unit"
    if len(parts) == 2 and COUNT.fullmatch(figure):
        more, rest = divmod(int(figure), most)
        instead = f"write {int(above) + more}{words}{rest:02d} or {int(above) * most + int(figure)} {name}"
    raise ValueError(f"would be {above} {words} {figure} {name}, and {most} {name} are 1 {words}: {instead}")


def _unit_of(typed: str, unit: str, factor: Fraction) -> Fraction:
    words, times = _thousands(typed, unit)
    if not words:
        return times * factor
    known = spelled(unit)
    if plainly(words) in known:
        return times * known[plainly(words)]
    raise ValueError(
        f"there is no unit {shown(words)} here: give {named(unit)}" if unit else "must be a number without a unit"
    )


def _thousands(typed: str, unit: str) -> tuple[str, int]:
    """The words after "k" or "million", and what they mean. No time is given in thousands: there "M" is minutes, as "m" is."""
    words = typed.strip()
    for name, thousands in THOUSANDS.items() if unit not in UNIT_SECONDS else ():
        rest = words.removeprefix(name)
        if rest != words and not rest[:1].isalpha():
            return rest.strip(), thousands
    return words, 1


def _with_units(low: str, high: str, unit: str, factor: Fraction) -> tuple[str, str]:
    """Both ends of a range: the low end takes the high end's unit if it has none of its own (2-8 min, 2-8k); but 500-2k is 500 to 2,000.

    Raises:
        ValueError: if one end alone has a unit of time, and it is not clear which the other is in.
    """
    first, last = PART.fullmatch(low), PART.match(high)
    if first is None or last is None:
        return low, high
    first_words, last_words = (match[2] or "" for match in (first, last))
    is_timed = unit in UNIT_SECONDS or unit in PER
    if is_timed and _thousands(first_words, unit)[0] and TYPED_NUMBER.fullmatch(high):
        if _unit_of(first_words, unit, factor) != factor:
            raise ValueError(f"has a unit at its low end alone: give {high} a unit, too")
    elif not first_words and last_words:
        if Fraction(first[1]) <= Fraction(last[1]):
            return f"{first[1]} {last_words}", high
        if is_timed and _thousands(last_words, unit)[0]:
            raise ValueError(f"has a unit at its high end alone: give {low} a unit, too")
    return low, high


def number_list(text: str, unit: str) -> tuple[float, ...] | None:
    """The numbers between commas, in `unit`; None if there are none.

    Raises:
        ValueError: with the reason, if one is not a number.
    """
    if is_nothing(text):
        return None
    values = []
    for place, part in enumerate(text.split(","), start=1):
        try:
            values.append(float(parse_number(part, whole=False, unit=unit)))
        except ValueError as error:
            colon = ":" if str(error).startswith("there ") else ""
            raise ValueError(f"number {place} of the list{colon} {error}") from error
    return tuple(values)


def written(value: Any) -> str:
    """The value as a field shows it, which `parse_answer` reads back."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return UNKNOWN_TEXT if value.get("unknown") else f"{written(value['low'])} to {written(value['high'])}"
    if isinstance(value, tuple):
        return ", ".join(map(written, value))
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)

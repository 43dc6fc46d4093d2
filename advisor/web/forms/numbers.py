"""Numbers as people type them, wherever they sit: ASCII digits, a point for decimals, nothing between the digits."""

import re
from typing import Any

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
RANGE = re.compile(r"(.+?)\s*(?:\bto\b|\.\.|–)\s*(.+)", re.DOTALL)
UNKNOWN = ("unknown", "?")
LONGEST = 40
"""More characters than this are no number that anybody means."""


def parsed(text: str, whole: bool, factor: float = 1.0) -> Any:
    """The number, range `{low, high}` or `{unknown: True}` in what was typed ("8", "2 to 8", "unknown"), times `factor`.

    Raises:
        ValueError: with the reason, if it is none of these.
    """
    text = text.strip()
    if text.lower() in UNKNOWN:
        return {"unknown": True}
    ends = RANGE.fullmatch(text)
    if ends:
        return {"low": one(ends[1], whole, factor), "high": one(ends[2], whole, factor)}
    return one(text, whole, factor)


def one(text: str, whole: bool, factor: float = 1.0) -> float | int:
    """One number.

    Raises:
        ValueError: with the reason, if it isn't one.
    """
    text = text.strip()
    if len(text) > LONGEST or not NUMBER.fullmatch(text):
        example = "1800" if whole else "1800 or 0.5"
        raise ValueError(f"must be a number such as {example}, with a point for decimals and no other marks")
    if not whole:
        return float(text) * factor
    if WHOLE.fullmatch(text):
        return int(text) if factor == 1 else round(int(text) * factor)
    value = float(text)
    if not value.is_integer():
        raise ValueError("must be a whole number")
    return int(value * factor)


def written(value: Any) -> str:
    """The value as a field shows it, which `parsed` reads back."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return UNKNOWN[0] if value.get("unknown") else f"{written(value['low'])} to {written(value['high'])}"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)

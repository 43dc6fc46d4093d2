"""Numbers as people say them, for the sentences of the advice: three significant digits, the unit beside."""

import math


def number(value: float) -> str:
    """Three significant digits, thousands apart: 1,230; 12.3; 0.0123."""
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return "no limit" if value > 0 else "none"
    if abs(value) >= 1e15:
        return f"{value:.2e}"
    digits = 2 - math.floor(math.log10(abs(value)))
    rounded = round(value, digits)
    text = f"{rounded:,.{max(0, digits)}f}" if abs(rounded) >= 1e-6 else f"{rounded:.2e}"
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def seconds(value: float) -> str:
    """340 ms, 1.2 s, 3 min 20 s, 2 h 5 min, 3 days."""
    if value < 1:
        return f"{number(value * 1000)} ms"
    if value < 120:
        return f"{number(value)} s"
    if value < 7200:
        return _two(round(value), 60, "min", "s")
    if value < 172_800:
        return _two(round(value / 60), 60, "h", "min")
    return f"{number(value / 86_400)} days"


def _two(total: int, base: int, large: str, small: str) -> str:
    first, rest = divmod(total, base)
    return f"{first} {large} {rest} {small}" if rest else f"{first} {large}"


def rate(per_s: float) -> str:
    """At the scale where it reads best: 2 /s, 30 /min, 12 /h."""
    if per_s >= 1:
        return f"{number(per_s)} /s"
    if per_s * 60 >= 1:
        return f"{number(per_s * 60)} /min"
    if per_s * 3600 >= 1:
        return f"{number(per_s * 3600)} /h"
    return f"{number(per_s * 86_400)} a day"


def percent(value: float) -> str:
    """A percentage: 12.3 %."""
    return f"{number(value)} %"


def times(value: float) -> str:
    """A factor: 8x."""
    return f"{number(value)}x"


def sentences(text: str) -> str:
    """The first letter in upper case, the rest as it is."""
    return text[:1].upper() + text[1:]


def count(value: float, one: str, many: str | None = None) -> str:
    """A whole number with its noun: 1 worker, 20 workers."""
    return f"{value:,.0f} {one if value == 1 else many or one + 's'}"

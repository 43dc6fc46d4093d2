"""Numbers as people read them: three significant digits, then the unit, at a scale that fits. None and infinities become `missing`."""

import math
from collections.abc import Sequence
from typing import Protocol

from core.units import DAY_S, HOUR_S, MINUTE_S

MISSING = "–"
MINUS = "−"

DIGITS = 3
"""Significant digits of a figure that is not compared with another."""


# Up to the limit a duration is rounded to the step and written in two units: within half a percent everywhere.
_STEPS: tuple[tuple[float, int], ...] = (
    (600, 1),
    (3600, 5),
    (6000, 30),
    (36_000, 60),
    (360_000, 300),
    (8_640_000, 3600),
    (math.inf, DAY_S),
)
_UNITS: tuple[tuple[int, str], ...] = ((DAY_S, "d"), (HOUR_S, "h"), (MINUTE_S, "min"), (1, "s"))


class Writer(Protocol):
    def __call__(self, value: float, /, *, digits: int) -> str: ...


MOST_DIGITS = 12


def exactly(value: float, write: Writer) -> str:
    """Write a figure with all its digits, three at least."""
    full = write(value, digits=MOST_DIGITS)
    return next(words for digits in range(DIGITS, MOST_DIGITS + 1) if (words := write(value, digits=digits)) == full)


def rounded_outward(value: float, write: Writer, *, up: bool) -> float:
    """A positive figure with the digits that `write` writes, upwards or downwards: a threshold holds on the side to which it is rounded."""
    if value <= 0:
        return value
    is_composed = write is duration and value >= 100
    step = (
        next(step for limit, step in _STEPS if value < limit)
        if is_composed
        else 10.0 ** (math.floor(math.log10(value)) + 1 - DIGITS)
    )
    steps = value / step
    return float(f"{(math.ceil(steps - 1e-9) if up else math.floor(steps + 1e-9)) * step:.12g}")


def number(value: float | None, unit: str = "", missing: str = MISSING, digits: int = DIGITS) -> str:
    """Three significant digits, thousands separated, then the unit: 0.0123, 1.5 kB, 12,300 jobs."""
    if value is None or not math.isfinite(value):
        return missing
    return f"{plain(value, digits)} {unit}".rstrip()


def plural_of(one: str) -> str:
    """job: jobs; retry: retries."""
    return f"{one[:-1]}ies" if one.endswith("y") and one[-2:-1] not in "aeiou" else f"{one}s"


def singular_of(many: str) -> str:
    """retries: retry; workers: worker."""
    return f"{many[:-3]}y" if many.endswith("ies") else many.removesuffix("s")


def plural(value: float, one: str, many: str = "") -> str:
    """The word for a number as it is printed: job or jobs, retry or retries; with both given is or are."""
    if plain(value) == "1":
        return one
    return many or plural_of(one)


def count(value: float | None, one: str = "", many: str = "", missing: str = MISSING) -> str:
    """A whole number in full, with its noun if one is given: 12,345 or 1 job."""
    if value is None or not math.isfinite(value):
        return missing
    whole = round(value)
    return f"{_signed(f'{whole:,}')} {plural(whole, one, many) if one else ''}".rstrip()


def duration(seconds: float | None, missing: str = MISSING, digits: int = DIGITS) -> str:
    """340 ms, 1.2 s, 90 s, 3 min 20 s, 2 h 5 min, 75 h 35 min, 12 d. With more than three `digits`: 1.0004 s, 5 h 2 s."""
    if seconds is None or not math.isfinite(seconds):
        return missing
    if seconds < 0:
        return MINUS + duration(-seconds, missing, digits)
    if float(f"{seconds:.{digits}g}") < 100:
        return _short(seconds, digits)
    if digits > DIGITS + 1 and round(seconds, 6) != round(seconds):
        return f"{plain(seconds, digits)} s"
    step = 1 if digits > DIGITS else next(step for limit, step in _STEPS if seconds < limit)
    return _composed(round(seconds / step) * step)


def rate(per_s: float | None, missing: str = MISSING, digits: int = DIGITS) -> str:
    """2 /s, 600 /h, 12 /d."""
    if per_s is None or not math.isfinite(per_s):
        return missing
    scale, unit = rate_unit(per_s)
    return f"{plain(per_s * scale, digits)} {unit}"


def rate_unit(per_s: float) -> tuple[float, str]:
    """What a rate a second is multiplied by to be written in that unit."""
    if per_s == 0 or abs(per_s) * HOUR_S >= 1000:
        return 1.0, "/s"
    return (HOUR_S, "/h") if abs(per_s) * HOUR_S >= 1 else (DAY_S, "/d")


def percent(value: float | None, missing: str = MISSING, digits: int = DIGITS) -> str:
    """A percentage, 0 to 100. Values below 100 are never rounded up to it: 99.97 %."""
    if value is None or not math.isfinite(value):
        return missing
    if 99 < value < 100:
        decimals = min(10, digits - 2 - math.floor(math.log10(100 - value)))
        text = f"{value:.{decimals}f}"
        return f"{'> 99.99' if float(text) >= 100 else text.rstrip('0')} %"
    return f"{plain(value, digits)} %"


def share(fraction: float | None, missing: str = MISSING) -> str:
    """A fraction, 0 to 1, as a percentage."""
    return missing if fraction is None else percent(100 * fraction, missing)


def interval(mean: float | None, low: float, high: float, unit: str = "", missing: str = MISSING) -> str:
    """12.4 ± 0.3 s; if it is far from centred, 12.4 s (11.9 to 14.1). Durations (`s`) are scaled."""
    if mean is None or not all(math.isfinite(figure) for figure in (mean, low, high)):
        return missing
    scale, name = _unit_for(max(abs(mean), abs(high - low) / 2)) if unit == "s" else (1.0, unit)
    mean, low, high = mean / scale, low / scale, high / scale
    half = (high - low) / 2
    if mean == half == 0:
        return f"0 {unit}".rstrip()
    if half <= 1e-9 * max(1.0, abs(mean)):
        return f"{plain(mean)} {name}".rstrip()
    digits = _decimals(half)
    centred = abs((high + low) / 2 - mean) <= max(0.1 * half, 10.0**-digits / 2)
    if centred:
        return f"{_fixed(mean, digits)} ± {_fixed(half, digits)} {name}".rstrip()
    return f"{f'{_fixed(mean, digits)} {name}'.rstrip()} ({_fixed(low, digits)} to {_fixed(high, digits)})"


def share_interval(mean: float, low: float, high: float) -> str:
    """A share (0 to 1) with its interval, in percent: 98.2 ± 0.4 %."""
    words = interval(100 * mean, 100 * low, 100 * high, "%")
    return f"{percent(100 * mean)}{words.removeprefix('100 %')}" if mean < 1 and words.startswith("100 % (") else words


def plain(value: float, digits: int = DIGITS) -> str:
    """Significant digits without trailing zeros, to be followed by a unit or a word."""
    rounded = float(f"{value:.{digits}g}")
    if rounded == 0:
        return "0"
    size = math.floor(math.log10(abs(rounded)))
    if not -6 <= size < 15:
        return _signed(f"{rounded:.{digits}g}".replace("e+", "e").replace("e-0", "e-").replace("e0", "e"))
    text = f"{rounded:,.{max(0, digits - 1 - size)}f}"
    return _signed(text.rstrip("0").rstrip(".") if "." in text else text)


def _fixed(value: float, digits: int) -> str:
    rounded = round(value, digits) + 0.0
    return _signed(f"{rounded:,.{max(0, digits)}f}")


def _signed(text: str) -> str:
    return MINUS + text[1:] if text.startswith("-") else text


def _decimals(half: float) -> int:
    """Decimals that show a half width to one digit, or to two if the first is a 1."""
    size = math.floor(math.log10(half))
    leading = half / 10.0**size
    return min(12, -size + (1 if leading < 1.95 else 0))


def _short(seconds: float, digits: int) -> str:
    for scale, unit in ((1e-6, "µs"), (1e-3, "ms")):
        if float(f"{seconds / scale:.{digits}g}") < 1000 and seconds:
            return f"{plain(seconds / scale, digits)} {unit}"
    return f"{plain(seconds, digits)} s"


def _composed(total: int) -> str:
    """Whole seconds from a minute on, in two units (three from 60 to 100 minutes, where the half minute counts)."""
    parts = []
    for size, unit in _UNITS:
        if unit == "d" and total < 360_000:
            continue
        amount, total = divmod(total, size)
        if amount:
            parts.append(f"{amount:,} {unit}")
    return " ".join(parts)


def _unit_for(seconds: float) -> tuple[float, str]:
    return (1.0, "s") if 1 <= seconds < 600 else time_unit(seconds)


def time_unit(seconds: float) -> tuple[float, str]:
    """Return the unit in which times up to this size read best on an axis: its seconds and its name."""
    if seconds < 1:
        return 1e-3, "ms"
    if seconds < 100:
        return 1.0, "s"
    if seconds < 6000:
        return 60.0, "min"
    if seconds < 360_000:
        return 3600.0, "h"
    return 86_400.0, "d"


def listed(items: Sequence[str], word: str = "and") -> str:
    """one; one and two; one, two and three."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {word} {items[-1]}"

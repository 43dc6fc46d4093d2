"""Ticks of axes that the drawing would not choose well: whole numbers, and times since the start."""

from math import ceil, floor, log10

TICKS_AT_MOST = 6
STEPS_S = (
    *(digit * 10.0**power for power in (-3, -2, -1) for digit in (1, 2, 5)),
    *(1, 2, 5, 10, 15, 30),
    *(60 * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(3600 * hours for hours in (1, 2, 3, 6, 12, 24, 48, 72, 168, 336, 720, 1440, 4320, 8640)),
)
"""Between ticks of a time axis."""


def whole_step(top: float) -> int:
    """Between ticks at whole numbers, at most seven up to `top`: 1, 2 or 5 times a power of ten."""
    power = int(10 ** max(0, floor(log10(max(top, 1.0) / TICKS_AT_MOST))))
    return next(digit * power for digit in (1, 2, 5, 10, 20, 50) if digit * power * TICKS_AT_MOST >= top)


def clock_ticks(low: float, high: float, scale_s: float) -> list[tuple[float, str]]:
    """Places in axis units of `scale_s` seconds, and what the clock shows there: hours and minutes since the start."""
    span_s = (high - low) * scale_s
    step = next((step for step in STEPS_S if step * TICKS_AT_MOST >= span_s), STEPS_S[-1])
    places = range(ceil(low * scale_s / step - 1e-9), floor(high * scale_s / step + 1e-9) + 1)
    return [(place * step / scale_s, clock_words(place * step, step)) for place in places]


def clock_words(at_s: float, step_s: float) -> str:
    """108:05, with seconds 108:05:30, and with parts of a second if the step is one."""
    digits = max(0, ceil(-log10(step_s) - 1e-9)) if step_s < 1 else 0
    at_s = round(at_s, digits)
    words = f"{int(at_s // 3600)}:{int(at_s % 3600 // 60):02}"
    if step_s % 60 == 0:
        return words
    seconds = at_s % 60
    return f"{words}:{seconds:0{3 + digits if digits else 2}.{digits}f}"

"""What a recording of arrivals says about the volume, as answers."""

import math
from typing import Any

import numpy as np

from core.units import DAY_S
from simulator.traces import Trace

WINDOWS_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
"""The lengths of peak that are looked for; of counts per interval, the interval and longer ones."""
HALF_OF_PEAK = 0.5
"""A window is another peak if it exceeds the mean by this part of what the highest one does."""
BEYOND_CHANCE = 5.0
"""A window is a peak if its count exceeds the mean by this many standard deviations of a Poisson count: more than chance gives."""
SHORTEST_SWELL_S, CHANCE = 10.0, 0.01
"""Of a peak that does not pass the capacity: its shortest length (shorter ones are unevenness), and how likely Poisson arrivals have one.

A Poisson count of mean m reaches n with a probability of at most exp(-(n log(n / m) - (n - m))), by Chernoff's bound.
"""
HIGHEST_CV = 100.0
MOST_PEAKS = 1440.0
RATES = (1e-6, 1e6)


def measured(trace: Trace, cap_per_s: float = math.inf) -> dict[str, Any]:
    """A recording's volume: its mean rate, its unevenness (of the gaps, peaks included), and as its peak its most unusual window.

    If the mean gets through, and some window brings more than `cap_per_s`, the peak is the one that gathers the largest backlog against it, be it of
    seconds or of an hour; else the one that is least likely with Poisson arrivals. If chance explains every window,
    there is no peak. A recording with no length says nothing.
    """
    if trace.span_s <= 0:
        return {}
    mean = trace.mean_rate_per_s
    volume = {
        "mean_rate_per_s": _three(min(RATES[1], max(RATES[0], mean))),
        "peak_to_mean": 1.0,
        "interarrival_cv": _three(min(HIGHEST_CV, trace.interarrival_cv2**0.5)),
    }
    if (peak_s := _peak_s(trace, cap_per_s)) is None:
        return volume
    minutes, ratio = max(0.01, peak_s / 60), min(10_000.0, max(1.0, trace.busiest(peak_s)))
    a_day = min(MOST_PEAKS, _peaks(trace, peak_s) * DAY_S / trace.span_s, 0.98 * 1440 / (minutes * ratio))
    return volume | {
        "peak_to_mean": _three(ratio),
        "peak_minutes": _three(min(1440.0, minutes)),
        "peaks_per_day": _three(a_day),
    }


def _peak_s(trace: Trace, cap_per_s: float) -> float | None:
    mean = trace.mean_rate_per_s
    lengths = sorted({trace.interval_s, *WINDOWS_S} - {0.0})
    windows = np.array([one for one in lengths if trace.interval_s <= one <= trace.span_s / 2] or [trace.span_s])
    counts = np.array([trace.busiest(window) * mean * window for window in windows])
    expected = mean * windows
    telling = counts > expected + BEYOND_CHANCE * np.sqrt(expected) + BEYOND_CHANCE
    if mean < cap_per_s:
        gathered = np.where(telling, counts - cap_per_s * windows, -math.inf)
        if gathered.max() > 0:
            return float(windows[np.argmax(gathered)])
    surprise = counts * np.log(counts / expected) - (counts - expected)
    is_swell = (windows >= min(SHORTEST_SWELL_S, windows[-1])) & (surprise > np.log(trace.span_s / windows / CHANCE))
    return float(windows[np.where(is_swell, surprise, -math.inf).argmax()]) if is_swell.any() else None


def _peaks(trace: Trace, peak_s: float) -> int:
    """How often the windows rise to a peak; one that lasts longer than a window is one peak."""
    counts, expected = trace.following(peak_s), trace.mean_rate_per_s * peak_s
    excess = counts.max() - expected
    if excess <= BEYOND_CHANCE * np.sqrt(expected):
        return 1
    starts = trace.arrivals_s[counts >= expected + HALF_OF_PEAK * excess]
    return 1 + int((np.diff(starts) > peak_s).sum())


def _three(value: float) -> float:
    return float(f"{value:.3g}")

"""Bursts and outages: the stretches of a run that explain what the lines do."""

from typing import assert_never

import numpy as np

from advisor.reports.charts.model import Floats, Window
from simulator.result import Series
from simulator.scenario import (
    BurstArrivals,
    DailyArrivals,
    GammaArrivals,
    PoissonArrivals,
    RegularArrivals,
    Scenario,
    TraceArrivals,
)

MOST_WINDOWS = 60
BUSY = 2.0
"""A recorded trace bursts where it runs at more than this many times its mean rate ..."""
STRETCHES = 60
"""... over a stretch of one part in so many of the run ..."""
PAUSE = 3
"""... with pauses of at most so many stretches in it."""


def windows_of(scenario: Scenario, series: Series) -> tuple[Window, ...]:
    """The bursts and outages inside the run, in seconds. None of a kind where there are too many to be read."""
    end_s = run_end_s(series)
    outages = [
        Window(outage.start_s, min(end_s, outage.start_s + outage.length_s), "outage")
        for outage in scenario.provider.outages
        if outage.start_s < end_s
    ]
    bursts = _bursts(scenario, series, end_s)
    return tuple(window for windows in (bursts, outages) if len(windows) <= MOST_WINDOWS for window in windows)


def run_end_s(series: Series) -> float:
    """The end of the last bin."""
    return series.t_s[-1] + bin_s(series) if series.t_s else 0.0


def bin_s(series: Series) -> float:
    """The width of a bin; a lone bin tells nothing and counts as a second."""
    return series.t_s[1] - series.t_s[0] if len(series.t_s) > 1 else 1.0


def _bursts(scenario: Scenario, series: Series, end_s: float) -> list[Window]:
    arrivals = scenario.arrivals
    last_s = _last_arrival_s(series)
    match arrivals:
        case BurstArrivals():
            if arrivals.peak_to_mean == 1:
                return []
            quiet_s = (arrivals.every_s - arrivals.peak_s) / 2
            starts = np.arange(quiet_s, last_s, arrivals.every_s)  # the peak is in the middle of its cycle
            return [Window(float(start), min(end_s, float(start) + arrivals.peak_s), "burst") for start in starts]
        case TraceArrivals():
            return _busy(series, last_s)
        case RegularArrivals() | PoissonArrivals() | GammaArrivals() | DailyArrivals():
            return []
        case _:
            assert_never(arrivals)


def _last_arrival_s(series: Series) -> float:
    busy = np.flatnonzero(np.asarray(series.arrivals))
    return float(series.t_s[busy[-1]]) + bin_s(series) if len(busy) else 0.0


def _busy(series: Series, last_s: float) -> list[Window]:
    """Stretches of the recorded arrivals that run well above their mean rate, joined where they nearly touch."""
    counts, edges = np.histogram(series.t_s, bins=STRETCHES, range=(0, last_s or 1.0), weights=series.arrivals)
    found: list[tuple[int, int]] = []
    for place in np.flatnonzero(counts > BUSY * counts.mean()).tolist():
        if found and place - found[-1][1] <= PAUSE:
            found[-1] = found[-1][0], place + 1
        else:
            found.append((place, place + 1))
    return [Window(float(edges[start]), float(edges[end]), "burst") for start, end in found]


def drain_s(ends_s: Floats, depth: Floats, windows: tuple[Window, ...]) -> tuple[Window, float] | None:
    """The window after which the queue was deepest, and how long after its end it had drained to 5 % of its peak.

    None where there is no window, or no queue was left at its end (jobs that wait a moment now and then are no backlog), or where it never drained.
    """
    if not windows or depth.max() < 1:
        return None
    peak = int(np.argmax(depth))
    before = [window for window in windows if window.start <= ends_s[peak]]
    if not before:
        return None
    window = before[-1]
    level = 0.05 * float(depth[peak])
    left = depth[ends_s >= window.end]
    if not len(left) or left[0] <= level:
        return None
    low = np.flatnonzero((ends_s >= max(window.end, float(ends_s[peak]))) & (depth <= level))
    return (window, float(ends_s[low[0]]) - window.end) if len(low) else None

"""A first replication over time: coarse bins of the whole run, and the finer ones of its windows in their place."""

from collections.abc import Callable, Iterable
from math import ceil

import numpy as np
from numpy.typing import NDArray

from advisor.reports.charts.model import FloatArray
from simulator.result import CallRate, DesignResult, FineSeries, Series

RATE_BINS = 120
MOST_STRETCHES = 100
"""Stretches of a line: more would be a comb. Each keeps its busiest second."""


def run_end_s(series: Series) -> float:
    return series.t_s[-1] + bin_s(series) if series.t_s else 0.0


def bin_s(series: Series) -> float:
    """The width of a bin; a lone bin counts as a second."""
    return series.t_s[1] - series.t_s[0] if len(series.t_s) > 1 else 1.0


def ends_of(series: Series) -> FloatArray:
    """The ends of the bins, at which queue depth and lag are measured."""
    return np.asarray(series.t_s, dtype=np.float64) + bin_s(series)


def level_points(
    design: DesignResult, values: Callable[[Series], FloatArray], most: int = 0
) -> tuple[FloatArray, FloatArray]:
    """Instants and levels at the bins' ends; averaged over `most` stretches of the run and of each window if that is given."""
    points = _averaged_levels(design.series, values, most)
    for fine in design.fine:
        points = _replaced(points, _averaged_levels(fine.series, values, most), (fine.start_s, _end_s(fine)))
    return points


def _averaged_levels(
    series: Series, values: Callable[[Series], FloatArray], most: int
) -> tuple[FloatArray, FloatArray]:
    at_s, figures = ends_of(series), np.asarray(values(series), np.float64)
    group = -(-len(figures) // most) if most else 1
    return at_s[_last_of(len(at_s), group)], _averaged(figures, group)


def _last_of(length: int, group: int) -> NDArray[np.int64]:
    return np.minimum(np.arange(group - 1, length + group - 1, group), length - 1)


def _averaged(figures: FloatArray, group: int) -> FloatArray:
    if not len(figures):
        return figures
    starts = np.arange(0, len(figures), group)
    return np.add.reduceat(figures, starts) / np.diff(np.append(starts, len(figures)))


def _end_s(fine: FineSeries) -> float:
    return fine.start_s + fine.width_s * len(fine.arrivals)


def _replaced(
    points: tuple[FloatArray, FloatArray], finer: tuple[FloatArray, FloatArray], window: tuple[float, float]
) -> tuple[FloatArray, FloatArray]:
    """The finer points take the place of those inside the window."""
    (at_s, figures), (start_s, end_s) = points, window
    before, after = at_s < start_s, at_s > end_s
    return (
        np.concatenate([at_s[before], finer[0], at_s[after]]),
        np.concatenate([figures[before], finer[1], figures[after]]),
    )


def rate_points(design: DesignResult, name: str) -> tuple[FloatArray, FloatArray]:
    """Starts and rates per second of steps, at most `RATE_BINS` of the run and of each window; the last value is repeated at the end."""
    points = _rates(design.series, name)
    for fine in design.fine:
        points = _without(points, np.asarray(getattr(fine, name), np.float64), fine)
        points = _stepped_over(points, _rates(fine.series, name), (fine.start_s, _end_s(fine)))
    return points


def _without(
    points: tuple[FloatArray, FloatArray], counts: FloatArray, fine: FineSeries
) -> tuple[FloatArray, FloatArray]:
    """The rates of the steps without what a window takes of their time and of their jobs."""
    (at_s, rates), spans = points, np.diff(points[0])
    inside = np.clip(at_s, fine.start_s, _end_s(fine))
    edges = fine.start_s + fine.width_s * np.arange(len(counts) + 1)
    taken = np.diff(np.interp(inside, edges, np.append(0.0, np.cumsum(counts))))
    left_s = spans - np.diff(inside)
    partly = (np.diff(inside) > 0) & (left_s > 1e-9 * spans)
    rest = np.where(partly, np.maximum(0.0, rates[:-1] * spans - taken) / np.where(partly, left_s, 1.0), rates[:-1])
    return at_s, np.append(rest, rest[-1:])


def _rates(series: Series, name: str) -> tuple[FloatArray, FloatArray]:
    counts, width = np.asarray(getattr(series, name), dtype=np.float64), bin_s(series)
    group = -(-len(counts) // RATE_BINS)
    padded = np.concatenate([counts, np.zeros(-len(counts) % group)]).reshape(-1, group).sum(axis=1)
    spans = np.full(len(padded), group * width)
    spans[-1] = width * (len(counts) - group * (len(padded) - 1))
    times = series.t_s[0] + np.arange(len(padded)) * group * width
    rates = padded / spans
    return np.append(times, series.t_s[0] + len(counts) * width), np.append(rates, rates[-1])


def _stepped_over(
    points: tuple[FloatArray, FloatArray], finer: tuple[FloatArray, FloatArray], window: tuple[float, float]
) -> tuple[FloatArray, FloatArray]:
    """As `_replaced`, of steps that hold from their start on: the coarse step goes on after the window."""
    (at_s, figures), (_, end_s) = points, window
    goes_on = figures[max(0, int(np.searchsorted(at_s, end_s, side="right")) - 1)]
    inside = finer[0] < end_s
    return _replaced(points, (np.append(finer[0][inside], end_s), np.append(finer[1][inside], goes_on)), window)


def stretch_s(rates: Iterable[CallRate]) -> float:
    """Length of a step for all designs: at most `MOST_STRETCHES` steps, each of whole bins."""
    known = [rate for rate in rates if rate.per_s]
    widest = max((rate.width_s for rate in known), default=1.0)
    longest = max((len(rate.per_s) * rate.width_s for rate in known), default=0.0)
    return widest * max(1, ceil(longest / (MOST_STRETCHES * widest)))


def call_points(
    design: DesignResult, width_s: float, end_s: float, window_widths_s: tuple[float, ...] = ()
) -> tuple[FloatArray, FloatArray]:
    """Starts and busiest seconds of steps of `width_s`, and of their own widths in windows."""
    points = call_steps(design.call_rate, width_s, end_s)
    for fine, fine_width_s in zip(design.fine, window_widths_s, strict=False):
        start_s, last_s = fine.call_rate.start_s, _end_s(fine)
        at_s, calls = call_steps(fine.call_rate, fine_width_s, last_s - start_s)
        points = _stepped_over(points, (at_s + start_s, calls), (start_s, last_s))
    return points


def call_steps(rate: CallRate, width_s: float, end_s: float) -> tuple[FloatArray, FloatArray]:
    """Return the steps' starts and busiest seconds, then zeros at the end of the calls and of the run."""
    group = max(1, round(width_s / rate.width_s))
    padded = np.concatenate([np.asarray(rate.per_s, np.float64), np.zeros(-len(rate.per_s) % group)])
    most = padded.reshape(-1, group).max(axis=1) if len(padded) else padded
    starts: FloatArray = np.arange(len(most), dtype=np.float64) * np.float64(width_s)
    last_s = min(len(most) * width_s, max(end_s, float(starts[-1]) if len(starts) else 0.0))
    return np.concatenate([starts, [last_s, max(end_s, last_s)]]), np.concatenate([most, [0.0, 0.0]])


def latency_points(fine: FineSeries) -> tuple[FloatArray, FloatArray]:
    """Ends of the steps in seconds, and the p95 of those that arrived in each; nan if none did. A first point opens the first step."""
    p95 = np.array([np.nan if value is None else value for value in fine.latency.p95_s], dtype=np.float64)
    starts = fine.start_s + fine.latency.width_s * np.arange(len(p95))
    return np.append(starts, _end_s(fine)), np.append(p95, p95[-1:])

"""The charts of the first replication over time: queue depth, in flight, lag, throughput and calls to the provider."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil
from typing import Self, assert_never

import numpy as np
from numpy.typing import NDArray

from advisor.reports import wording
from advisor.reports.charts.labels import labelled
from advisor.reports.charts.model import Axis, Chart, Designs, FloatArray, Line, Table, Window
from core.numbers import MISSING, count, duration, number, rate, time_unit
from simulator.arrivals import (
    BacklogArrivals,
    BurstArrivals,
    ClosedArrivals,
    DailyArrivals,
    GammaArrivals,
    PoissonArrivals,
    RegularArrivals,
    TraceArrivals,
)
from simulator.result import CallRate, DesignResult, Result, Series
from simulator.scenario import Scenario

TABLE_ROWS = 24
RATE_BINS = 120
MEAN_BINS = 200


@dataclass(frozen=True)
class Timeline:
    """`windows` and `end_s` are in seconds; the time axis has `scale` seconds a unit."""

    designs: Designs
    windows: tuple[Window, ...]
    end_s: float
    scale: float
    unit: str

    @classmethod
    def until(cls, end_s: float, designs: Designs, windows: tuple[Window, ...]) -> Self:
        return cls(designs, windows, end_s, *time_unit(end_s))

    @classmethod
    def from_result(cls, result: Result, scenario: Scenario) -> Self | None:
        """None if no design has a series."""
        designs = tuple((style, design) for style, design in wording.designs_of(result) if design.series.t_s)
        if not designs:
            return None
        longest = max((design.series for _, design in designs), key=run_end_s)
        return cls.until(run_end_s(longest), designs, windows_of(scenario, longest))

    @property
    def axis(self) -> Axis:
        return Axis(f"Time since the start ({self.unit})", self.unit, low=0.0, high=self.end_s / self.scale)

    @property
    def shaded(self) -> tuple[Window, ...]:
        return tuple(Window(window.start / self.scale, window.end / self.scale, window.kind) for window in self.windows)

    def chart(
        self,
        name: str,
        title: str,
        y: Axis,
        lines: Sequence[Line],
        words: Callable[[float], str],
        how: str = "Largest",
        *,
        what: str = "",
        tabled: Sequence[Line] = (),
    ) -> Chart:
        """`tabled` are the lines behind the table if those are not the drawn ones, `how` they are summed up in it."""
        kinds = sorted({window.kind for window in self.windows})
        shading = f" Shaded: {wording.listed([f'{kind}s' for kind in kinds])}." if kinds else ""
        return Chart(
            id=name,
            title=title,
            alt=f"{title}. {what or f'{y.title} over time, first replication'}.{shading}",
            x=self.axis,
            y=y,
            table=table_over_time(self, tabled or lines, words, how),
            lines=labelled(tuple(lines), self.axis, high=y.high),
            windows=self.shaded,
        )


def queue_depth(timeline: Timeline, scenario: Scenario) -> Chart:
    return _stepped(
        timeline, "queue_depth", _depth_finding(timeline, scenario), Axis("Jobs waiting", "jobs", low=0.0, whole=True),
        lambda series: np.asarray(series.queue_depth), count,
    )  # fmt: skip


def _depth_finding(timeline: Timeline, scenario: Scenario) -> str:
    peaks = {style: max(design.series.queue_depth) for style, design in timeline.designs}
    if max(peaks.values()) < 1:
        return f"No queue forms in {'either design' if len(peaks) == 2 else 'any design'}"
    parts = []
    for style, design in timeline.designs:
        name = "synchronous backlog" if style == "synchronous" else f"{wording.design_name(style)} queue"
        limit = scenario.synchronous.backlog if style == "synchronous" else scenario.event_driven.max_queue
        if peaks[style] < 1:
            parts.append(f"the {name} stays empty")
        elif limit is not None and peaks[style] >= limit:
            parts.append(f"the {name} fills to its limit of {count(limit)}")
        else:
            parts.append(f"the {name} peaks at {count(peaks[style])}")
        parts[-1] += _drain(design, timeline.windows)
    return wording.capitalised("; ".join(parts))


def _drain(design: DesignResult, windows: tuple[Window, ...]) -> str:
    ends, depth = ends_of(design.series), np.asarray(design.series.queue_depth)
    drained = drained_after(ends, depth, windows) if design.stable else None
    if drained is None:
        return "" if design.stable else " and keeps growing"
    window, after = drained
    return f" and drains {duration(after)} after the {window.kind}" if after >= bin_s(design.series) else ""


def in_flight(timeline: Timeline, scenario: Scenario) -> Chart:
    parts = []
    for style, design in timeline.designs:
        peak, places = max(design.series.in_flight), _places(scenario, style)
        nouns = "workers" if style == "synchronous" else "consumers"
        at = f"all {count(places)}" if peak >= places else f"{count(peak)} of {count(places)}"
        parts.append(f"{at} {wording.design_name(style)} {nouns}")
    title = f"At the busiest {wording.listed(parts)} are at work"
    return _stepped(
        timeline, "in_flight", title, Axis("Jobs in flight (average)", "jobs", low=0.0),
        lambda series: np.asarray(series.in_flight), number, most=MEAN_BINS,
    )  # fmt: skip


def _places(scenario: Scenario, style: str) -> int:
    if scenario.autoscaling is not None:
        return scenario.autoscaling.max
    return scenario.synchronous.workers if style == "synchronous" else scenario.event_driven.consumers


def lag(timeline: Timeline) -> Chart:
    most = {style: max(design.series.lag_s) for style, design in timeline.designs}
    scale, unit = time_unit(max(most.values()))
    worst = [f"{duration(most[style])} in the {wording.design_name(style)} design" for style, _ in timeline.designs]
    title = (
        "No job waits to be started"
        if not max(most.values())
        else f"The oldest job waits up to {wording.listed(worst)}"
    )
    return _stepped(
        timeline, "lag", title, Axis(f"Age of the oldest waiting job ({unit})", unit, low=0.0),
        lambda series: np.asarray(series.lag_s) / scale, lambda value: duration(value * scale),
    )  # fmt: skip


def throughput(timeline: Timeline) -> Chart:
    times, load = _rates(timeline.designs[0][1].series, "arrivals")
    lines = [Line("Arrivals", None, times / timeline.scale, load, "step")]
    parts = [f"arrivals reach {rate(float(load.max()))}"]
    for style, design in timeline.designs:
        at, done = _rates(design.series, "completed")
        lines.append(Line(wording.style_name(style), style, at / timeline.scale, done, "step"))
        parts.append(f"{wording.design_name(style)} completions {rate(float(done.max()))}")
    title = wording.capitalised("; ".join(parts))
    y = Axis("Jobs per second (/s)", "/s", low=0.0)
    what = "Rates over time, first replication"
    return timeline.chart("throughput", title, y, lines, rate, "Mean rate", what=what)


def _rates(series: Series, name: str) -> tuple[FloatArray, FloatArray]:
    """Rates per second over at most `RATE_BINS` bins; the last value is repeated at the run's end."""
    counts, width = np.asarray(getattr(series, name), dtype=np.float64), bin_s(series)
    group = -(-len(counts) // RATE_BINS)
    padded = np.concatenate([counts, np.zeros(-len(counts) % group)]).reshape(-1, group).sum(axis=1)
    spans = np.full(len(padded), group * width)
    spans[-1] = width * (len(counts) - group * (len(padded) - 1))
    times = np.arange(len(padded)) * group * width
    rates = padded / spans
    return np.append(times, len(counts) * width), np.append(rates, rates[-1])


def _stepped(
    timeline: Timeline,
    name: str,
    title: str,
    y: Axis,
    values: Callable[[Series], FloatArray],
    words: Callable[[float], str],
    most: int = 0,
) -> Chart:
    """A figure at the bins' ends; averaged over `most` stretches if that is given."""
    lines = []
    for style, design in timeline.designs:
        at_s, figures = ends_of(design.series), values(design.series)
        group = -(-len(figures) // most) if most else 1
        at_s, figures = at_s[_last_of(len(at_s), group)], _averaged(figures, group)
        lines.append(Line(wording.style_name(style), style, at_s / timeline.scale, figures, "step"))
    return timeline.chart(name, title, y, lines, words)


def _last_of(length: int, group: int) -> NDArray[np.int64]:
    return np.minimum(np.arange(group - 1, length + group - 1, group), length - 1)


def _averaged(figures: FloatArray, group: int) -> FloatArray:
    starts = np.arange(0, len(figures), group)
    return np.add.reduceat(figures, starts) / np.diff(np.append(starts, len(figures)))


def ends_of(series: Series) -> FloatArray:
    """The ends of the bins, at which queue depth and lag are measured."""
    return np.asarray(series.t_s, dtype=np.float64) + bin_s(series)


def table_over_time(timeline: Timeline, lines: Sequence[Line], words: Callable[[float], str], how: str) -> Table:
    """At most `TABLE_ROWS` equal stretches, each with the lines' largest or mean value in it."""
    high = timeline.end_s / timeline.scale
    edges = np.linspace(0, high, min(TABLE_ROWS, max(len(line.x) for line in lines)) + 1)
    rows = []
    for low, top in pairwise(edges):
        inside = [line.y[(line.x > low) & (line.x <= top)] for line in lines]
        figures = [(part.mean() if how.startswith("Mean") else part.max()) if len(part) else None for part in inside]
        rows.append(
            (
                f"{duration(low * timeline.scale)} to {duration(top * timeline.scale)}",
                *(MISSING if figure is None else words(float(figure)) for figure in figures),
            )
        )
    return Table((f"Time ({how.lower()} in it)", *(line.label for line in lines)), tuple(rows))


CALLS_TITLE = "Calls to the provider (/s)"
MOST_STRETCHES = 100
"""Stretches of a line: more would be a comb. Each keeps its busiest second."""
MORE = 1.2
"""The busiest second after an outage counts as a herd from this many times the calls of the busiest before it."""


def provider_calls(timeline: Timeline, width_s: float) -> tuple[Chart, ...]:
    """Empty if no design has a call rate: results that were stored before it was measured."""
    designs = tuple((style, design) for style, design in timeline.designs if design.call_rate.per_s)
    if not designs:
        return ()
    outage_s = min((window.start for window in timeline.windows if window.kind == "outage"), default=None)
    lines = call_lines(designs, width_s, timeline.scale, timeline.end_s)
    ends = [replace(line, x=np.minimum(line.x + width_s / timeline.scale, line.x[-1])) for line in lines]
    y = Axis(calls_title(width_s), "/s", low=0.0)
    return (timeline.chart("provider_calls", _calls_finding(designs, outage_s), y, lines, count, tabled=ends),)


def stretch_s(designs: Iterable[DesignResult]) -> float:
    """Length of a step for all designs: at most `MOST_STRETCHES` steps, each of whole bins."""
    rates = [design.call_rate for design in designs if design.call_rate.per_s]
    widest = max((rate.width_s for rate in rates), default=1.0)
    longest = max((len(rate.per_s) * rate.width_s for rate in rates), default=0.0)
    return widest * max(1, ceil(longest / (MOST_STRETCHES * widest)))


def calls_title(width_s: float) -> str:
    return CALLS_TITLE if width_s <= 1 else f"Calls a second (highest in each {duration(width_s)})"


def call_lines(designs: Designs, width_s: float, scale: float, end_s: float | None = None) -> tuple[Line, ...]:
    """Up to the end of each design's own series if no `end_s` is given."""
    return tuple(
        Line(wording.style_name(style), style, x / scale, y, "step")
        for style, design in designs
        for x, y in [call_steps(design.call_rate, width_s, run_end_s(design.series) if end_s is None else end_s)]
    )


def call_steps(rate: CallRate, width_s: float, end_s: float) -> tuple[FloatArray, FloatArray]:
    """Return the steps' starts and busiest seconds, then zeros at the end of the calls and of the run."""
    group = max(1, round(width_s / rate.width_s))
    padded = np.concatenate([np.asarray(rate.per_s, np.float64), np.zeros(-len(rate.per_s) % group)])
    most = padded.reshape(-1, group).max(axis=1) if len(padded) else padded
    starts: FloatArray = np.arange(len(most), dtype=np.float64) * np.float64(width_s)
    last_s = min(len(most) * width_s, max(end_s, float(starts[-1]) if len(starts) else 0.0))
    return np.concatenate([starts, [last_s, max(end_s, last_s)]]), np.concatenate([most, [0.0, 0.0]])


def _calls_finding(designs: Designs, outage_s: float | None) -> str:
    peaks = [(style, max(design.call_rate.per_s)) for style, design in designs]
    reached = wording.listed([f"{count(peak)} ({wording.design_name(style)})" for style, peak in peaks])
    title = f"Calls to the provider reach {reached} a second"
    herds = [] if outage_s is None else [herd for style, design in designs if (herd := _herd(style, design, outage_s))]
    return f"{title}: {wording.listed(herds)}" if herds else title


def _herd(style: str, design: DesignResult, outage_s: float) -> str:
    place = int(outage_s / design.call_rate.width_s)
    before, after = design.call_rate.per_s[:place], design.call_rate.per_s[place:]
    if not before or not after or not max(before) or max(after) <= MORE * max(before):
        return ""
    times = number(max(after) / max(before))
    return f"{times} times as many as before the outage in the {wording.design_name(style)} design"


MOST_WINDOWS = 60
BURST_TO_MEAN = 2.0
"""A recorded trace bursts where it runs at more than this many times its mean rate ..."""
STRETCHES = 60
"""... over a stretch of one part in this many of the run ..."""
PAUSE = 3
"""... with pauses of at most this many stretches in it."""


def windows_of(scenario: Scenario, series: Series) -> tuple[Window, ...]:
    """In seconds, inside the run; none of a kind if there are more than `MOST_WINDOWS` of it."""
    end_s = run_end_s(series)
    outages = [
        Window(outage.start_s, min(end_s, outage.start_s + outage.length_s), "outage")
        for outage in scenario.provider.outages
        if outage.start_s < end_s
    ]
    bursts = _bursts(scenario, series, end_s)
    return tuple(window for windows in (bursts, outages) if len(windows) <= MOST_WINDOWS for window in windows)


def run_end_s(series: Series) -> float:
    return series.t_s[-1] + bin_s(series) if series.t_s else 0.0


def bin_s(series: Series) -> float:
    """The width of a bin; a lone bin counts as a second."""
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
        case (
            RegularArrivals()
            | PoissonArrivals()
            | GammaArrivals()
            | DailyArrivals()
            | BacklogArrivals()
            | ClosedArrivals()
        ):
            return []
        case _:
            assert_never(arrivals)


def _last_arrival_s(series: Series) -> float:
    busy = np.flatnonzero(np.asarray(series.arrivals))
    return float(series.t_s[busy[-1]]) + bin_s(series) if len(busy) else 0.0


def _busy(series: Series, last_s: float) -> list[Window]:
    """Stretches of recorded arrivals well above their mean rate, joined if they nearly touch."""
    counts, edges = np.histogram(series.t_s, bins=STRETCHES, range=(0, last_s or 1.0), weights=series.arrivals)
    stretches: list[tuple[int, int]] = []
    for place in np.flatnonzero(counts > BURST_TO_MEAN * counts.mean()).tolist():
        if stretches and place - stretches[-1][1] <= PAUSE:
            stretches[-1] = stretches[-1][0], place + 1
        else:
            stretches.append((place, place + 1))
    return [Window(float(edges[start]), float(edges[end]), "burst") for start, end in stretches]


def drained_after(ends_s: FloatArray, depth: FloatArray, windows: tuple[Window, ...]) -> tuple[Window, float] | None:
    """The window before the deepest queue, and the time from its end until 5 % of the peak.

    None without a window, if no queue was left at its end (jobs that wait for a moment are no backlog), or if it never drained.
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

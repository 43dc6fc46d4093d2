"""The charts of the first replication over time: queue depth, in flight, lag, throughput and calls to the provider."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self, assert_never

import numpy as np

from advisor.reports import wording
from advisor.reports.charts.composite import (
    bin_s,
    call_points,
    latency_points,
    level_points,
    rate_points,
    run_end_s,
    stretch_s,
)
from advisor.reports.charts.labels import clipped, fitted
from advisor.reports.charts.latency import deadline_text, scenario_deadlines
from advisor.reports.charts.model import Axis, Chart, ChartView, Deadline, Designs, FloatArray, Line, Table, Window
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
from simulator.result import CallRate, DesignResult, FineWindow, Result, Series
from simulator.scenario import Scenario

TABLE_ROWS = 24
WINDOW_ROWS = 12
EDGE = 0.002
"""A view ends this much of it before its window: there the coarse bins begin again."""
ROOM_ABOVE = 1.1
"""The top of the axis by a deadline near it, whose words are above its line."""
MOST_ABOVE = 1.5
"""A deadline up to this many times above the lines is on the chart."""
MEAN_BINS = 200


@dataclass(frozen=True)
class Timeline:
    """`windows` and `end_s` are in seconds; the time axis has `scale` seconds a unit."""

    designs: Designs
    windows: tuple[Window, ...]
    end_s: float
    scale: float
    unit: str
    parts: tuple[tuple[str, float, float], ...] = ()
    """Windows with finer bins: their names, starts and ends in seconds. The charts open at the first."""

    @classmethod
    def until(
        cls,
        end_s: float,
        designs: Designs,
        windows: tuple[Window, ...],
        parts: tuple[tuple[str, float, float], ...] = (),
    ) -> Self:
        return cls(designs, windows, end_s, *time_unit(end_s), parts)

    @classmethod
    def from_result(cls, result: Result, scenario: Scenario) -> Self | None:
        """None if no design has a series."""
        designs = tuple((style, design) for style, design in wording.designs_of(result) if design.series.t_s)
        if not designs:
            return None
        longest = max((design.series for _, design in designs), key=run_end_s)
        return cls.until(run_end_s(longest), designs, windows_of(scenario, longest), parts_of(result))

    @property
    def axis(self) -> Axis:
        unit = "h:min" if self.parts else self.unit
        return Axis(f"Time since the start ({unit})", self.unit, low=0.0, high=self.end_s / self.scale)

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
        together: Sequence[Line] = (),
        limits: tuple[Deadline, ...] = (),
    ) -> Chart:
        """`tabled` are the lines behind the table if those are not the drawn ones, `how` they are summed up in it.

        `together` are the lines of all charts that share the y axis.
        """
        views = tuple(self._view(part, tuple(lines), together or lines, y, limits) for part in self._parts)
        whole = views[-1]
        spotted = tuple(replace(line, spot=spot) for line, spot in zip(lines, whole.spots, strict=True))
        kinds = sorted({window.kind for window in self.windows})
        shading = f" Shaded: {wording.listed([f'{kind}s' for kind in kinds])}." if kinds else ""
        return Chart(
            id=name,
            title=title,
            alt=f"{title}. {what or f'{y.title} over time, first replication'}.{shading}",
            x=self.axis,
            y=replace(y, high=whole.top),
            table=table_over_time(self, tabled or lines, words, how),
            lines=spotted,
            windows=self.shaded,
            limits=limits,
            views=views if self.parts else (),
            scale_s=self.scale,
        )

    @property
    def _parts(self) -> tuple[tuple[str, float, float], ...]:
        return (*self.parts, ("Whole run", 0.0, self.end_s))

    def _view(
        self,
        part: tuple[str, float, float],
        lines: tuple[Line, ...],
        together: Sequence[Line],
        y: Axis,
        limits: tuple[Deadline, ...],
    ) -> ChartView:
        name, low, high = part[0], part[1] / self.scale, part[2] / self.scale
        high -= EDGE * (high - low) if part in self.parts else 0.0
        top = max((float(clipped(line, low, high).y.max()) for line in together), default=0.0)
        seen = [limit for limit in limits if limit.x < MOST_ABOVE * top]
        top = max([top, 1.0 if y.whole else 0.0, *(ROOM_ABOVE * limit.x for limit in seen)]) or 1.0
        placed = fitted(lines, self.axis, low, high, top, seen)
        return ChartView(name, low, high, placed.top, placed.spots)


def queue_depth(timeline: Timeline, scenario: Scenario) -> Chart:
    return _stepped(
        timeline, "queue_depth", _depth_finding(timeline, scenario), Axis("Jobs waiting", "jobs", low=0.0, whole=True),
        _depths, count,
    )  # fmt: skip


def _depths(series: Series) -> FloatArray:
    return np.asarray(series.queue_depth, np.float64)


def _lags(series: Series) -> FloatArray:
    return np.asarray(series.lag_s, np.float64)


def _in_flight(series: Series) -> FloatArray:
    return np.asarray(series.in_flight, np.float64)


def _depth_finding(timeline: Timeline, scenario: Scenario) -> str:
    peaks = {style: float(level_points(design, _depths)[1].max()) for style, design in timeline.designs}
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
    ends, depth = level_points(design, _depths)
    drained = drained_after(ends, depth, windows) if design.stable else None
    if drained is None:
        return "" if design.stable else " and keeps growing"
    window, after = drained
    finest_s = min([bin_s(design.series), *(fine.width_s for fine in design.fine)])
    return f" and drains {duration(after)} after the {window.kind}" if after >= finest_s else ""


def in_flight(timeline: Timeline, scenario: Scenario) -> Chart:
    parts = []
    for style, design in timeline.designs:
        peak, places = level_points(design, _in_flight)[1].max(), _places(scenario, style)
        nouns = "workers" if style == "synchronous" else "consumers"
        at = f"all {count(places)}" if peak >= places else f"{count(peak)} of {count(places)}"
        parts.append(f"{at} {wording.design_name(style)} {nouns}")
    title = f"At the busiest {wording.listed(parts)} are at work"
    return _stepped(
        timeline, "in_flight", title, Axis("Jobs in flight (average)", "jobs", low=0.0),
        _in_flight, number, most=MEAN_BINS,
    )  # fmt: skip


def _places(scenario: Scenario, style: str) -> int:
    if scenario.autoscaling is not None:
        return scenario.autoscaling.max
    return scenario.synchronous.workers if style == "synchronous" else scenario.event_driven.consumers


def lag(timeline: Timeline) -> Chart:
    most = {style: float(level_points(design, _lags)[1].max()) for style, design in timeline.designs}
    scale, unit = time_unit(max(most.values()))
    worst = [f"{duration(most[style])} in the {wording.design_name(style)} design" for style, _ in timeline.designs]
    title = (
        "No job waits to be started"
        if not max(most.values())
        else f"The oldest job waits up to {wording.listed(worst)}"
    )
    return _stepped(
        timeline, "lag", title, Axis(f"Age of the oldest waiting job ({unit})", unit, low=0.0),
        lambda series: _lags(series) / scale, lambda value: duration(value * scale),
    )  # fmt: skip


def throughput(timeline: Timeline) -> Chart:
    times, load = rate_points(timeline.designs[0][1], "arrivals")
    lines = [Line("Arrivals", None, times / timeline.scale, load, "step")]
    parts = [f"arrivals reach {rate(float(load.max()))}"]
    for style, design in timeline.designs:
        at, done = rate_points(design, "completed")
        lines.append(Line(wording.style_name(style), style, at / timeline.scale, done, "step"))
        parts.append(f"{wording.design_name(style)} completions {rate(float(done.max()))}")
    title = wording.capitalised("; ".join(parts))
    y = Axis("Jobs per second (/s)", "/s", low=0.0)
    what = "Rates over time, first replication"
    return timeline.chart("throughput", title, y, lines, rate, "Mean rate", what=what)


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
        at_s, figures = level_points(design, values, most)
        lines.append(Line(wording.style_name(style), style, at_s / timeline.scale, figures, "step"))
    return timeline.chart(name, title, y, lines, words)


def table_over_time(timeline: Timeline, lines: Sequence[Line], words: Callable[[float], str], how: str) -> Table:
    """Stretches, each with the lines' largest or mean value in it: `TABLE_ROWS` of the run, `WINDOW_ROWS` of a window in their place."""
    high = timeline.end_s / timeline.scale
    edges = np.linspace(0, high, min(TABLE_ROWS, max(len(line.x) for line in lines)) + 1)
    for _, start_s, end_s in timeline.parts:
        low, top = start_s / timeline.scale, end_s / timeline.scale
        outside = edges[(edges < low) | (edges > top)]
        edges = np.sort(np.concatenate([outside, np.linspace(low, top, WINDOW_ROWS + 1)]))
    rows = []
    for low, top in pairwise(edges):
        inside = [line.y[(line.x > low) & (line.x <= top) & np.isfinite(line.y)] for line in lines]
        figures = [(part.mean() if how.startswith("Mean") else part.max()) if len(part) else None for part in inside]
        rows.append(
            (
                _stretch(low * timeline.scale, top * timeline.scale),
                *(MISSING if figure is None else words(float(figure)) for figure in figures),
            )
        )
    return Table((f"Time ({how.lower()} in it)", *(line.label for line in lines)), tuple(rows))


def _stretch(start_s: float, end_s: float) -> str:
    """With as many digits as tell the ends apart."""
    digits = next(
        (digits for digits in range(3, 9) if duration(start_s, digits=digits) != duration(end_s, digits=digits)), 9
    )
    return f"{duration(start_s, digits=digits)} to {duration(end_s, digits=digits)}"


CALLS_TITLE = "Calls to the provider (/s)"
STEPS_TITLE = "Calls a second (highest in each step)"
MORE = 1.2
"""The busiest second after an outage counts as a herd from this many times the calls of the busiest before it."""


LATENCY_TITLE = "p95 latency by arrival"


def latency_over_time(timeline: Timeline, scenario: Scenario) -> tuple[Chart, ...]:
    """In the windows alone. Empty if there are none, or no job that arrived in them has a result."""
    points = {style: _latencies(design) for style, design in timeline.designs}
    worst = {style: float(np.nanmax(y)) for style, (_, y) in points.items() if np.isfinite(y).any()}
    if not worst:
        return ()
    scale, unit = time_unit(max(worst.values()))
    lines = [
        Line(wording.style_name(style), style, x / timeline.scale, y / scale, "step")
        for style, (x, y) in points.items()
        if style in worst
    ]
    reached = wording.listed([f"{duration(most)} ({wording.design_name(style)})" for style, most in worst.items()])
    limits = tuple(
        Deadline(value / scale, deadline_text(name, value)) for name, value in scenario_deadlines(scenario).items()
    )
    what = "For each step, the latency that 95 % of the jobs that arrived in it and have a result do not exceed, first replication"
    return (
        timeline.chart(
            "latency_over_time", f"The p95 latency, by time of arrival, reaches {reached}",
            Axis(f"{LATENCY_TITLE} ({unit})", unit, low=0.0), lines, lambda value: duration(value * scale),
            what=what, limits=limits,
        ),
    )  # fmt: skip


def _latencies(design: DesignResult) -> tuple[FloatArray, FloatArray]:
    """Of all windows, with a gap after each."""
    pieces = [latency_points(fine) for fine in design.fine if fine.latency.p95_s]
    if not pieces:
        return np.array([]), np.array([])
    return (
        np.concatenate([np.append(x, x[-1]) for x, _ in pieces]),
        np.concatenate([np.append(y, np.nan) for _, y in pieces]),
    )


def provider_calls(timeline: Timeline, width_s: float) -> tuple[Chart, ...]:
    """Empty if no design has a call rate: results that were stored before it was measured."""
    designs = tuple((style, design) for style, design in timeline.designs if design.call_rate.per_s)
    if not designs:
        return ()
    outage_s = min((window.start for window in timeline.windows if window.kind == "outage"), default=None)
    window_widths_s = tuple(
        stretch_s(design.fine[place].call_rate for _, design in designs) for place in range(len(designs[0][1].fine))
    )
    lines = call_lines(designs, width_s, timeline.scale, timeline.end_s, window_widths_s)
    ends = [replace(line, x=np.append(line.x[1:], line.x[-1])) for line in lines]
    y = Axis(STEPS_TITLE if timeline.parts else calls_title(width_s), "/s", low=0.0, whole=True)
    return (timeline.chart("provider_calls", _calls_finding(designs, outage_s), y, lines, count, tabled=ends),)


def calls_title(width_s: float) -> str:
    return CALLS_TITLE if width_s <= 1 else f"Calls a second (highest in each {duration(width_s)})"


def call_lines(
    designs: Designs,
    width_s: float,
    scale: float,
    end_s: float | None = None,
    window_widths_s: tuple[float, ...] = (),
) -> tuple[Line, ...]:
    """Up to the end of each design's own series if no `end_s` is given."""
    return tuple(
        Line(wording.style_name(style), style, x / scale, y, "step")
        for style, design in designs
        for x, y in [
            call_points(design, width_s, run_end_s(design.series) if end_s is None else end_s, window_widths_s)
        ]
    )


def _calls_finding(designs: Designs, outage_s: float | None) -> str:
    reached = wording.listed([_busiest(style, design.call_rate) for style, design in designs])
    title = f"Calls to the provider reach {reached} a second"
    herds = [] if outage_s is None else [herd for style, design in designs if (herd := _herd(style, design, outage_s))]
    return f"{title}: {wording.listed(herds)}" if herds else title


def _busiest(style: str, rate: CallRate) -> str:
    """The busiest second, and when it was if that is known."""
    peak, at_s = max(rate.per_s), rate.busiest_at_s
    when = "" if at_s is None else f" at {duration(at_s, digits=6)}"
    return f"{count(peak)} ({wording.design_name(style)}{when})"


def _herd(style: str, design: DesignResult, outage_s: float) -> str:
    place = int(outage_s / design.call_rate.width_s)
    before, after = design.call_rate.per_s[:place], design.call_rate.per_s[place:]
    if not before or not after or not max(before) or max(after) <= MORE * max(before):
        return ""
    times = number(max(after) / max(before))
    return f"{times} times as many as before the outage in the {wording.design_name(style)} design"


def parts_of(result: Result) -> tuple[tuple[str, float, float], ...]:
    """The windows with finer bins, named; the one that has most designs' peaks first, else in the order of time."""
    designs = len(list(wording.designs_of(result)))
    order = sorted(result.windows, key=lambda window: (-len(window.peaks), "event_driven" not in window.peaks))
    first, rest = order[:1], [window for window in result.windows if window is not order[0]] if order else []
    return tuple((_part_name(window, designs), window.start_s, window.end_s) for window in (*first, *rest))


def _part_name(window: FineWindow, designs: int) -> str:
    names = [wording.design_name(style) for style in window.peaks]
    parts = []
    if names:
        of = (
            f"peak of {'both' if designs == 2 else 'all'} designs"
            if len(names) == designs
            else f"{wording.listed(names)} peak"
        )
        parts.append(of if window.outages_s else f"{of} at {duration(window.start_s)}")
    if window.outages_s:
        parts.append(f"outage at {wording.listed([duration(start, digits=5) for start in window.outages_s])}")
    return wording.capitalised(wording.listed(parts))


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

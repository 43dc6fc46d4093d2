"""The charts over time: queue depth, in flight, lag, and arrivals against completions, of the first replication."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from advisor.reports import wording
from advisor.reports.charts.labels import labelled
from advisor.reports.charts.model import Axis, Chart, Floats, Line, Table, Window
from advisor.reports.charts.windows import bin_s, drain_s, run_end_s, windows_of
from core.numbers import count, duration, number, rate, time_unit
from simulator.result import DesignResult, Result, Series
from simulator.scenario import Scenario

TABLE_ROWS = 24
RATE_BINS = 120
MEAN_BINS = 200


@dataclass(frozen=True)
class Run:
    """What the charts over time share: the designs, the windows in seconds, and the unit of the time axis."""

    scenario: Scenario
    designs: tuple[tuple[str, DesignResult], ...]
    windows: tuple[Window, ...]
    end_s: float
    scale: float
    unit: str

    def axis(self) -> Axis:
        return Axis(f"Time since the start ({self.unit})", self.unit, low=0.0, high=self.end_s / self.scale)

    def shaded(self) -> tuple[Window, ...]:
        return tuple(Window(window.start / self.scale, window.end / self.scale, window.kind) for window in self.windows)

    def behind(self) -> str:
        """What the shading is, for the alternative text."""
        kinds = sorted({window.kind for window in self.windows})
        return f" Shaded: {wording.listed([f'{kind}s' for kind in kinds])}." if kinds else ""


def run_of(result: Result, scenario: Scenario) -> Run | None:
    """The run behind the charts over time; None where no design has a series."""
    designs = tuple((style, design) for style, design in wording.designs_of(result) if design.series.t_s)
    if not designs:
        return None
    longest = max((design.series for _, design in designs), key=run_end_s)
    scale, unit = time_unit(run_end_s(longest))
    return Run(scenario, designs, windows_of(scenario, longest), run_end_s(longest), scale, unit)


def queue_depth(run: Run) -> Chart:
    """Jobs that wait."""
    peaks = {style: max(design.series.queue_depth) for style, design in run.designs}
    return _stepped(
        run, "queue_depth", _depth_finding(run, peaks), Axis("Jobs waiting", "jobs", low=0.0, whole=True),
        lambda series: np.asarray(series.queue_depth), count,
    )  # fmt: skip


def _depth_finding(run: Run, peaks: dict[str, float]) -> str:
    if max(peaks.values()) < 1:
        return f"No queue forms in {'either design' if len(peaks) == 2 else 'any design'}"
    parts = []
    for style, design in run.designs:
        name = "synchronous backlog" if style == "synchronous" else f"{wording.design_name(style)} queue"
        limit = run.scenario.synchronous.backlog if style == "synchronous" else run.scenario.event_driven.max_queue
        if peaks[style] < 1:
            parts.append(f"the {name} stays empty")
        elif limit is not None and peaks[style] >= limit:
            parts.append(f"the {name} fills to its limit of {count(limit)}")
        else:
            parts.append(f"the {name} peaks at {count(peaks[style])}")
        parts[-1] += _drain(design, run.windows)
    return _sentence(parts)


def _drain(design: DesignResult, windows: tuple[Window, ...]) -> str:
    ends, depth = ends_of(design.series), np.asarray(design.series.queue_depth)
    found = drain_s(ends, depth, windows) if design.stable else None
    if found is None:
        return "" if design.stable else " and keeps growing"
    window, after = found
    return f" and drains {duration(after)} after the {window.kind}" if after >= bin_s(design.series) else ""


def in_flight(run: Run) -> Chart:
    """Jobs being worked on."""
    parts = []
    for style, design in run.designs:
        peak, places = max(design.series.in_flight), _places(run.scenario, style)
        nouns = "workers" if style == "synchronous" else "consumers"
        at = f"all {count(places)}" if peak >= places else f"{count(peak)} of {count(places)}"
        parts.append(f"{at} {wording.design_name(style)} {nouns}")
    title = f"At the busiest {wording.listed(parts)} are at work"
    return _stepped(
        run, "in_flight", title, Axis("Jobs in flight (average)", "jobs", low=0.0),
        lambda series: np.asarray(series.in_flight), number, most=MEAN_BINS,
    )  # fmt: skip


def _places(scenario: Scenario, style: str) -> int:
    if scenario.autoscaling is not None:
        return scenario.autoscaling.max
    return scenario.synchronous.workers if style == "synchronous" else scenario.event_driven.consumers


def lag(run: Run) -> Chart:
    """How long the oldest waiting job has waited."""
    most = {style: max(design.series.lag_s) for style, design in run.designs}
    scale, unit = time_unit(max(most.values()))
    worst = [f"{duration(most[style])} in the {wording.design_name(style)} design" for style, _ in run.designs]
    title = (
        "No job waits to be started"
        if not max(most.values())
        else f"The oldest job waits up to {wording.listed(worst)}"
    )
    return _stepped(
        run, "lag", title, Axis(f"Age of the oldest waiting job ({unit})", unit, low=0.0),
        lambda series: np.asarray(series.lag_s) / scale, lambda value: duration(value * scale),
    )  # fmt: skip


def throughput(run: Run) -> Chart:
    """Arrivals against completions, as rates."""
    times, load = _rates(run.designs[0][1].series, "arrivals")
    lines = [Line("Arrivals", None, times / run.scale, load, "step")]
    parts = [f"arrivals reach {rate(float(load.max()))}"]
    for style, design in run.designs:
        at, done = _rates(design.series, "completed")
        lines.append(Line(wording.style_name(style), style, at / run.scale, done, "step"))
        parts.append(f"{wording.design_name(style)} completions {rate(float(done.max()))}")
    title = _sentence(parts)
    return Chart(
        id="throughput", title=title, alt=f"{title}. Rates over time, first replication.{run.behind()}", x=run.axis(),
        y=Axis("Jobs per second (/s)", "/s", low=0.0), table=table_over_time(run, lines, rate, "Mean rate"),
        lines=labelled(tuple(lines), run.axis()), windows=run.shaded(),
    )  # fmt: skip


def _rates(series: Series, name: str) -> tuple[Floats, Floats]:
    """Counts a bin as rates per second over at most `RATE_BINS` bins; the last value is repeated at the run's end."""
    counts, width = np.asarray(getattr(series, name), dtype=np.float64), bin_s(series)
    group = -(-len(counts) // RATE_BINS)
    padded = np.concatenate([counts, np.zeros(-len(counts) % group)]).reshape(-1, group).sum(axis=1)
    spans = np.full(len(padded), group * width)
    spans[-1] = width * (len(counts) - group * (len(padded) - 1))
    times = np.arange(len(padded)) * group * width
    rates = padded / spans
    return np.append(times, len(counts) * width), np.append(rates, rates[-1])


def _stepped(
    run: Run,
    name: str,
    title: str,
    y: Axis,
    values: Callable[[Series], Floats],
    words: Callable[[float], str],
    most: int = 0,
) -> Chart:
    """A chart of one figure at the bins' ends, both designs on the same axes; averaged over `most` stretches where that is given."""
    lines = []
    for style, design in run.designs:
        at_s, figures = ends_of(design.series), values(design.series)
        group = -(-len(figures) // most) if most else 1
        at_s, figures = at_s[_last_of(len(at_s), group)], _averaged(figures, group)
        lines.append(Line(wording.style_name(style), style, at_s / run.scale, figures, "step"))
    return Chart(
        id=name, title=title, alt=f"{title}. {y.title} over time, first replication.{run.behind()}", x=run.axis(), y=y,
        table=table_over_time(run, lines, words, "Largest"), lines=labelled(tuple(lines), run.axis()), windows=run.shaded(),
    )  # fmt: skip


def _last_of(length: int, group: int) -> NDArray[np.int64]:
    """The place of the last of each group of bins."""
    return np.minimum(np.arange(group - 1, length + group - 1, group), length - 1)


def _averaged(figures: Floats, group: int) -> Floats:
    starts = np.arange(0, len(figures), group)
    return np.add.reduceat(figures, starts) / np.diff(np.append(starts, len(figures)))


def ends_of(series: Series) -> Floats:
    """The ends of the bins, which queue depth and lag stand for."""
    return np.asarray(series.t_s, dtype=np.float64) + bin_s(series)


def table_over_time(run: Run, lines: Sequence[Line], words: Callable[[float], str], how: str) -> Table:
    """At most `TABLE_ROWS` equal stretches, each with the lines' largest or mean value in it."""
    high = run.end_s / run.scale
    edges = np.linspace(0, high, min(TABLE_ROWS, max(len(line.x) for line in lines)) + 1)
    rows = []
    for low, top in pairwise(edges):
        inside = [line.y[(line.x > low) & (line.x <= top)] for line in lines]
        figures = [(part.mean() if how.startswith("Mean") else part.max()) if len(part) else None for part in inside]
        rows.append(
            (
                f"{duration(low * run.scale)} to {duration(top * run.scale)}",
                *(wording.MISSING if figure is None else words(float(figure)) for figure in figures),
            )
        )
    return Table((f"Time ({how.lower()} in it)", *(line.label for line in lines)), tuple(rows))


def _sentence(parts: list[str]) -> str:
    text = "; ".join(parts)
    return text[:1].upper() + text[1:]

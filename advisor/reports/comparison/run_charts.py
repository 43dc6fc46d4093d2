"""The charts of several runs, one for each design and all on the same axes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from tsdownsample import MinMaxLTTBDownsampler

from advisor.reports import wording
from advisor.reports.charts.composite import call_points, level_points, run_end_s, stretch_s
from advisor.reports.charts.labels import labelled
from advisor.reports.charts.latency import ROWS, latency_at, latency_axis, needs_log, quantile, upright_areas
from advisor.reports.charts.model import Axis, Chart, Deadline, FloatArray, Line, Table, Window
from advisor.reports.charts.outcomes import share_bars
from advisor.reports.charts.over_time import STEPS_TITLE, Timeline, calls_title, parts_of, windows_of
from advisor.reports.comparison.runs import ComparedRun, styles_of, with_design
from core.numbers import count, duration, percent, share, time_unit
from simulator.result import DesignResult

Drawn = list[tuple[ComparedRun, DesignResult]]


def latencies(runs: Sequence[ComparedRun]) -> tuple[Chart, ...]:
    styles = styles_of(runs)
    drawn = {style: [pair for pair in with_design(runs, style) if _drawable(pair[1])] for style in styles}
    every = tuple((style, design) for style in styles for _, design in drawn[style])
    deadlines = deadlines_of(runs)
    longest = max([design.curve.latency_s[-1] for _, design in every] + list(deadlines), default=1.0)
    log = needs_log(every, longest)
    scale, unit = (1.0, "s") if log else time_unit(longest)
    first = min((latency_at(design, 0.001) for _, design in every), default=0.0) if log else 0.0
    lines = {
        style: tuple(_curve(run, style, design, (first, longest, scale)) for run, design in drawn[style])
        for style in styles
    }
    x = latency_axis(tuple(line for each in lines.values() for line in each), unit, log)
    marks = tuple(Deadline(value / scale, words) for value, words in deadlines.items())
    return tuple(
        _curve_chart(
            style, runs, labelled(lines[style], x, upright_areas(deadlines, scale, lines[style], log), 100.0), x, marks
        )
        for style in styles
    )


def _drawable(design: DesignResult) -> bool:
    return design.stable and len(design.curve.share) > 1


def _curve(run: ComparedRun, style: str, design: DesignResult, span: tuple[float, float, float]) -> Line:
    """After its end a curve stays at the completed share."""
    first, longest, scale = span
    own = np.asarray(design.curve.latency_s)
    instants = np.unique(np.concatenate([own[(own >= first) & (own <= longest)], [first, longest]]))
    shares = 100 * np.interp(instants, own, np.asarray(design.curve.share), left=0.0)
    return Line(run.letter, style, instants / scale, shares, "line", symbol=run.symbol)


def _curve_chart(
    style: str, runs: Sequence[ComparedRun], lines: tuple[Line, ...], x: Axis, deadlines: tuple[Deadline, ...]
) -> Chart:
    pairs = with_design(runs, style)
    title = f"{wording.style_name(style)}: {_finding(pairs)}"
    return Chart(
        id=f"latency-{style}",
        title=title,
        alt=f"{title}. Cumulative share of all offered jobs by latency, a line a run; upright lines are the deadlines.",
        x=x,
        y=Axis("Results in hand (% of offered jobs)", "%", low=0.0, high=100.0),
        table=_table(pairs),
        lines=lines,
        deadlines=deadlines,
        notes=tuple(
            f"{run.letter}: {wording.unstable_sentence(style, design)}" for run, design in pairs if not design.stable
        ),
    )


def _finding(pairs: Drawn) -> str:
    if all(run.scenario.deadline_s is not None for run, _ in pairs):
        return "in time " + wording.listed([f"{share(design.good_share)} ({run.letter})" for run, design in pairs])
    quantiles = [f"{quantile_words(design)} ({run.letter})" for run, design in pairs]
    return "95 % have their result within " + wording.listed(quantiles)


def quantile_words(design: DesignResult) -> str:
    if not design.stable:
        return "no time"
    return duration(design.latency_s.p95, missing="no time")


def _table(pairs: Drawn) -> Table:
    words = {"mean": "mean", "max": "largest"}
    rows = [(words.get(name, name), *(quantile(design, name) for _, design in pairs)) for name in ROWS]
    rows.append(("good", *(percent(100 * design.good_share) for _, design in pairs)))
    return Table(("Latency", *(run.letter for run, _ in pairs)), tuple(rows))


def deadlines_of(runs: Sequence[ComparedRun]) -> dict[float, str]:
    """Each deadline with its words; the letters of its runs are named if not all have it."""
    letters_by_deadline: dict[tuple[float, str], list[str]] = {}
    for run in runs:
        given = run.scenario.deadline_s
        each: Mapping[str, float] = {} if given is None else given if isinstance(given, Mapping) else {"": given}
        for name, value in each.items():
            letters_by_deadline.setdefault((value, name), []).append(run.letter)
    lone = len(letters_by_deadline) == 1
    words: dict[float, list[str]] = {}
    for (value, name), letters in letters_by_deadline.items():
        parts = (*(["".join(letters)] if len(letters) < len(runs) else []), name, *(["deadline"] if lone else []))
        words.setdefault(value, []).append(" ".join(part for part in (*parts, duration(value)) if part))
    return {value: "; ".join(texts) for value, texts in words.items()}


POINTS = 300
"""How many points of a line are sent: more than its pixels on a page. Peaks are kept."""


@dataclass(frozen=True)
class _Measure:
    """What is drawn over time. `points` are instants in seconds and the values there."""

    name: str
    y: Axis
    points: Callable[[DesignResult], tuple[FloatArray, FloatArray]]
    words: Callable[[float], str]

    def has(self, design: DesignResult) -> bool:
        return bool(design.call_rate.per_s if self.name == "provider_calls" else design.series.t_s)

    def finding(self, style: str, lines: Sequence[Line]) -> str:
        peaks = wording.listed([f"{self.words(float(line.y.max()))} ({line.label})" for line in lines])
        if self.name == "provider_calls":
            return f"calls to the provider reach {peaks} a second"
        if not max(float(line.y.max()) for line in lines):
            return "no job waits"
        if self.name == "queue_depth":
            return f"the {'backlog' if style == 'synchronous' else 'queue'} peaks at {peaks}"
        return f"the oldest job waits up to {peaks}"


def charts_over_time(runs: Sequence[ComparedRun]) -> tuple[Chart, ...]:
    every = [design for style in styles_of(runs) for _, design in with_design(runs, style) if design.series.t_s]
    if not every:
        return ()
    end_s = max(run_end_s(design.series) for design in every)
    timeline = Timeline.until(end_s, (), _windows(runs), _parts(runs))
    width_s = stretch_s(design.call_rate for design in every)
    lag_scale, lag_unit = time_unit(max(max(design.series.lag_s) for design in every))
    lag_axis = Axis(f"Age of the oldest waiting job ({lag_unit})", lag_unit, low=0.0)
    measures = (
        _Measure("queue_depth", Axis("Jobs waiting", "jobs", low=0.0, whole=True), _levels("queue_depth"), count),
        _Measure("lag_s", lag_axis, _levels("lag_s", lag_scale), lambda value: duration(value * lag_scale)),
        _Measure(
            "provider_calls",
            Axis(STEPS_TITLE if timeline.parts else calls_title(width_s), "/s", low=0.0, whole=True),
            lambda design: call_points(
                design, width_s, run_end_s(design.series), tuple(stretch_s([fine.call_rate]) for fine in design.fine)
            ),
            count,
        ),
    )  # fmt: skip
    return tuple(chart for measure in measures for chart in _charts(measure, runs, timeline))


def _levels(name: str, scale: float = 1.0) -> Callable[[DesignResult], tuple[FloatArray, FloatArray]]:
    return lambda design: level_points(design, lambda series: np.asarray(getattr(series, name), np.float64) / scale)


def _charts(measure: _Measure, runs: Sequence[ComparedRun], timeline: Timeline) -> Iterator[Chart]:
    lines = {
        style: [
            Line(run.letter, style, at_s / timeline.scale, values, "step", symbol=run.symbol)
            for run, design in with_design(runs, style)
            if measure.has(design)
            for at_s, values in [measure.points(design)]
        ]
        for style in styles_of(runs)
    }
    y, together = measure.y, [line for each in lines.values() for line in each]
    what = f"{y.title} over time, first replication, a line a run"
    for style, each in lines.items():
        if each:
            title = f"{wording.style_name(style)}: {measure.finding(style, each)}"
            drawn = [thinned(line, [part[1] / timeline.scale for part in timeline.parts]) for line in each]
            yield timeline.chart(
                f"{measure.name}-{style}", title, y, drawn, measure.words, what=what, tabled=each, together=together
            )


def thinned(line: Line, cuts: Sequence[float] = ()) -> Line:
    """Keep at most `POINTS` points of each piece between the `cuts`, peaks among them."""
    pieces = np.split(np.arange(len(line.x)), np.searchsorted(line.x, sorted(cuts)))
    kept = np.concatenate([piece[_kept(line.x[piece], line.y[piece])] for piece in pieces])
    return replace(line, x=line.x[kept], y=line.y[kept])


def _kept(x: FloatArray, y: FloatArray) -> NDArray[np.int64]:
    if len(x) <= POINTS:
        return np.arange(len(x))
    places: NDArray[np.int64] = MinMaxLTTBDownsampler().downsample(x, y, n_out=POINTS)  # type: ignore[no-untyped-call]
    return places


def _parts(runs: Sequence[ComparedRun]) -> tuple[tuple[str, float, float], ...]:
    """Every run's windows, each named once; those that overlap one before are left out."""
    parts: list[tuple[str, float, float]] = []
    for run in runs:
        for name, start_s, end_s in parts_of(run.result):
            if all(end_s <= other[1] or other[2] <= start_s for other in parts):
                parts.append((f"{run.letter}: {name[0].lower()}{name[1:]}", start_s, end_s))
    return tuple(parts)


def _windows(runs: Sequence[ComparedRun]) -> tuple[Window, ...]:
    """The bursts and outages that all runs have; others would shade what they do not explain."""
    each = [windows_of(run.scenario, run.result.synchronous.series) for run in runs]
    return tuple(window for window in each[0] if all(window in others for others in each))


def good_shares(runs: Sequence[ComparedRun]) -> Chart:
    styles = styles_of(runs)
    shares = {style: {run.letter: design.good_share for run, design in with_design(runs, style)} for style in styles}
    title = _best(shares)
    return Chart(
        id="good",
        title=title,
        alt=f"{title}. Bars of the share of offered jobs that ended good, by run and design.",
        x=Axis("Good results (% of offered jobs)", "%", low=0.0, high=100.0),
        y=Axis("Run", ""),
        groups=tuple(run.letter for run in runs),
        bars=tuple(share_bars(style, [shares[style].get(run.letter) for run in runs]) for style in styles),
        table=Table(
            ("Run", *(wording.style_name(style) for style in styles)),
            tuple((run.letter, *(share(shares[style].get(run.letter)) for style in styles)) for run in runs),
        ),
    )


def _best(shares: dict[str, dict[str, float]]) -> str:
    each = [
        (f"{letter}, {wording.design_name(style)}", value)
        for style in shares
        for letter, value in shares[style].items()
    ]
    most = share(max(value for _, value in each))
    names = [name for name, value in each if share(value) == most]
    if len(names) == len(each):
        return f"{most} of the results are good in every run and design"
    return f"Most results are good in {wording.listed(names)}: {most}"

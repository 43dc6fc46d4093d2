"""The charts of several runs, one for each design and all on the same axes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tsdownsample import MinMaxLTTBDownsampler

from advisor.reports import wording
from advisor.reports.charts.calls import axis_title, steps, stretch_s
from advisor.reports.charts.labels import labelled
from advisor.reports.charts.latency import ROWS, axis_of, latency_at, needs_log, quantile
from advisor.reports.charts.model import Axis, Bars, Chart, Deadline, Floats, Line, Table, Window
from advisor.reports.charts.over_time import Run, ends_of, run_end_s, table_over_time, windows_of
from advisor.reports.comparison.runs import Laid, styles_of, with_design
from core.numbers import MISSING, count, duration, percent, share, time_unit
from simulator.result import DesignResult

Drawn = list[tuple[Laid, DesignResult]]


def latencies(laid: Sequence[Laid]) -> tuple[Chart, ...]:
    styles = styles_of(laid)
    drawn = {style: [pair for pair in with_design(laid, style) if _drawable(pair[1])] for style in styles}
    every = tuple((style, design) for style in styles for _, design in drawn[style])
    deadlines = deadlines_of(laid)
    longest = max([design.curve.latency_s[-1] for _, design in every] + list(deadlines), default=1.0)
    log = needs_log(every, longest)
    scale, unit = (1.0, "s") if log else time_unit(longest)
    first = min((latency_at(design, 0.001) for _, design in every), default=0.0) if log else 0.0
    lines = {
        style: tuple(_curve(one, style, design, (first, longest, scale)) for one, design in drawn[style])
        for style in styles
    }
    x = axis_of(tuple(line for each in lines.values() for line in each), unit, log)
    marks = tuple(Deadline(value / scale, words) for value, words in deadlines.items())
    return tuple(_curve_chart(style, laid, labelled(lines[style], x, high=100.0), x, marks) for style in styles)


def _drawable(design: DesignResult) -> bool:
    return design.stable and len(design.curve.share) > 1


def _curve(one: Laid, style: str, design: DesignResult, span: tuple[float, float, float]) -> Line:
    """After its end a curve stays at the completed share."""
    first, longest, scale = span
    own = np.asarray(design.curve.latency_s)
    instants = np.unique(np.concatenate([own[(own >= first) & (own <= longest)], [first, longest]]))
    shares = 100 * np.interp(instants, own, np.asarray(design.curve.share), left=0.0)
    return Line(one.letter, style, instants / scale, shares, "line", dash=one.dash)


def _curve_chart(
    style: str, laid: Sequence[Laid], lines: tuple[Line, ...], x: Axis, deadlines: tuple[Deadline, ...]
) -> Chart:
    runs = with_design(laid, style)
    title = f"{wording.style_name(style)}: {_finding(runs)}"
    return Chart(
        id=f"latency-{style}",
        title=title,
        alt=f"{title}. Cumulative share of all offered jobs by latency, a line a run; upright lines are the deadlines.",
        x=x,
        y=Axis("Results in hand (% of offered jobs)", "%", low=0.0, high=100.0),
        table=_table(runs),
        lines=lines,
        deadlines=deadlines,
        notes=tuple(f"{one.letter}: {wording.unstable_sentence(style, it)}" for one, it in runs if not it.stable),
    )


def _finding(runs: Drawn) -> str:
    if all(one.scenario.deadline_s is not None for one, _ in runs):
        return "in time " + wording.listed([f"{share(design.good_share)} ({one.letter})" for one, design in runs])
    said = [f"{quantile_words(design)} ({one.letter})" for one, design in runs]
    return "95 % have their result within " + wording.listed(said)


def quantile_words(design: DesignResult) -> str:
    if not design.stable:
        return "no time"
    return duration(design.latency_s.p95, missing="no time")


def _table(runs: Drawn) -> Table:
    words = {"mean": "mean", "max": "largest"}
    rows = [(words.get(name, name), *(quantile(design, name) for _, design in runs)) for name in ROWS]
    rows.append(("good", *(percent(100 * design.good_share) for _, design in runs)))
    return Table(("Latency", *(one.letter for one, _ in runs)), tuple(rows))


def deadlines_of(laid: Sequence[Laid]) -> dict[float, str]:
    """Each deadline with its words; the letters of its runs are named if not all have it."""
    found: dict[tuple[float, str], list[str]] = {}
    for one in laid:
        given = one.scenario.deadline_s
        each: Mapping[str, float] = {} if given is None else given if isinstance(given, Mapping) else {"": given}
        for name, value in each.items():
            found.setdefault((value, name), []).append(one.letter)
    lone = len(found) == 1
    words: dict[float, list[str]] = {}
    for (value, name), letters in found.items():
        parts = (*(["".join(letters)] if len(letters) < len(laid) else []), name, *(["deadline"] if lone else []))
        words.setdefault(value, []).append(" ".join(part for part in (*parts, duration(value)) if part))
    return {value: "; ".join(texts) for value, texts in words.items()}


POINTS = 300
"""So many points of a line are sent: more than its pixels show on a page. Peaks are kept."""


@dataclass(frozen=True)
class _Figure:
    name: str
    axis: str
    unit: str
    points: Callable[[DesignResult], tuple[Floats, Floats]]
    """Instants in seconds, and the values there."""
    words: Callable[[float], str]
    whole: bool


def over_time(laid: Sequence[Laid]) -> tuple[Chart, ...]:
    every = [design for style in styles_of(laid) for _, design in with_design(laid, style) if design.series.t_s]
    if not every:
        return ()
    end_s = max(run_end_s(design.series) for design in every)
    scale, unit = time_unit(end_s)
    run = Run(laid[0].scenario, (), _windows(laid), end_s, scale, unit)
    width_s = stretch_s(every)
    lag_scale, lag_unit = time_unit(max(max(design.series.lag_s) for design in every))
    figures = (
        _Figure("queue_depth", "Jobs waiting", "jobs", _levels("queue_depth"), count, whole=True),
        _Figure(
            "lag_s", f"Age of the oldest waiting job ({lag_unit})", lag_unit, _levels("lag_s", lag_scale),
            lambda value: duration(value * lag_scale), whole=False,
        ),
        _Figure(
            "provider_calls", axis_title(width_s), "/s",
            lambda design: steps(design.call_rate, width_s, run_end_s(design.series)), count, whole=False,
        ),
    )  # fmt: skip
    return tuple(chart for figure in figures for chart in _charts(figure, laid, run))


def _levels(name: str, scale: float = 1.0) -> Callable[[DesignResult], tuple[Floats, Floats]]:
    return lambda design: (ends_of(design.series), np.asarray(getattr(design.series, name), np.float64) / scale)


def _charts(figure: _Figure, laid: Sequence[Laid], run: Run) -> list[Chart]:
    lines = {
        style: [
            _line(figure, one, style, design, run)
            for one, design in with_design(laid, style)
            if (design.call_rate.per_s if figure.name == "provider_calls" else design.series.t_s)
        ]
        for style in styles_of(laid)
    }
    high = max((float(line.y.max()) for each in lines.values() for line in each), default=0.0)
    y = Axis(figure.axis, figure.unit, low=0.0, high=high or None, whole=figure.whole)
    return [_chart(figure, style, each, y, run) for style, each in lines.items() if each]


def _line(figure: _Figure, one: Laid, style: str, design: DesignResult, run: Run) -> Line:
    at_s, values = figure.points(design)
    return Line(one.letter, style, at_s / run.scale, values, "step", dash=one.dash)


def _chart(figure: _Figure, style: str, lines: list[Line], y: Axis, run: Run) -> Chart:
    peaks = wording.listed([f"{figure.words(float(line.y.max()))} ({line.label})" for line in lines])
    if figure.name == "provider_calls":
        finding = f"calls to the provider reach {peaks} a second"
    elif not max(float(line.y.max()) for line in lines):
        finding = "no job waits"
    elif figure.name == "queue_depth":
        finding = f"the {'backlog' if style == 'synchronous' else 'queue'} peaks at {peaks}"
    else:
        finding = f"the oldest job waits up to {peaks}"
    title = f"{wording.style_name(style)}: {finding}"
    return Chart(
        id=f"{figure.name}-{style}",
        title=title,
        alt=f"{title}. {y.title} over time, first replication, a line a run.{run.behind()}",
        x=run.axis(),
        y=y,
        table=table_over_time(run, lines, figure.words, "Largest"),
        lines=labelled(tuple(thinned(line) for line in lines), run.axis(), high=y.high),
        windows=run.shaded(),
    )


def thinned(line: Line) -> Line:
    """Keep at most `POINTS` points, peaks among them."""
    if len(line.x) <= POINTS:
        return line
    kept = MinMaxLTTBDownsampler().downsample(line.x, line.y, n_out=POINTS)  # type: ignore[no-untyped-call]
    x: Floats = line.x[kept]
    return Line(line.label, line.style, x, line.y[kept], line.shape, dash=line.dash)


def _windows(laid: Sequence[Laid]) -> tuple[Window, ...]:
    """The bursts and outages that all runs have; others would shade what they do not explain."""
    each = [windows_of(one.scenario, one.result.synchronous.series) for one in laid]
    return tuple(window for window in each[0] if all(window in others for others in each))


def good_shares(laid: Sequence[Laid]) -> Chart:
    styles = styles_of(laid)
    shares = {style: {one.letter: design.good_share for one, design in with_design(laid, style)} for style in styles}
    title = _best(shares)
    return Chart(
        id="good",
        title=title,
        alt=f"{title}. Bars of the share of offered jobs that ended good, by run and design.",
        x=Axis("Good results (% of offered jobs)", "%", low=0.0, high=100.0),
        y=Axis("Run", ""),
        groups=tuple(one.letter for one in laid),
        bars=tuple(
            Bars(
                wording.style_name(style),
                style,
                tuple(100 * shares[style].get(one.letter, 0.0) for one in laid),
                tuple(_words(shares[style], one) for one in laid),
            )
            for style in styles
        ),
        table=Table(
            ("Run", *(wording.style_name(style) for style in styles)),
            tuple((one.letter, *(_words(shares[style], one) for style in styles)) for one in laid),
        ),
    )


def _words(shares: dict[str, float], one: Laid) -> str:
    return share(shares[one.letter]) if one.letter in shares else MISSING


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

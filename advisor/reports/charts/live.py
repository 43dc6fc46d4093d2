"""The charts of a live run: measured with the prediction, thinner and paler, over it, and measured so far."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from advisor.reports import wording
from advisor.reports.charts.composite import ends_of, run_end_s, stretch_s
from advisor.reports.charts.labels import fitted, labelled
from advisor.reports.charts.model import Axis, Chart, Designs, Line, Table, Window
from advisor.reports.charts.over_time import Timeline, call_lines, calls_title
from core.numbers import count, duration, share, time_unit
from simulator.result import LiveReport, Result, SoFar

TIME_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
OVERLAID = {"latency", "queue_depth", "lag", "in_flight", "provider_calls"}
"""Rates of arrivals and completions are too restless for two lines each."""


def predicted_of(result: Result, live: LiveReport) -> Result:
    return result.model_copy(
        update={
            "synchronous": live.predicted_synchronous,
            "event_driven": live.predicted_event_driven,
            "live": None,
        }
    )


def overlaid(measured: tuple[Chart, ...], predicted: tuple[Chart, ...]) -> tuple[Chart, ...]:
    before = {chart.id: chart for chart in predicted}
    return tuple(
        _overlaid(chart, before[chart.id]) if chart.lines and chart.id in OVERLAID & before.keys() else chart
        for chart in measured
    )


def _overlaid(chart: Chart, before: Chart) -> Chart:
    across, up = _factor(before.x, chart.x), _factor(before.y, chart.y)
    designs = [line for line in before.lines if line.style is not None]
    faint = tuple(
        replace(
            line,
            label=f"{line.label}, predicted",
            x=line.x * across,
            y=line.y * up,
            faint=True,
            short="predicted",
            spot=None,
        )
        for line in designs
    )
    lines = chart.lines + faint
    ends = [float(line.x[-1]) for line in lines if len(line.x)]
    x = chart.x if chart.x.high is None else replace(chart.x, high=max([chart.x.high, *ends]))
    alt = f"{chart.alt} Strong lines: measured; thin ones: as the kernel predicted it."
    if chart.scale_s is None:
        return replace(chart, x=x, lines=labelled(lines, x), alt=alt)
    lines, y = spotted(lines, x, chart.y)
    return replace(chart, x=x, y=y, lines=lines, alt=alt)


def spotted(lines: tuple[Line, ...], x: Axis, y: Axis) -> tuple[tuple[Line, ...], Axis]:
    """The lines with places for their labels, and the y axis with room for them."""
    low, high = x.low or 0.0, x.high or 1.0
    top = max([float(line.y.max()) for line in lines if len(line.y)] + [1.0 if y.whole else 0.0]) or 1.0
    placed = fitted(lines, x, low, high, top)
    pairs = zip(lines, placed.spots, strict=True)
    return tuple(replace(line, spot=spot) for line, spot in pairs), replace(y, high=placed.top)


def _factor(of: Axis, to: Axis) -> float:
    """From one axis' unit of time to the other's; 1 if they are of something else."""
    return TIME_UNITS[of.unit] / TIME_UNITS[to.unit] if of.unit in TIME_UNITS and to.unit in TIME_UNITS else 1.0


def so_far_charts(so_far: SoFar) -> tuple[Chart, ...]:
    measured = (("synchronous", so_far.synchronous), ("event_driven", so_far.event_driven))
    designs = tuple((style, design) for style, design in measured if design is not None and design.series.t_s)
    if not designs:
        return ()
    end_s = max(1.0, *(run_end_s(design.series) for _, design in designs))
    timeline = Timeline.until(end_s, designs, _outages(so_far, end_s))
    return (
        _level(timeline, "queue_depth", "Jobs waiting"),
        _level(timeline, "lag_s", "Age of the oldest waiting job"),
        _level(timeline, "in_flight", "Jobs in flight"),
        *_calls(timeline),
        *_latency(designs),
    )


def _outages(so_far: SoFar, end_s: float) -> tuple[Window, ...]:
    outages = so_far.scenario.provider.outages if so_far.scenario is not None else ()
    return tuple(
        Window(outage.start_s, min(end_s, outage.start_s + outage.length_s), "outage")
        for outage in outages
        if outage.start_s < end_s
    )


def _so_far_chart(
    name: str,
    words: str,
    column: str,
    values: Mapping[str, str],
    lines: Iterable[Line],
    x: Axis,
    y: Axis,
    windows: tuple[Window, ...] = (),
    more: str = "",
    scale_s: float | None = None,
) -> Chart:
    """`values` are those of the last instant, in words, by style; `more` ends the alternative text."""
    title = f"{words}: {wording.listed([f'{value} ({wording.design_name(style)})' for style, value in values.items()])}"
    drawn, y = spotted(tuple(lines), x, y) if scale_s is not None else (labelled(tuple(lines), x), y)
    return Chart(
        id=name,
        title=title,
        alt=f"{title}, so far.{more}",
        x=x,
        y=y,
        scale_s=scale_s,
        table=Table(("Design", column), tuple((wording.style_name(style), value) for style, value in values.items())),
        lines=drawn,
        windows=windows,
    )


def _level(timeline: Timeline, name: str, words: str) -> Chart:
    levels = {style: np.asarray(getattr(design.series, name)) for style, design in timeline.designs}
    is_time = name == "lag_s"
    unit_s, unit = time_unit(max(float(level.max()) for level in levels.values())) if is_time else (1.0, "jobs")
    lines = [
        Line(wording.style_name(style), style, ends_of(design.series) / timeline.scale, levels[style] / unit_s, "step")
        for style, design in timeline.designs
    ]
    last = {line.style or "": float(line.y[-1] * unit_s) for line in lines}
    values = {style: duration(value) if is_time else count(round(value)) for style, value in last.items()}
    y = Axis(f"{words} ({unit})" if is_time else words, unit, low=0.0, whole=not is_time)
    return _so_far_chart(
        name, words, f"{words}, last", values, lines, timeline.axis, y, timeline.shaded, scale_s=timeline.scale
    )


def _calls(timeline: Timeline) -> tuple[Chart, ...]:
    designs = tuple((style, design) for style, design in timeline.designs if design.call_rate.per_s)
    if not designs:
        return ()
    width_s = stretch_s(design.call_rate for _, design in designs)
    most = {style: count(max(design.call_rate.per_s)) for style, design in designs}
    words, y = "Calls to the provider a second, most", Axis(calls_title(width_s), "/s", low=0.0, whole=True)
    lines = call_lines(designs, width_s, timeline.scale)
    return (
        _so_far_chart(
            "provider_calls",
            words,
            "Calls a second, most",
            most,
            lines,
            timeline.axis,
            y,
            timeline.shaded,
            scale_s=timeline.scale,
        ),
    )


def _latency(designs: Designs) -> tuple[Chart, ...]:
    drawn = [(style, design) for style, design in designs if len(design.curve.share) > 1]
    if not drawn:
        return ()
    scale, unit = time_unit(max(design.curve.latency_s[-1] for _, design in drawn))
    lines = [
        Line(
            wording.style_name(style), style, np.asarray(design.curve.latency_s) / scale,
            100 * np.asarray(design.curve.share), "line",
        )
        for style, design in drawn
    ]  # fmt: skip
    x = Axis(f"Latency ({unit})", unit, low=0.0, high=max(float(line.x[-1]) for line in lines))
    y = Axis("Results in hand (% of jobs offered so far)", "%", low=0.0, high=100.0)
    done = {style: share(design.completed / design.offered) for style, design in drawn}
    more = " Cumulative share of the jobs offered so far by latency."
    return (_so_far_chart("latency", "Results in hand", "In hand", done, lines, x, y, more=more),)

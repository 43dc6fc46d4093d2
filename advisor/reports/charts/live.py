"""The charts of a live run: measured with the prediction dashed over it, and measured so far."""

from dataclasses import replace

import numpy as np

from advisor.reports import wording
from advisor.reports.charts.calls import axis_title, lines_of, stretch_s
from advisor.reports.charts.labels import labelled
from advisor.reports.charts.model import Axis, Chart, Floats, Line, Table, Window
from advisor.reports.charts.over_time import bin_s, run_end_s
from core.numbers import count, duration, share, time_unit
from simulator.result import DesignResult, LiveReport, Result, SoFar

SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
OVERLAID = {"latency", "queue_depth", "lag", "in_flight", "provider_calls"}
"""Rates of arrivals and completions are too restless for two lines each."""
Designs = tuple[tuple[str, DesignResult], ...]


def predicted_of(result: Result, live: LiveReport) -> Result:
    return result.model_copy(
        update={
            "synchronous": live.predicted_synchronous,
            "event_driven": live.predicted_event_driven,
            "live": None,
        }
    )


def over(measured: tuple[Chart, ...], predicted: tuple[Chart, ...]) -> tuple[Chart, ...]:
    before = {chart.id: chart for chart in predicted}
    return tuple(
        _over(chart, before[chart.id]) if chart.lines and chart.id in OVERLAID & before.keys() else chart
        for chart in measured
    )


def _over(chart: Chart, before: Chart) -> Chart:
    across, up = _factor(before.x, chart.x), _factor(before.y, chart.y)
    designs = [line for line in before.lines if line.style is not None]
    dashed = tuple(
        Line(
            f"{line.label}, predicted",
            line.style,
            line.x * across,
            line.y * up,
            line.shape,
            dash="dash",
            short="predicted",
        )
        for line in designs
    )
    lines = tuple(replace(line, dash="solid") for line in chart.lines) + dashed
    ends = [float(line.x[-1]) for line in lines if len(line.x)]
    x = chart.x if chart.x.high is None else replace(chart.x, high=max([chart.x.high, *ends]))
    return replace(
        chart,
        x=x,
        lines=labelled(lines, x),
        alt=f"{chart.alt} Solid: measured; dashed: as the kernel predicted it.",
    )


def _factor(of: Axis, to: Axis) -> float:
    """From one axis' unit of time to the other's; 1 if they are of something else."""
    return SECONDS[of.unit] / SECONDS[to.unit] if of.unit in SECONDS and to.unit in SECONDS else 1.0


def so_far_charts(so_far: SoFar) -> tuple[Chart, ...]:
    found = (("synchronous", so_far.synchronous), ("event_driven", so_far.event_driven))
    designs: Designs = tuple((style, design) for style, design in found if design is not None and design.series.t_s)
    if not designs:
        return ()
    end_s = max(run_end_s(design.series) for _, design in designs)
    scale, unit = time_unit(end_s)
    x = Axis(f"Time since the start ({unit})", unit, low=0.0, high=end_s / scale)
    over_time = (
        _over_time(designs, x, scale, "queue_depth", "Jobs waiting", "jobs", 1.0),
        _lag(designs, x, scale),
        _over_time(designs, x, scale, "in_flight", "Jobs in flight", "jobs", 1.0),
        *_calls(designs, x, scale),
    )
    windows = _outages(so_far, end_s, scale)
    return (*(replace(chart, windows=windows) for chart in over_time), *_latency(designs))


def _outages(so_far: SoFar, end_s: float, scale: float) -> tuple[Window, ...]:
    outages = so_far.scenario.provider.outages if so_far.scenario is not None else ()
    return tuple(
        Window(outage.start_s / scale, min(end_s, outage.start_s + outage.length_s) / scale, "outage")
        for outage in outages
        if outage.start_s < end_s
    )


def _lag(designs: Designs, x: Axis, scale: float) -> Chart:
    unit_s, unit = time_unit(max(max(design.series.lag_s) for _, design in designs))
    return _over_time(designs, x, scale, "lag_s", "Age of the oldest waiting job", unit, unit_s)


def _over_time(designs: Designs, x: Axis, scale: float, name: str, words: str, unit: str, unit_s: float) -> Chart:
    lines, now = [], []
    for style, design in designs:
        at: Floats = (np.asarray(design.series.t_s) + bin_s(design.series)) / scale
        figures = np.asarray(getattr(design.series, name)) / unit_s
        lines.append(Line(wording.style_name(style), style, at, figures, "step", dash="solid"))
        last = float(figures[-1] * unit_s)
        now.append((wording.style_name(style), duration(last) if name == "lag_s" else count(round(last))))
    title = f"{words}: {wording.listed([f'{value} ({style.lower()})' for style, value in now])}"
    table = Table(("Design", f"{words}, last"), tuple(now))
    y = Axis(f"{words} ({unit})" if name == "lag_s" else words, unit, low=0.0)
    return Chart(id=name, title=title, alt=f"{title}, so far.", x=x, y=y, table=table, lines=labelled(tuple(lines), x))


def _calls(designs: Designs, x: Axis, scale: float) -> tuple[Chart, ...]:
    drawn = tuple((style, design) for style, design in designs if design.call_rate.per_s)
    if not drawn:
        return ()
    width_s = stretch_s(design for _, design in drawn)
    most = tuple((wording.style_name(style), count(max(design.call_rate.per_s))) for style, design in drawn)
    title = f"Calls to the provider a second, most: {wording.listed([f'{value} ({style.lower()})' for style, value in most])}"
    lines = tuple(
        replace(line, dash="solid")
        for drawn_one in drawn
        for line in lines_of((drawn_one,), width_s, run_end_s(drawn_one[1].series), scale)
    )
    return (
        Chart(
            id="provider_calls",
            title=title,
            alt=f"{title}, so far.",
            x=x,
            y=Axis(axis_title(width_s), "/s", low=0.0),
            table=Table(("Design", "Calls a second, most"), most),
            lines=labelled(lines, x),
        ),
    )


def _latency(designs: Designs) -> tuple[Chart, ...]:
    drawn = [(style, design) for style, design in designs if len(design.curve.share) > 1]
    if not drawn:
        return ()
    scale, unit = time_unit(max(design.curve.latency_s[-1] for _, design in drawn))
    lines = tuple(
        Line(
            wording.style_name(style),
            style,
            np.asarray(design.curve.latency_s) / scale,
            100 * np.asarray(design.curve.share),
            "line",
            dash="solid",
        )
        for style, design in drawn
    )
    x = Axis(f"Latency ({unit})", unit, low=0.0, high=max(float(line.x[-1]) for line in lines))
    done = tuple((wording.style_name(style), share(design.completed / design.offered)) for style, design in drawn)
    title = f"Results in hand: {wording.listed([f'{value} ({style.lower()})' for style, value in done])}"
    return (
        Chart(
            id="latency",
            title=title,
            alt=f"{title}, so far. Cumulative share of the jobs offered so far by latency.",
            x=x,
            y=Axis("Results in hand (% of jobs offered so far)", "%", low=0.0, high=100.0),
            table=Table(("Design", "In hand"), done),
            lines=labelled(lines, x),
        ),
    )

"""Latency as a cumulative curve over all offered jobs, with the percentiles and the deadline marked."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from advisor.reports import wording
from advisor.reports.charts.labels import LABEL_HEIGHT, Area, labelled
from advisor.reports.charts.model import Axis, Chart, Deadline, Designs, FloatArray, Line, Mark, Side, Table
from core.numbers import MISSING, duration, interval, percent, share, time_unit
from simulator.result import DesignResult, Result
from simulator.scenario import Scenario

MARKED = (("p50", 50.0), ("p95", 95.0), ("p99", 99.0))
ROWS = ("mean", "p50", "p90", "p95", "p99", "max")
LOG_FROM = 30.0
"""The axis is logarithmic if the tail ends beyond this many medians."""

NATURAL_S = (
    *(digit * 10.0**power for power in range(-4, 1) for digit in (1, 3)),
    *(10.0, 30.0, 60.0, 180.0, 600.0, 1800.0, 3600.0, 10_800.0, 36_000.0, 86_400.0, 259_200.0, 864_000.0),
)
"""Ticks of a logarithmic axis: about three to a step."""
MOST_TICKS = 8

MARK_LETTER = 0.014
"""A letter's width as a share of the plot's."""
LEFT, RIGHT = 0.25, 0.7
"""Where along the axis a mark's words have room on its left, and on its right."""


def latency(result: Result, scenario: Scenario) -> Chart:
    every = tuple(wording.designs_of(result))
    drawn = tuple((style, design) for style, design in every if design.stable and len(design.curve.share) > 1)
    notes = tuple(wording.unstable_sentence(style, design) for style, design in every if not design.stable)
    deadlines = scenario_deadlines(scenario)
    longest = max([design.curve.latency_s[-1] for _, design in drawn] + list(deadlines.values()), default=1.0)
    log = needs_log(drawn, longest)
    scale, unit = (1.0, "s") if log else time_unit(longest)
    lines = _lines(drawn, scale, log, longest)
    x = latency_axis(lines, unit, log)
    marks = _marks(drawn, scale, lines, log)
    title = _finding(every, scenario)
    return Chart(
        id="latency",
        title=title,
        alt=f"{title}. Cumulative share of all offered jobs by latency.",
        x=x,
        y=Axis("Results in hand (% of offered jobs)", "%", low=0.0, high=100.0),
        table=_table(every),
        lines=labelled(lines, x, [*_words(marks, lines, log), *upright_areas(deadlines.values(), scale, lines, log)]),
        marks=marks,
        deadlines=tuple(Deadline(value / scale, deadline_text(name, value)) for name, value in deadlines.items()),
        notes=notes,
    )


def scenario_deadlines(scenario: Scenario) -> Mapping[str, float]:
    if scenario.deadline_s is None:
        return {}
    return scenario.deadline_s if isinstance(scenario.deadline_s, Mapping) else {"": scenario.deadline_s}


def deadline_text(name: str, value: float) -> str:
    return f"{f'{name} ' if name else ''}deadline {duration(value)}"


def latency_axis(lines: tuple[Line, ...], unit: str, log: bool) -> Axis:
    if not log:
        return Axis(f"Latency ({unit})", unit, low=0.0, high=float(lines[0].x[-1]) if lines else 1.0)
    low, high = float(lines[0].x[0]), float(lines[0].x[-1])
    inside = [tick for tick in NATURAL_S if low <= tick <= high]
    ticks = inside[:: -(-len(inside) // MOST_TICKS)]
    return Axis(
        "Latency (s, min, h; log scale)", "s", log=True, low=low, high=high,
        ticks=tuple((tick, duration(tick).replace("60 s", "1 min")) for tick in ticks),
    )  # fmt: skip


def needs_log(drawn: Designs, longest: float) -> bool:
    medians = [latency_at(design, 0.5) for _, design in drawn]
    return bool(medians) and longest > LOG_FROM * min(medians)


def latency_at(design: DesignResult, level: float) -> float:
    """The latency at this share of the completed jobs, positive."""
    shares = np.asarray(design.curve.share)
    place = int(np.searchsorted(shares, level * shares[-1]))
    return max(1e-6, design.curve.latency_s[min(place, len(shares) - 1)])


def _lines(drawn: Designs, scale: float, log: bool, longest: float) -> tuple[Line, ...]:
    """All curves share their instants, so that one hover reads all of them."""
    if not drawn:
        return ()
    instants: FloatArray = np.unique(np.concatenate([design.curve.latency_s for _, design in drawn] + [[longest]]))
    first = min(latency_at(design, 0.001) for _, design in drawn)
    if log:
        instants = instants[instants >= first]
    return tuple(
        Line(
            wording.style_name(style),
            style,
            instants / scale,
            100 * np.interp(instants, design.curve.latency_s, design.curve.share, left=0.0),
            "line",
        )
        for style, design in drawn
    )


def _marks(drawn: Designs, scale: float, lines: tuple[Line, ...], log: bool) -> tuple[Mark, ...]:
    marks: list[Mark] = []
    for name, level in MARKED:
        values = [(getattr(design.latency_s, name), style) for style, design in drawn]
        for place, (value, style) in enumerate(sorted((value, style) for value, style in values if value)):
            along = _along(value / scale, lines, log)
            side = _side(along, first=place == 0, alone=len(values) == 1)
            marks.append(Mark(value / scale, level, f"{name} {duration(value)}", style, side))
    return tuple(_joined(marks, lines, log))


def _side(along: float, *, first: bool, alone: bool) -> Side:
    if first and not (alone and along < RIGHT):
        return "left" if along > LEFT else "none"
    return "right" if along < RIGHT else "left" if alone else "none"


def _joined(marks: list[Mark], lines: tuple[Line, ...], log: bool) -> list[Mark]:
    """p95 and p99 are nearly at one height: if their words would meet, one mark says both."""
    done = list(marks)
    for style in {mark.style for mark in marks}:
        places = [
            place for place, mark in enumerate(done) if mark.style == style and mark.y > 90 and mark.side != "none"
        ]
        if len(places) != 2:
            continue
        p95, p99 = (done[place] for place in places)
        near = _along(p99.x, lines, log) - _along(p95.x, lines, log) < RIGHT - LEFT
        if near and p95.side == p99.side:
            both, silent = (places[1], places[0]) if p95.side == "left" else (places[0], places[1])
            done[both] = replace(done[both], text=f"{p95.text}, {p99.text}")
            done[silent] = replace(done[silent], side="none")
    return done


def _words(marks: tuple[Mark, ...], lines: tuple[Line, ...], log: bool) -> Iterator[Area]:
    for mark in marks:
        width, height = MARK_LETTER * len(mark.text), mark.y / 106
        along = _along(mark.x, lines, log)
        if mark.side == "left":
            yield Area(along - width, height, width)
        elif mark.side == "right":
            yield Area(along, height - LABEL_HEIGHT, width)


def upright_areas(deadlines_s: Iterable[float], scale: float, lines: tuple[Line, ...], log: bool) -> Iterator[Area]:
    """What the upright lines of the deadlines take of the plot."""
    for deadline_s in deadlines_s if lines else ():
        along = _along(deadline_s / scale, lines, log)
        yield from (Area(along - 0.005, bottom, 0.01) for bottom in np.arange(0, 1, LABEL_HEIGHT).tolist())


def _along(x: float, lines: tuple[Line, ...], log: bool) -> float:
    """The place of a value along the axis, 0 to 1."""
    low, high = (float(lines[0].x[0]), float(lines[0].x[-1])) if log else (0.0, float(lines[0].x[-1]))
    if log:
        return float(np.log(x / low) / np.log(high / low)) if high > low else 0.0
    return x / high if high else 0.0


def _finding(every: Designs, scenario: Scenario) -> str:
    if scenario.deadline_s is not None:
        name = "their deadline" if isinstance(scenario.deadline_s, Mapping) else duration(scenario.deadline_s)
        parts = [f"{share(design.good_share)} of {wording.design_name(style)} jobs" for style, design in every]
        return f"Within {name}: {wording.listed(parts)} have their result"
    parts = []
    for style, design in every:
        name = wording.design_name(style)
        if not design.stable:
            parts.append(f"the {name} design cannot keep up")
        elif design.latency_s.p95 is None:
            done = design.completed / design.offered if design.offered else 0.0
            parts.append(f"only {share(done)} of {name} jobs complete")
        else:
            parts.append(f"95 % of {name} jobs have their result within {duration(design.latency_s.p95)}")
    return wording.capitalised("; ".join(parts))


def _table(every: Designs) -> Table:
    rows = []
    for name in ROWS:
        words = "mean" if name == "mean" else "largest" if name == "max" else name
        rows.append((words, *(quantile(design, name) for _, design in every)))
    rows.append(("good", *(percent(100 * design.good_share) for _, design in every)))
    return Table(("Latency", *(wording.style_name(style) for style, _ in every)), tuple(rows))


def quantile(design: DesignResult, name: str, of: str = "latency") -> str:
    if not design.stable:
        return "no steady state"
    value = getattr(getattr(design, f"{of}_s"), name)
    bounds = design.intervals.get(f"{of}_{name}_s")
    if value is None or bounds is None:
        return duration(value, missing=wording.NOT_REACHED if of == "latency" else MISSING)
    return interval(value, *bounds, "s")

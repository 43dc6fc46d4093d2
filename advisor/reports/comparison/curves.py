"""The latency curves of several runs, a chart a design, all on the same axes."""

from collections.abc import Mapping, Sequence

import numpy as np

from advisor.reports import wording
from advisor.reports.charts.labels import labelled
from advisor.reports.charts.latency import ROWS, axis_of, latency_at, needs_log, quantile
from advisor.reports.charts.model import Axis, Chart, Deadline, Line, Table
from advisor.reports.comparison.runs import Laid, styles_of, with_design
from core.numbers import duration, percent, share, time_unit
from simulator.result import DesignResult

Drawn = list[tuple[Laid, DesignResult]]


def latencies(laid: Sequence[Laid]) -> tuple[Chart, ...]:
    """Cumulative curves over all offered jobs; a run without a steady state has a sentence instead."""
    styles = styles_of(laid)
    drawn = {style: [pair for pair in with_design(laid, style) if _drawable(pair[1])] for style in styles}
    every = tuple((style, design) for style in styles for _, design in drawn[style])
    deadlines = deadlines_of(laid)
    longest = max([design.curve.latency_s[-1] for _, design in every] + list(deadlines), default=1.0)
    log = needs_log(every, longest)
    scale, unit = (1.0, "s") if log else time_unit(longest)
    first = min((latency_at(design, 0.001) for _, design in every), default=0.0) if log else 0.0
    lines = {
        style: tuple(_line(one, style, design, (first, longest, scale)) for one, design in drawn[style])
        for style in styles
    }
    x = axis_of(tuple(line for each in lines.values() for line in each), unit, log)
    marks = tuple(Deadline(value / scale, words) for value, words in deadlines.items())
    return tuple(_chart(style, laid, labelled(lines[style], x, high=100.0), x, marks) for style in styles)


def _drawable(design: DesignResult) -> bool:
    return design.stable and len(design.curve.share) > 1


def _line(one: Laid, style: str, design: DesignResult, span: tuple[float, float, float]) -> Line:
    """From the first instant of all runs to the last: after its end a curve stays at the completed share."""
    first, longest, scale = span
    own = np.asarray(design.curve.latency_s)
    instants = np.unique(np.concatenate([own[(own >= first) & (own <= longest)], [first, longest]]))
    shares = 100 * np.interp(instants, own, np.asarray(design.curve.share), left=0.0)
    return Line(one.letter, style, instants / scale, shares, "line", dash=one.dash)


def _chart(
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
    """The 95th percentile of the latency, or why there is none."""
    if not design.stable:
        return "no time"
    return duration(design.latency_s.p95, missing="no time")


def _table(runs: Drawn) -> Table:
    words = {"mean": "mean", "max": "largest"}
    rows = [(words.get(name, name), *(quantile(design, name) for _, design in runs)) for name in ROWS]
    rows.append(("good", *(percent(100 * design.good_share) for _, design in runs)))
    return Table(("Latency", *(one.letter for one, _ in runs)), tuple(rows))


def deadlines_of(laid: Sequence[Laid]) -> dict[float, str]:
    """Each deadline once, with the letters of the runs that have it where not all do; in short where there are several."""
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

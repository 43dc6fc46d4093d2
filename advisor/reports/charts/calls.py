"""Calls to the provider over time, by their busiest seconds, so that retries that come back as a herd stand out."""

from collections.abc import Iterable, Sequence
from math import ceil

import numpy as np

from advisor.reports import wording
from advisor.reports.charts.labels import labelled
from advisor.reports.charts.model import Axis, Chart, Floats, Line
from advisor.reports.charts.over_time import Run, table_over_time
from core.numbers import count, duration, number
from simulator.result import CallRate, DesignResult

Designs = Sequence[tuple[str, DesignResult]]
TITLE = "Calls to the provider (/s)"
MOST = 100
"""Stretches of a line: more would be a comb. Each keeps its busiest second."""
MORE = 1.2
"""After an outage the busiest second is told apart from the busiest before it where it has so many times its calls."""


def provider_calls(run: Run, width_s: float) -> tuple[Chart, ...]:
    """Empty if no design has a call rate: results that were stored before it was measured."""
    designs = tuple((style, design) for style, design in run.designs if design.call_rate.per_s)
    if not designs:
        return ()
    title = _finding(designs, _outage_s(run))
    lines = lines_of(designs, width_s, run.end_s, run.scale)
    ends = [_at_ends(line, width_s / run.scale) for line in lines]
    return (
        Chart(
            id="provider_calls",
            title=title,
            alt=f"{title}. {axis_title(width_s)} over time, first replication.{run.behind()}",
            x=run.axis(),
            y=Axis(axis_title(width_s), "/s", low=0.0),
            table=table_over_time(run, ends, count, "Largest"),
            lines=labelled(lines, run.axis()),
            windows=run.shaded(),
        ),
    )


def stretch_s(designs: Iterable[DesignResult]) -> float:
    """Length of a step for all designs: at most `MOST` steps, each of whole bins."""
    rates = [design.call_rate for design in designs if design.call_rate.per_s]
    widest = max((rate.width_s for rate in rates), default=1.0)
    longest = max((len(rate.per_s) * rate.width_s for rate in rates), default=0.0)
    return widest * max(1, ceil(longest / (MOST * widest)))


def axis_title(width_s: float) -> str:
    return TITLE if width_s <= 1 else f"Calls a second (highest in each {duration(width_s)})"


def lines_of(designs: Designs, width_s: float, end_s: float, scale: float) -> tuple[Line, ...]:
    return tuple(
        Line(wording.style_name(style), style, x / scale, y, "step")
        for style, design in designs
        for x, y in [steps(design.call_rate, width_s, end_s)]
    )


def steps(rate: CallRate, width_s: float, end_s: float) -> tuple[Floats, Floats]:
    """Return the steps' starts and busiest seconds, then zeros at the end of the calls and of the run."""
    group = max(1, round(width_s / rate.width_s))
    padded = np.concatenate([np.asarray(rate.per_s, np.float64), np.zeros(-len(rate.per_s) % group)])
    most = padded.reshape(-1, group).max(axis=1) if len(padded) else padded
    starts: Floats = np.arange(len(most), dtype=np.float64) * np.float64(width_s)
    last_s = min(len(most) * width_s, max(end_s, float(starts[-1]) if len(starts) else 0.0))
    return np.concatenate([starts, [last_s, max(end_s, last_s)]]), np.concatenate([most, [0.0, 0.0]])


def _at_ends(line: Line, width: float) -> Line:
    return Line(line.label, line.style, np.minimum(line.x + width, line.x[-1]), line.y, line.shape)


def _outage_s(run: Run) -> float | None:
    return min((window.start for window in run.windows if window.kind == "outage"), default=None)


def _finding(designs: Designs, outage_s: float | None) -> str:
    peaks = [(style, max(design.call_rate.per_s)) for style, design in designs]
    told = wording.listed([f"{count(peak)} ({wording.design_name(style)})" for style, peak in peaks])
    title = f"Calls to the provider reach {told} a second"
    herds = [] if outage_s is None else [herd for style, design in designs if (herd := _herd(style, design, outage_s))]
    return f"{title}: {wording.listed(herds)}" if herds else title


def _herd(style: str, design: DesignResult, outage_s: float) -> str:
    place = int(outage_s / design.call_rate.width_s)
    before, after = design.call_rate.per_s[:place], design.call_rate.per_s[place:]
    if not before or not after or not max(before) or max(after) <= MORE * max(before):
        return ""
    times = number(max(after) / max(before))
    return f"{times} times as many as before the outage in the {wording.design_name(style)} design"

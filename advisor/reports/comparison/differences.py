"""Figures of several runs beside each other, and their differences with intervals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from advisor.reports.charts.model import Table
from advisor.reports.comparison.runs import Laid, with_design
from advisor.reports.document.simulation import DIFFERENCES, SHARES, difference_words, results_table
from advisor.reports.wording import designs_of, style_name
from core.numbers import MISSING, duration, number
from simulator.result import DesignResult, Interval


@dataclass(frozen=True)
class Cell:
    """A difference in words; `telling` where its interval leaves out zero."""

    text: str
    telling: bool = False


@dataclass(frozen=True)
class Row:
    """One figure, with a cell a column."""

    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Differences:
    """A table of them: what is subtracted from what stands in the headers."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[Row, ...]


def figures_of(laid: Sequence[Laid], style: str) -> Table:
    """Every figure of one design, a column a run."""
    runs = [one for one, _ in with_design(laid, style)]
    each = [_column(one, style) for one in runs]
    names = dict.fromkeys(name for column in each for name in column)
    rows = tuple((name, *(column.get(name, _left_out(name)) for column in each)) for name in names)
    return Table((style_name(style), *(one.letter for one in runs)), rows)


def _left_out(name: str) -> str:
    """A run's own table leaves out the losses that did not occur in it."""
    return "0 (0 %)" if name.startswith("of these") else MISSING


def _column(one: Laid, style: str) -> dict[str, str]:
    place = [name for name, _ in designs_of(one.result)].index(style) + 1
    return {row[0]: row[place] for row in results_table(one.result).rows}


def between_designs(laid: Sequence[Laid]) -> Differences:
    """Event-driven minus synchronous in each run, paired by replication."""
    rows = [
        Row(words, tuple(_cell(name, one.result.difference.get(name)) for one in laid))
        for name, words in DIFFERENCES.items()
        if any(name in one.result.difference for one in laid)
    ]
    return Differences("Event-driven minus synchronous", tuple(one.letter for one in laid), tuple(rows))


def between_runs(laid: Sequence[Laid], style: str) -> Differences:
    """One design of each run minus that of the first, the runs taken as independent of each other."""
    runs = with_design(laid, style)
    first, others = runs[0], runs[1:]
    rows = []
    for name, words in DIFFERENCES.items():
        cells = tuple(_cell_between(name, first[1], design) for _, design in others)
        if any(cell.text != MISSING for cell in cells):
            rows.append(Row(words, cells))
    headers = tuple(f"{one.letter} − {first[0].letter}" for one, _ in others)
    return Differences(style_name(style), headers, tuple(rows))


def difference(name: str, less: DesignResult, more: DesignResult) -> Interval | None:
    """`more` minus `less`, from the 95 % interval of each; None where one of the two has none.

    The bounds are recovered from those of the two parts, so that a lopsided interval stays one (MOVER: Zou and Donner,
    Statistics in Medicine 27, 2008).
    """
    a, b = value_of(less, name), value_of(more, name)
    if a is None or b is None or name not in less.intervals or name not in more.intervals:
        return None
    (low_a, high_a), (low_b, high_b) = less.intervals[name], more.intervals[name]
    mean = b - a
    return Interval(
        mean=mean, low=mean - math.hypot(b - low_b, high_a - a), high=mean + math.hypot(high_b - b, a - low_a)
    )


def value_of(design: DesignResult, name: str) -> float | None:
    """A design's figure by the name that its interval has."""
    for of, figures in (("latency", design.latency_s), ("wait", design.wait_s)):
        if name.startswith(f"{of}_"):
            value: float | None = getattr(figures, name.removeprefix(f"{of}_").removesuffix("_s"))
            return value
    match name:
        case "completed_share":
            return design.completed / design.offered if design.offered else 0.0
        case "queue_depth_mean":
            return design.queue_depth.mean
        case "queue_depth_max":
            return design.queue_depth.max
        case "lag_max_s":
            return design.lag_s.max
    return float(getattr(design, name))


def _cell(name: str, found: Interval | None) -> Cell:
    if found is None:
        return Cell(MISSING)
    return Cell(difference_words(name, found), found.low > 0 or found.high < 0)


def _cell_between(name: str, less: DesignResult, more: DesignResult) -> Cell:
    """With its interval; alone where one of the two parts has none."""
    found = difference(name, less, more)
    if found is not None:
        return _cell(name, found)
    a, b = value_of(less, name), value_of(more, name)
    return Cell(MISSING if a is None or b is None else _alone(name, b - a))


def _alone(name: str, value: float) -> str:
    """A difference without an interval."""
    if name in SHARES:
        return number(100 * value, "points")
    return duration(value) if name.endswith("_s") else number(value)

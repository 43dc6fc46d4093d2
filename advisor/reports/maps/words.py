"""A crossover map in sentences, as a table, and as a map of letters for the command line."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from advisor.reports.charts.model import Table
from advisor.reports.document.answers import QUESTIONS, of_unit
from advisor.reports.document.blocks import Paragraph, Section, table_block
from advisor.reports.terminal_text import terminal_text
from advisor.reports.wording import design_name, listed, without_unit
from advisor.sweeps.contract import Cell, GoodShare, SweepAxis, SweepResult
from core.numbers import count, number, plural, share_interval

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "both": "both designs meet the deadline",
        "synchronous": "only synchronous meets it",
        "event_driven": "only event-driven meets it",
        "neither": "neither meets it",
        "unresolved": "it is not certain either way",
        "no_deadline": "there is no deadline",
    }
)
"""What a cell may come to, in the order of a map's key."""


def kind_of(cell: Cell) -> str:
    return cell.verdict if isinstance(cell.verdict, str) else "both"


def axis_name(field: str) -> str:
    """As in processing p95, volume mean rate."""
    return without_unit(field).replace(".", " ")


def axis_title(axis: SweepAxis) -> str:
    unit = QUESTIONS[axis.field].unit
    return f"{axis_name(axis.field)} ({unit})" if unit else axis_name(axis.field)


def axis_value(field: str, value: float) -> str:
    """All in the question's own unit, so that they compare at a glance."""
    figure = number(value)
    return f"{figure} {of_unit(QUESTIONS[field].unit, figure)}".rstrip()


def axis_words(axis: SweepAxis) -> str:
    low, high = (axis_value(axis.field, value) for value in (axis.values[0], axis.values[-1]))
    return f"{axis_name(axis.field)} from {low} to {high}"


def counted(cells: Sequence[Cell]) -> dict[str, int]:
    kinds = [kind_of(cell) for cell in cells]
    return {kind: kinds.count(kind) for kind in KINDS if kind in kinds}


def finding(sweep: SweepResult) -> str:
    if not sweep.cells:
        return "No cell has been simulated yet."
    counts = counted(sweep.cells)
    if set(counts) == {"no_deadline"}:
        return "There is no deadline, so no design wins a cell; give one to draw the map."
    parts = [f"{KINDS[kind]} in {count(number)}" for kind, number in counts.items()]
    total = count(len(sweep.cells), "cell", "cells")
    return f"Of {total}, {listed(parts)}."


def disagreement(cells: Sequence[Cell]) -> str:
    against = [cell for cell in cells if cell.disagrees]
    if not against:
        return "Nowhere does the advice name a design that misses the deadline while the other one meets it."
    styles = sorted({cell.style for cell in against})
    where = count(len(against), "cell", "cells")
    return (
        f"In {where} the advice says {listed([design_name(style) for style in styles], 'or')} and the simulation has "
        "only the other design meet the deadline: there, believe the simulation, and look at the reasons again."
    )


def map_table(sweep: SweepResult) -> Table:
    axes = [axis_name(sweep.x.field), *([axis_name(sweep.y.field)] if sweep.y else [])]
    headers = (*axes, "Advice", "Simulation", "Good, synchronous", "Good, event-driven", "Margin")
    return Table(headers, tuple(_row(sweep, cell) for cell in sweep.cells))


def _row(sweep: SweepResult, cell: Cell) -> tuple[str, ...]:
    advice = design_name(cell.style) + (" (misses where the other meets)" if cell.disagrees else "")
    simulated = (share_words(cell.synchronous), share_words(cell.event_driven), margin_words(cell))
    return (*place_words(sweep, cell), advice, KINDS[kind_of(cell)], *simulated)


def place_words(sweep: SweepResult, cell: Cell) -> tuple[str, ...]:
    across = axis_value(sweep.x.field, cell.x)
    return (across,) if sweep.y is None or cell.y is None else (across, axis_value(sweep.y.field, cell.y))


def share_words(good: GoodShare) -> str:
    """A design that grows without end has no share: it depends on how long it was watched."""
    return share_interval(good.good_share, good.low, good.high) if good.stable else "grows without end"


def margin_words(cell: Cell) -> str:
    if cell.margin is None:
        return "no deadline"
    points = 100 * cell.margin
    return f"{number(abs(points))} {plural(abs(points), 'point')} {'over' if points >= 0 else 'under'}"


VERDICT_LETTERS = {
    "both": "B",
    "synchronous": "S",
    "event_driven": "E",
    "neither": ".",
    "unresolved": "?",
    "no_deadline": "-",
}


def sweep_text(title: str, sweep: SweepResult) -> str:
    if sweep.y is None:
        return terminal_text(title, finding(sweep), [_map_section(sweep), _agreement(sweep)])
    return "\n".join(
        [terminal_text(title, finding(sweep), []), *_map(sweep), "", terminal_text("", disagreement(sweep.cells), [])]
    )


def _agreement(sweep: SweepResult) -> Section:
    return Section("agreement", "Advice and simulation", (Paragraph(disagreement(sweep.cells)),))


def _map_section(sweep: SweepResult) -> Section:
    rows = [
        (
            axis_value(sweep.x.field, cell.x),
            design_name(cell.style),
            KINDS[kind_of(cell)],
            _share(cell.synchronous),
            _share(cell.event_driven),
        )
        for cell in sweep.cells
    ]
    headers = (axis_name(sweep.x.field), "Advice", "Simulation", "Good, synchronous", "Good, event-driven")
    return Section("map", "Map", (table_block(headers, rows, axis_words(sweep.x), figures_from=3),))


def _share(good: GoodShare) -> str:
    return share_interval(good.good_share, good.low, good.high)


def _map(sweep: SweepResult) -> Iterator[str]:
    """Rows from the highest y down, each cell a letter."""
    assert sweep.y is not None  # noqa: S101  the caller has seen to it
    cells = {(cell.x, cell.y): cell for cell in sweep.cells}
    labels = [axis_value(sweep.y.field, value) for value in sweep.y.values]
    width = max(map(len, labels))
    yield f"Up: {axis_words(sweep.y)}. Across: {axis_words(sweep.x)}."
    yield ""
    for value, label in reversed(list(zip(sweep.y.values, labels, strict=True))):
        yield f"{label:>{width}}  {' '.join(_letter(cells.get((x, value))) for x in sweep.x.values)}"
    yield ""
    kinds = dict.fromkeys(kind for kind in KINDS if any(kind_of(cell) == kind for cell in sweep.cells))
    yield "; ".join(f"{VERDICT_LETTERS[kind]} {KINDS[kind]}" for kind in kinds) + "; ! the advice says otherwise."


def _letter(cell: Cell | None) -> str:
    if cell is None:
        return " "
    return "!" if cell.disagrees else VERDICT_LETTERS[kind_of(cell)]

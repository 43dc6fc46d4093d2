"""A sweep for the command line: a map of letters, or a table where one answer is varied."""

from collections.abc import Iterator

from advisor.reports.document.blocks import Paragraph, Section, grid
from advisor.reports.formats.text import text
from advisor.reports.maps.words import KINDS, axis_name, axis_value, axis_words, disagreement, finding, kind_of
from advisor.reports.wording import design_name
from advisor.sweeps.contract import Cell, GoodShare, Sweep
from core.numbers import share_interval

LETTERS = {"both": "B", "synchronous": "S", "event_driven": "E", "neither": ".", "unresolved": "?", "no_deadline": "-"}


def sweep_text(title: str, sweep: Sweep) -> str:
    """The finding first, then the map, then where advice and simulation disagree."""
    if sweep.y is None:
        return text(title, finding(sweep), [_table(sweep), _agreement(sweep)])
    return "\n".join([text(title, finding(sweep), []), *_map(sweep), "", text("", disagreement(sweep.cells), [])])


def _agreement(sweep: Sweep) -> Section:
    return Section("agreement", "Advice and simulation", (Paragraph(disagreement(sweep.cells)),))


def _table(sweep: Sweep) -> Section:
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
    return Section("map", "Map", (grid(headers, rows, axis_words(sweep.x), figures_from=3),))


def _share(found: GoodShare) -> str:
    return share_interval(found.good_share, found.low, found.high)


def _map(sweep: Sweep) -> Iterator[str]:
    """Rows from the highest y down, each cell a letter; small where the advice names another design."""
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
    yield "; ".join(f"{LETTERS[kind]} {KINDS[kind]}" for kind in kinds) + "; ! the advice says otherwise."


def _letter(cell: Cell | None) -> str:
    if cell is None:
        return " "
    return "!" if cell.disagrees else LETTERS[kind_of(cell)]

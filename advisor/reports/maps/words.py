"""A crossover map in sentences, as a table, and as a map of letters for the command line."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType

from advisor.advice.answers import LEAVES
from advisor.reports.charts.model import Table
from advisor.reports.document.answers import QUESTIONS, value_words
from advisor.reports.document.blocks import Section, table_block
from advisor.reports.terminal_text import terminal_text
from advisor.reports.wording import capitalised, design_name, listed
from advisor.sweeps.contract import Cell, GoodShare, SweepAxis, SweepResult
from advisor.sweeps.refinement import CellKind, Index, filled, indexed_cells
from core.numbers import count, number, percent, plural, share_interval

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


def axis_title(axis: SweepAxis) -> str:
    question = QUESTIONS[axis.field]
    return f"{question.label} ({question.unit})" if question.unit else question.label


def axis_value(field: str, value: float) -> str:
    """Rates in one unit, so that they compare at a glance."""
    return f"{number(value)} /s" if QUESTIONS[field].unit == "/s" else value_words(field, value)


def axis_words(axis: SweepAxis) -> str:
    low, high = (axis_value(axis.field, value) for value in (axis.values[0], axis.values[-1]))
    return f"“{QUESTIONS[axis.field].label}” from {low} to {high}"


def kinds_of(sweep: SweepResult) -> dict[Index, str]:
    """What each cell comes to, those included that lie between simulated ones that agree; an open one only if it was simulated itself."""
    simulated = {index: kind_of(cell) for index, cell in indexed_cells(sweep).items()}
    if "no_deadline" in simulated.values():
        return simulated
    return {index: _kind_name(kind) for index, kind in filled(sweep).items()} | simulated


def _kind_name(kind: CellKind) -> str:
    match kind.synchronous, kind.event_driven:
        case True, True:
            return "both"
        case True, False:
            return "synchronous"
        case False, True:
            return "event_driven"
        case _:
            return "neither"


def shares_of_map(sweep: SweepResult) -> dict[str, float]:
    """The part of the map, so far as it is drawn, that each kind has; kinds that it has none of are left out."""
    kinds = list(kinds_of(sweep).values())
    return {kind: kinds.count(kind) / len(kinds) for kind in KINDS if kind in kinds}


def finding(sweep: SweepResult, here_y: float | None = None) -> str:
    """Where it turns along x, at the value of y that is nearest to the workload's own."""
    if not sweep.cells:
        return "No cell has been simulated yet."
    if any(kind_of(cell) == "no_deadline" for cell in sweep.cells):
        return "There is no deadline, so no design wins a cell; give one to draw the map."
    estimates = filled(sweep)
    rows = sweep.y.values if sweep.y else (0.0,)
    row = min(range(len(rows)), key=lambda place: abs(rows[place] - (rows[0] if here_y is None else here_y)))
    along = [estimates.get((column, row)) for column in range(len(sweep.x.values))]
    known = [_kind_name(kind) for kind in along if kind is not None]
    if len(known) < len(along):
        parts = [f"{KINDS[kind]} in {percent(100 * share)}" for kind, share in shares_of_map(sweep).items()]
        return f"Of what has been simulated, {listed(parts)}."
    at = rows[row] if here_y is None or not rows[0] <= here_y <= rows[-1] else here_y
    where = f"With “{QUESTIONS[sweep.y.field].label}” at {axis_value(sweep.y.field, at)}, " if sweep.y else ""
    if len(shares_of_map(sweep)) == 1:
        return f"{capitalised(_MEETING[known[0]])} meet{_s(known[0])} the deadline everywhere on this map."
    return capitalised(f"{where}{_turns_along(sweep.x, known)}.")


_MEETING: Mapping[str, str] = MappingProxyType(
    {
        "both": "both designs",
        "synchronous": "only synchronous",
        "event_driven": "only event-driven",
        "neither": "neither design",
    }
)


def _s(kind: str) -> str:
    return "" if kind == "both" else "s"


def _turns_along(axis: SweepAxis, kinds: Sequence[str]) -> str:
    """As in both designs meet the deadline up to about 0.3 /s, only event-driven up to about 0.55 /s, and neither design beyond."""
    runs, place = [], 0
    for kind, run in groupby(kinds):
        place += len(list(run))
        runs.append((kind, place))
    first = f"{_MEETING[runs[0][0]]} meet{_s(runs[0][0])} the deadline"
    if len(runs) == 1:
        low, high = (axis_value(axis.field, value) for value in (axis.low, axis.high))
        return f"{first} from {low} to {high}"
    parts = [
        f"{first if number == 0 else _MEETING[kind]} up to {_turn_words(axis, end)}"
        for number, (kind, end) in enumerate(runs[:-1])
    ]
    return f"{', '.join(parts)}, and {_MEETING[runs[-1][0]]} beyond"


def _turn_words(axis: SweepAxis, place: int) -> str:
    """Between two neighbouring values; of whole numbers the last one before it."""
    before, after = axis.values[place - 1 : place + 1]
    if LEAVES[axis.field].kind == "integer":
        return axis_value(axis.field, round(before))
    return f"about {axis_value(axis.field, float(f'{(before + after) / 2:.2g}'))}"


def map_table(sweep: SweepResult) -> Table:
    axes = [QUESTIONS[axis.field].label for axis in (sweep.x, sweep.y) if axis]
    headers = (*axes, "Advice", "Simulation", "Good, synchronous", "Good, event-driven", "Margin")
    return Table(headers, tuple(_row(sweep, cell) for cell in sweep.cells))


def _row(sweep: SweepResult, cell: Cell) -> tuple[str, ...]:
    simulated = (share_words(cell.synchronous), share_words(cell.event_driven), margin_words(cell))
    return (*place_words(sweep, cell), design_name(cell.style), KINDS[kind_of(cell)], *simulated)


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


def sweep_text(title: str, sweep: SweepResult, here_y: float | None = None) -> str:
    if sweep.y is None:
        return terminal_text(title, finding(sweep), [_map_section(sweep)])
    return "\n".join([terminal_text(title, finding(sweep, here_y), []), *_map(sweep), ""])


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
    headers = (QUESTIONS[sweep.x.field].label, "Advice", "Simulation", "Good, synchronous", "Good, event-driven")
    return Section("map", "Map", (table_block(headers, rows, axis_words(sweep.x), figures_from=3),))


def _share(good: GoodShare) -> str:
    return share_interval(good.good_share, good.low, good.high)


def _map(sweep: SweepResult) -> Iterator[str]:
    """Rows from the highest y down, each cell a letter."""
    assert sweep.y is not None  # noqa: S101  the caller has seen to it
    kinds = kinds_of(sweep)
    labels = [axis_value(sweep.y.field, value) for value in sweep.y.values]
    width = max(map(len, labels))
    yield f"Up: {axis_words(sweep.y)}. Across: {axis_words(sweep.x)}."
    yield ""
    for row, label in reversed(list(enumerate(labels))):
        letters = (VERDICT_LETTERS.get(kinds.get((column, row), ""), " ") for column in range(len(sweep.x.values)))
        yield f"{label:>{width}}  {' '.join(letters)}"
    yield ""
    shown = [kind for kind in KINDS if kind in kinds.values()]
    yield "; ".join(f"{VERDICT_LETTERS[kind]} {KINDS[kind]}" for kind in shown) + "."
    if len(sweep.cells) < len(kinds):
        yield f"{count(len(sweep.cells), 'cell')} simulated; the others lie between cells that agree."

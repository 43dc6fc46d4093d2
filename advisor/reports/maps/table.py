"""A sweep's numbers as a table: a row a cell."""

from advisor.reports.charts.model import Table
from advisor.reports.maps.words import KINDS, axis_name, axis_value, kind_of
from advisor.reports.wording import design_name
from advisor.sweeps.contract import Cell, GoodShare, Sweep
from core.numbers import number, plural, share_interval


def map_table(sweep: Sweep) -> Table:
    """The varied answers first, then advice, simulation, both good shares with their intervals, and the margin."""
    axes = [axis_name(sweep.x.field), *([axis_name(sweep.y.field)] if sweep.y else [])]
    headers = (*axes, "Advice", "Simulation", "Good, synchronous", "Good, event-driven", "Margin")
    return Table(headers, tuple(_row(sweep, cell) for cell in sweep.cells))


def _row(sweep: Sweep, cell: Cell) -> tuple[str, ...]:
    advice = design_name(cell.style) + (" (misses where the other meets)" if cell.disagrees else "")
    found = (share_words(cell.synchronous), share_words(cell.event_driven), margin_words(cell))
    return (*place_words(sweep, cell), advice, KINDS[kind_of(cell)], *found)


def place_words(sweep: Sweep, cell: Cell) -> tuple[str, ...]:
    """The cell's values, one for each axis."""
    across = axis_value(sweep.x.field, cell.x)
    return (across,) if sweep.y is None or cell.y is None else (across, axis_value(sweep.y.field, cell.y))


def share_words(found: GoodShare) -> str:
    """A good share with its interval; that of a design that grows without end would go by how long it was watched."""
    return share_interval(found.good_share, found.low, found.high) if found.stable else "grows without end"


def margin_words(cell: Cell) -> str:
    """By how much the better design is over what is asked, or under it."""
    if cell.margin is None:
        return "no deadline"
    points = 100 * cell.margin
    return f"{number(abs(points))} {plural(abs(points), 'point')} {'over' if points >= 0 else 'under'}"

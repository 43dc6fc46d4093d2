"""A border as sharp as the grid without simulating all of it: a coarse grid first, then the quarters of every block whose corners differ."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise, product
from typing import NamedTuple, TypeVar

from advisor.sweeps.contract import Cell, SweepAxis, SweepResult

COARSE_BLOCKS = 12
"""A grid with more than twice as many steps along an axis begins with this many blocks along it."""
CLOSE = 1e-12

Index = tuple[int, int]
"""Column and row of a cell among the values of both axes."""
Kind = TypeVar("Kind")


class CellBlock(NamedTuple):
    """Columns and rows, both ends included; neighbours share their edges."""

    left: int
    right: int
    low: int
    high: int

    @property
    def corners(self) -> Iterator[Index]:
        return product((self.left, self.right), (self.low, self.high))

    def quarters(self) -> "Iterator[CellBlock]":
        """Halves if it is one step wide or high; nothing if it is both."""
        across, up = _halves(self.left, self.right), _halves(self.low, self.high)
        if len(across) + len(up) > 2:
            for (low, high), (left, right) in product(up, across):
                yield CellBlock(left, right, low, high)


def _halves(low: int, high: int) -> tuple[tuple[int, int], ...]:
    middle = (low + high) // 2
    return ((low, middle), (middle, high)) if high - low > 1 else ((low, high),)


def coarse_step_of(x: SweepAxis, y: SweepAxis | None) -> int:
    """1 if every cell is simulated: all values of a single answer are."""
    if y is None:
        return 1
    steps = min(len(x.values), len(y.values)) - 1
    return 1 if steps <= 2 * COARSE_BLOCKS else round(steps / COARSE_BLOCKS)


def coarse_places(count: int, step: int) -> list[int]:
    """Every `step`-th place, and the last one."""
    return [*range(0, count - 1, step), count - 1]


def coarse_blocks(columns: int, rows: int, step: int) -> list[CellBlock]:
    """In rows, the lowest first."""
    across, up = (list(pairwise(coarse_places(count, step))) for count in (columns, rows))
    return [CellBlock(left, right, low, high) for low, high in up for left, right in across]


def divide(block: CellBlock, kind_at: Callable[[Index], Kind]) -> Iterator[tuple[CellBlock, Kind]]:
    """The blocks whose corners agree, with their kind, down to single steps; `kind_at` is asked for no other cells than their corners."""
    kinds = [kind_at(corner) for corner in block.corners]
    if all(kind == kinds[0] for kind in kinds):
        yield block, kinds[0]
        return
    for quarter in block.quarters():
        yield from divide(quarter, kind_at)


def differing(blocks: Sequence[CellBlock], kinds: Mapping[Index, Kind]) -> list[CellBlock]:
    """Blocks that can be divided because not all corners are of one kind; those with an unknown corner are left out."""
    return [
        block
        for block in blocks
        if any(block.quarters())
        and all(corner in kinds for corner in block.corners)
        and len({kinds[corner] for corner in block.corners}) > 1
    ]


def indexed_cells(sweep: SweepResult) -> dict[Index, Cell]:
    columns = {value: place for place, value in enumerate(sweep.x.values)}
    ups: tuple[float | None, ...] = sweep.y.values if sweep.y else (None,)
    rows = {value: place for place, value in enumerate(ups)}
    return {(columns[cell.x], rows[cell.y]): cell for cell in sweep.cells}


class CellKind(NamedTuple):
    """What a cell says, whether or not its interval leaves it open: which designs keep the deadline, and what is advised."""

    synchronous: bool
    event_driven: bool
    style: str


def kind_of_estimate(cell: Cell) -> CellKind:
    if cell.margin is None:
        return CellKind(True, True, cell.style)
    shares = [one.good_share if one.stable else 0.0 for one in (cell.synchronous, cell.event_driven)]
    wanted = max(shares) - cell.margin
    synchronous, event_driven = (share >= wanted - CLOSE for share in shares)
    return CellKind(synchronous, event_driven, cell.style)


def filled(sweep: SweepResult) -> dict[Index, CellKind]:
    """The kinds of the simulated cells, and of those that lie in a block whose corners agree."""
    kinds = {index: kind_of_estimate(cell) for index, cell in indexed_cells(sweep).items()}
    if sweep.y is None:
        return kinds
    inside: dict[Index, CellKind] = {}

    def known(index: Index) -> CellKind | None:
        return kinds.get(index)

    for block in coarse_blocks(len(sweep.x.values), len(sweep.y.values), sweep.coarse_step):
        for part, kind in divide(block, known):
            if kind is not None:
                places = product(range(part.left, part.right + 1), range(part.low, part.high + 1))
                inside.update(dict.fromkeys(places, kind))
    return inside | kinds

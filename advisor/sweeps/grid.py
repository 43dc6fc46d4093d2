from collections.abc import Iterator
from dataclasses import dataclass

from advisor.advice.answers import LEAVES, Answers
from advisor.advice.variations import changed, in_order
from advisor.sweeps.contract import SweepAxis
from advisor.sweeps.refinement import Index, coarse_places, coarse_step_of
from core.errors import InvalidInput, Problem

FEWEST_CELL_JOBS, MOST_CELL_JOBS = 1_000, 1_000_000
JOBS = 20_000
"""Jobs a cell, for each design."""

GridPoint = tuple[float, float | None]


@dataclass(frozen=True)
class Grid:
    """All cells share the seed: common random numbers."""

    answers: Answers
    x: SweepAxis
    y: SweepAxis | None = None
    jobs: int = JOBS
    seed: int = 1
    coarse_step: int = 1
    """Every n-th value along each axis is simulated first."""

    def points(self) -> Iterator[GridPoint]:
        """Of the coarse grid, row by row."""
        return (self.point_at(index) for index in self._coarse())

    @property
    def size(self) -> int:
        """Of the coarse grid."""
        return sum(1 for _ in self._coarse())

    @property
    def shape(self) -> tuple[int, int]:
        """Columns and rows of the whole grid."""
        return len(self.x.values), len(self.y.values) if self.y else 1

    def point_at(self, index: Index) -> GridPoint:
        column, row = index
        return self.x.values[column], self.y.values[row] if self.y else None

    def border(self) -> Iterator[GridPoint]:
        """The outermost points: answers that contradict each other do so at one of them."""
        columns, rows = self.shape
        for row in range(rows):
            inner = row not in (0, rows - 1)
            yield from (self.point_at((column, row)) for column in ({0, columns - 1} if inner else range(columns)))

    def _coarse(self) -> Iterator[Index]:
        columns, rows = self.shape
        for row in coarse_places(rows, self.coarse_step):
            for column in coarse_places(columns, self.coarse_step):
                yield column, row

    def answers_at(self, point: GridPoint) -> Answers:
        """Move what moves along (p50 with p95, the other shares with one) unless it is the other axis.

        Raises:
            InvalidInput: if the two values contradict each other or another answer.
        """
        x, y = point
        values = {self.x.field: x} | ({self.y.field: y} if self.y and y is not None else {})
        answers = self.answers
        for path, fixed in in_order(values):
            answers = changed(answers, path, _typed(path, values[path]), fixed)
        return answers


def build_grid(answers: Answers, x: SweepAxis, y: SweepAxis | None = None, jobs: int = JOBS, seed: int = 1) -> Grid:
    """Raise InvalidInput on `jobs`, on `y` if it is the answer of `x`, and on `x` with the first impossible cell."""
    require_jobs(jobs, "cell")
    if y is not None and y.field == x.field:
        raise InvalidInput([Problem("y", f"{y.field} is varied by x already")])
    made = Grid(answers, x, y, jobs, seed, coarse_step_of(x, y))
    for point in made.border():
        try:
            made.answers_at(point)
        except InvalidInput as error:
            raise InvalidInput([Problem("x", f"{_place(made, point)}: {error.problems[0]}")]) from error
    return made


def require_jobs(jobs: int, part: str) -> None:
    """Raise InvalidInput if a cell of a map, or a trial of a search, would be too short or too long."""
    if not FEWEST_CELL_JOBS <= jobs <= MOST_CELL_JOBS:
        raise InvalidInput(
            [Problem("jobs", f"should be {FEWEST_CELL_JOBS:,} to {MOST_CELL_JOBS:,} a {part}, not {jobs:,}")]
        )


def _typed(field: str, value: float) -> float | int:
    return round(value) if LEAVES[field].kind == "integer" else value


def _place(made: Grid, point: GridPoint) -> str:
    x, y = point
    where = f"at {made.x.field} = {x:g}"
    return where if made.y is None or y is None else f"{where}, {made.y.field} = {y:g}"

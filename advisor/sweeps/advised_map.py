"""The advice's own border on a sweep's grid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advisor.advice.answer_vectors import AnswerVectors, vectors_of
from advisor.advice.contract import Style
from advisor.advice.evaluation import ALL_STYLES, decide
from advisor.advice.variations import in_order, moved_along
from advisor.sweeps.grid import Grid

FINE = 120
"""Values along each axis on which the rules are asked."""


@dataclass(frozen=True)
class AdvisedMap:
    """`style[row, column]` is an index into ALL_STYLES at `y[row]`, `x[column]`."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    style: NDArray[np.int64]

    def named(self) -> set[Style]:
        return {ALL_STYLES[place] for place in np.unique(self.style)}


def build_advised_map(grid: Grid, fine: int = FINE) -> AdvisedMap:
    """One row if a single answer is varied."""
    x = np.array(grid.x.within(fine))
    y = np.array(grid.y.within(fine)) if grid.y else np.array([np.nan])
    across, down = np.meshgrid(x, y)
    base = vectors_of(grid.answers)
    columns = _spread(base, across.size)
    values = {grid.x.field: across.ravel()} | ({grid.y.field: down.ravel()} if grid.y else {})
    for path, fixed in in_order(values):
        columns |= moved_along(path, values[path], columns, fixed)
    return AdvisedMap(x, y, decide(columns).style.reshape(across.shape))


def _spread(base: AnswerVectors, rows: int) -> dict[str, NDArray[np.float64]]:
    return {path: np.full(rows, column[0]) for path, column in base.items()}

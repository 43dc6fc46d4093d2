"""Refinement against asking every cell, for borders of known shape."""

from collections.abc import Callable

import pytest

from advisor.advice.answers import answers_from
from advisor.sweeps.cells import simulate_block, sweep
from advisor.sweeps.contract import Cell, GoodShare, SweepAxis, SweepResult
from advisor.sweeps.grid import Grid, build_grid
from advisor.sweeps.refinement import (
    CellBlock,
    Index,
    coarse_blocks,
    coarse_places,
    coarse_step_of,
    differing,
    divide,
    filled,
    indexed_cells,
    kind_of_estimate,
)

SIDE, STEP = 61, 5
SHAPES: dict[str, Callable[[Index], bool]] = {
    "an upright line": lambda at: at[0] < 22,
    "a slope": lambda at: 3 * at[0] + 2 * at[1] < 140,
    "a curve": lambda at: (at[0] + 4) * (at[1] + 4) < 700,
    "a disk": lambda at: (at[0] - 30) ** 2 + (at[1] - 26) ** 2 < 400,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_cell_gets_its_kind_though_few_are_asked(shape: str) -> None:
    kind_of, asked = SHAPES[shape], set[Index]()

    def ask(index: Index) -> bool:
        asked.add(index)
        return kind_of(index)

    given = {}
    for block in coarse_blocks(SIDE, SIDE, STEP):
        for part, kind in divide(block, ask):
            given |= {(x, y): kind for x in range(part.left, part.right + 1) for y in range(part.low, part.high + 1)}
    every = {(x, y): kind_of((x, y)) for x in range(SIDE) for y in range(SIDE)}
    assert {**given, **{index: kind_of(index) for index in asked}} == every
    assert len(asked) < len(every) / 5


def test_blocks_cover_the_grid_and_the_last_one_reaches_its_end() -> None:
    assert coarse_places(8, 3) == [0, 3, 6, 7]
    assert coarse_blocks(8, 2, 3) == [CellBlock(0, 3, 0, 1), CellBlock(3, 6, 0, 1), CellBlock(6, 7, 0, 1)]


def test_a_block_of_one_step_is_not_divided_nor_one_with_an_unknown_corner() -> None:
    kinds = {(0, 0): 1, (4, 0): 2, (0, 4): 1, (4, 4): 2}
    assert differing([CellBlock(0, 4, 0, 4)], kinds) == [CellBlock(0, 4, 0, 4)]
    assert differing([CellBlock(0, 1, 0, 1)], {(0, 0): 1, (1, 0): 2, (0, 1): 1, (1, 1): 2}) == []
    assert differing([CellBlock(0, 4, 0, 4)], {(0, 0): 1, (4, 0): 2}) == []


@pytest.mark.parametrize(("steps", "step"), [(20, 1), (25, 1), (37, 3), (61, 5)])
def test_a_grid_of_few_steps_is_simulated_whole(steps: int, step: int) -> None:
    x = SweepAxis.from_steps("processing.p95_s", 10, 80, steps)
    y = SweepAxis.from_steps("volume.mean_rate_per_s", 0.2, 1, steps, "y")
    assert coarse_step_of(x, y) == step
    assert coarse_step_of(x, None) == 1


@pytest.fixture(scope="module")
def fine() -> Grid:
    answers = answers_from({"volume": {"peak_to_mean": 1}, "caller": {"deadline_s": 120}})
    axes = (
        SweepAxis.from_steps("processing.p95_s", 10, 90, 7),
        SweepAxis.from_steps("volume.mean_rate_per_s", 0.2, 2, 7, "y"),
    )
    return Grid(answers, *axes, jobs=1_000, coarse_step=3)


@pytest.fixture(scope="module")
def refined(fine: Grid) -> SweepResult:
    return sweep(fine)


def test_a_refined_map_has_the_same_cells_as_the_whole_one_and_leaves_out_none_that_differs(
    fine: Grid, refined: SweepResult
) -> None:
    whole = sweep(build_grid(fine.answers, fine.x, fine.y, fine.jobs))
    every = indexed_cells(whole)
    assert len(refined.cells) < len(every) == 49
    assert indexed_cells(refined).items() <= every.items()
    assert [(cell.y, cell.x) for cell in refined.cells] == sorted((cell.y or 0, cell.x) for cell in refined.cells)
    assert filled(refined) == {index: kind_of_estimate(cell) for index, cell in every.items()}


def test_known_cells_are_not_simulated_again(fine: Grid, refined: SweepResult) -> None:
    assert simulate_block(fine, CellBlock(0, 3, 0, 3), indexed_cells(refined)) == []


def test_an_open_cell_goes_by_its_share_and_a_growing_one_never_keeps_the_deadline() -> None:
    def cell(synchronous: float, event_driven: float, stable: bool = True) -> Cell:
        shares = [GoodShare(good_share=share, low=0, high=1, stable=stable) for share in (synchronous, event_driven)]
        margin = max(synchronous, event_driven) - 0.99 if stable else -0.99
        return Cell(
            x=1, style="hybrid", verdict="unresolved", margin=margin, synchronous=shares[0], event_driven=shares[1]
        )

    assert kind_of_estimate(cell(0.98, 0.991))[:2] == (False, True)
    assert kind_of_estimate(cell(0.99, 0.98))[:2] == (True, False)
    assert kind_of_estimate(cell(1, 1, stable=False))[:2] == (False, False)


def test_a_cancelled_map_says_nothing_of_what_was_not_reached(fine: Grid) -> None:
    share = GoodShare(good_share=1, low=1, high=1)
    first = Cell(
        x=10, y=0.2, style="synchronous", verdict="unresolved", margin=0.01, synchronous=share, event_driven=share
    )
    cut = SweepResult(x=fine.x, y=fine.y, jobs=1, seed=1, coarse_step=3, cells=(first,), elapsed_s=0)
    assert set(filled(cut)) == {(0, 0)}

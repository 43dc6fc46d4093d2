"""The drawing of a crossover map against a border whose place is known."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from advisor.reports.charts.labels import area_of, placed, regions
from advisor.reports.maps.figure import Here, edges, map_figure, smooth, softened
from advisor.reports.maps.shares import turns
from advisor.reports.maps.words import finding
from advisor.sweeps.contract import Cell, SweepAxis, SweepResult

ACROSS = np.linspace(0, 10, 101)
HALF = (ACROSS > 3.05).astype(np.int64)


def halves() -> NDArray[np.int64]:
    """By row and column: 0 to the left of 3.05 on `ACROSS`, 1 to the right."""
    return np.tile(HALF, (40, 1))


def cell_at(x: float, y: float | None, style: str = "synchronous", verdict: str | list[str] = "neither") -> Cell:
    shares = {name: 1.0 if name in verdict else 0.9 for name in ("synchronous", "event_driven")}
    designs = {name: {"good_share": good, "low": good - 0.001, "high": good} for name, good in shares.items()}
    margin = max(shares.values()) - 0.95
    return Cell.model_validate({"x": x, "y": y, "style": style, "verdict": verdict, "margin": margin} | designs)


def a_map(y: bool = True) -> SweepResult:
    ups = (0.0, 1.0) if y else (None,)
    cells = tuple(cell_at(x, up) for up in ups for x in (0.0, 5.0, 10.0))
    axis = SweepAxis(field="volume.mean_rate_per_s", values=(0.0, 1.0)) if y else None
    return SweepResult(
        x=SweepAxis(field="processing.p95_s", values=(0.0, 5.0, 10.0)), y=axis, jobs=1, seed=1, cells=cells, elapsed_s=0
    )


BOTH = ["synchronous", "event_driven"]


def a_refined_map(*stripes: tuple[int, str, str | list[str]]) -> SweepResult:
    """31 x 31, every third cell simulated: in stripes, each up to a column, with its style and verdict."""
    places = [*range(0, 30, 3), 30]
    cells = []
    for row in places:
        for column in places:
            _, style, verdict = next(stripe for stripe in stripes if column <= stripe[0])
            cells.append(cell_at(float(column), float(row), style, verdict))
    values = tuple(float(place) for place in range(31))
    x, y = SweepAxis(field="processing.p95_s", values=values), SweepAxis(field="volume.mean_rate_per_s", values=values)
    return SweepResult(x=x, y=y, jobs=1, seed=1, coarse_step=3, cells=tuple(cells), elapsed_s=0)


def test_each_style_is_named_in_the_middle_of_its_own_region() -> None:
    left, right = regions(halves())
    assert (left.style, right.style) == (0, 1)
    assert 1 <= ACROSS[left.spots[0][1]] <= 2
    assert 4.5 <= ACROSS[right.spots[0][1]] <= 8.6


def test_a_region_in_two_pieces_is_named_in_both() -> None:
    pieces = halves()
    pieces[:, 70:] = 0
    assert sorted(region.style for region in regions(pieces)) == [0, 0, 1]


def test_words_of_regions_meet_neither_each_other_nor_the_workloads_own_on_a_phone() -> None:
    sweep = a_refined_map(
        (9, "synchronous", BOTH), (15, "hybrid", BOTH), (21, "event_driven", BOTH), (30, "event_driven", "neither")
    )
    drawn = map_figure(sweep, Here(18.0, 15.0))["layout"]["annotations"]
    texts = [word["text"] for word in drawn]
    assert "this workload" in texts and "neither meets it" in texts
    assert "both designs meet the deadline; advice: synchronous" in texts
    areas = [area_of(word["text"], (word["x"] + 0.5) / 31, (word["y"] + 0.5) / 31, word["xanchor"]) for word in drawn]
    assert not any(one.meets(other) for one, other in combinations(areas, 2))


def test_what_the_verdict_says_already_is_not_said_again_as_advice() -> None:
    sweep = a_refined_map((12, "synchronous", "synchronous"), (30, "event_driven", "event_driven"))
    texts = [word["text"] for word in map_figure(sweep, Here(40.0, 15.0))["layout"]["annotations"]]
    assert sorted(texts) == ["only event-driven meets it", "only synchronous meets it"]


def test_words_stand_in_their_own_regions() -> None:
    stripes = halves()
    stripes[:, 31:38] = 2
    for region in regions(stripes):
        assert {int(stripes[spot]) for spot in region.spots} == {region.style}


def test_words_that_find_no_room_are_left_out() -> None:
    everywhere = [area_of("x" * 50, 0.5, up / 20, "center") for up in range(21)]
    named = [(region, "advice: hybrid") for region in regions(halves())]
    assert list(placed(named, lambda row, column: (column / 101, row / 40), everywhere)) == []


def test_the_softened_rim_is_half_where_the_style_turns() -> None:
    soft = softened(halves() == 1)
    assert soft[20, 28] == 0 and soft[20, 33] == 1
    assert soft[20, 30] < 0.5 < soft[20, 31]


def test_a_slope_has_no_stairs_between_the_cells() -> None:
    """A step of the drawn border is at most one of its places high, where a step of the cells is six."""
    slope = np.add.outer(np.arange(20), np.arange(20)) > 19
    drawn = smooth(slope.astype(np.int64), 6)
    rims = [int(np.argmax(row)) for row in drawn[24:90]]
    assert max(abs(one - other) for one, other in pairwise(rims)) <= 2
    assert drawn[::6, ::6].tolist() == slope.astype(np.int64).tolist()


def test_the_advice_has_no_border_where_neither_design_meets_the_deadline() -> None:
    def borders(sweep: SweepResult) -> int:
        drawn = map_figure(sweep, Here(40.0, 40.0))["data"]
        return sum(trace["type"] == "contour" for trace in drawn)

    assert borders(a_refined_map((12, "synchronous", BOTH), (30, "event_driven", BOTH))) == 2
    assert borders(a_refined_map((12, "synchronous", BOTH), (30, "event_driven", "neither"))) == 0


def test_what_was_not_simulated_says_so_and_has_no_share() -> None:
    drawn = map_figure(a_refined_map((30, "synchronous", BOTH)), Here(40.0, 40.0))["data"]
    hover = next(trace for trace in drawn if trace.get("opacity") == 0)["customdata"]
    assert "Not simulated" in hover[1][1] and "%" not in hover[1][1]
    assert "Event-driven: 100" in hover[3][3] or "Event-driven: > 99" in hover[3][3]


@pytest.mark.parametrize(
    ("stripes", "words"),
    [
        ([(30, "event_driven", "neither")], "Neither design meets the deadline everywhere on this map."),
        (
            [(9, "synchronous", BOTH), (18, "event_driven", "neither"), (30, "event_driven", BOTH)],
            "With “How many requests arrive, on average?” at 14.2 /s, both designs meet the deadline up to about 9.5 s, neither design up to "
            "about 18 s, and both designs beyond.",
        ),
    ],
)
def test_the_headline_says_where_it_turns(stripes: list[tuple[int, str, str | list[str]]], words: str) -> None:
    """At the row nearest to the workload's own rate; between simulated columns that differ nothing is known, so all are simulated here."""
    sweep = a_refined_map(*stripes)
    known = {(cell.x, cell.y): cell for cell in sweep.cells}
    every = [
        known.get((float(x), float(y)))
        or cell_at(float(x), float(y), *next(stripe[1:] for stripe in stripes if x <= stripe[0]))
        for y in range(31)
        for x in range(31)
    ]
    assert finding(sweep.model_copy(update={"cells": tuple(every)}), 14.2) == words


def test_cells_reach_half_way_to_their_neighbours() -> None:
    assert edges((0.0, 5.0, 10.0)) == [-2.5, 2.5, 7.5, 12.5]


@pytest.mark.parametrize(("x", "marked"), [(4.0, True), (12.4, True), (13.0, False)])
def test_the_workload_is_marked_only_where_it_is_on_the_map(x: float, marked: bool) -> None:
    drawn = map_figure(a_map(), Here(x, 0.5))
    assert ("this workload" in [note["text"] for note in drawn["layout"]["annotations"]]) is marked


def test_where_one_answer_varies_the_advice_turns_at_an_upright_line() -> None:
    sweep = a_map(y=False)
    cells = tuple(cell.model_copy(update={"style": "event_driven"}) if cell.x > 4 else cell for cell in sweep.cells)
    sweep = sweep.model_copy(update={"cells": cells})
    assert turns(sweep.cells) == [(2.5, "event_driven")]
    drawn = map_figure(sweep, Here(2.0))
    assert [shape["x0"] for shape in drawn["layout"]["shapes"]] == [2.5, 2.0]
    asked = next(trace for trace in drawn["data"] if trace.get("name") == "asked for")
    assert asked["y"] == pytest.approx([95.0] * 3)

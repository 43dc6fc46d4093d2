"""The drawing of a crossover map against a border whose place is known."""

from itertools import combinations

import numpy as np
import pytest

from advisor.reports.charts.labels import area_of, placed, regions
from advisor.reports.maps.figure import Here, edges, map_figure, softened
from advisor.reports.maps.shares import turns
from advisor.sweeps.advised_map import AdvisedMap
from advisor.sweeps.contract import Cell, GoodShare, SweepAxis, SweepResult

ACROSS = np.linspace(0, 10, 101)
FOUND = GoodShare(good_share=0.9, low=0.88, high=0.92)


def halves(at: float) -> AdvisedMap:
    row = (at < ACROSS).astype(np.int64)
    return AdvisedMap(ACROSS, np.linspace(0, 1, 40), np.tile(row, (40, 1)))


def a_map(y: bool = True) -> SweepResult:
    ups = (0.0, 1.0) if y else (None,)
    cells = tuple(
        Cell(x=x, y=up, style="synchronous", verdict="neither", margin=-0.05, synchronous=FOUND, event_driven=FOUND)
        for up in ups
        for x in (0.0, 5.0, 10.0)
    )
    axis = SweepAxis(field="volume.mean_rate_per_s", values=(0.0, 1.0)) if y else None
    return SweepResult(
        x=SweepAxis(field="processing.p95_s", values=(0.0, 5.0, 10.0)), y=axis, jobs=1, seed=1, cells=cells, elapsed_s=0
    )


def test_each_style_is_named_in_the_middle_of_its_own_region() -> None:
    left, right = regions(halves(3.05).style)
    assert (left.style, right.style) == (0, 1)
    assert 1 <= ACROSS[left.spots[0][1]] <= 2
    assert 4.5 <= ACROSS[right.spots[0][1]] <= 8.6


def test_a_region_in_two_pieces_is_named_in_both() -> None:
    border = halves(3.05)
    border.style[:, 70:] = 0
    assert sorted(region.style for region in regions(border.style)) == [0, 0, 1]


def test_words_of_narrow_regions_meet_neither_each_other_nor_the_workloads_own_on_a_phone() -> None:
    stripes = halves(3.05)
    stripes.style[:, 31:38] = 2
    drawn = map_figure(a_map(), stripes, Here(6.0, 0.5))["layout"]["annotations"]
    assert sorted(word["text"] for word in drawn) == [
        "advice: event-driven", "advice: hybrid", "advice: synchronous", "this workload",
    ]  # fmt: skip
    areas = [area_of(word["text"], (word["x"] + 2.5) / 15, (word["y"] + 0.5) / 2, word["xanchor"]) for word in drawn]
    assert not any(one.meets(other) for one, other in combinations(areas, 2))
    assert all(area.left >= 0 and area.left + area.width <= 1 for area in areas)


def test_words_stand_in_their_own_regions() -> None:
    stripes = halves(3.05)
    stripes.style[:, 31:38] = 2
    for region in regions(stripes.style):
        assert {int(stripes.style[spot]) for spot in region.spots} == {region.style}


def test_words_that_find_no_room_are_left_out() -> None:
    everywhere = [area_of("x" * 50, 0.5, up / 20, "center") for up in range(21)]
    named = [(region, "advice: hybrid") for region in regions(halves(3.05).style)]
    assert list(placed(named, lambda row, column: (column / 101, row / 40), everywhere)) == []


def test_the_softened_rim_is_half_where_the_style_turns() -> None:
    soft = softened(halves(5.05).style == 1)
    assert soft[20, 45] == 0 and soft[20, 60] == 1
    assert soft[20, 50] < 0.5 < soft[20, 51]


def test_cells_reach_half_way_to_their_neighbours() -> None:
    assert edges((0.0, 5.0, 10.0)) == [-2.5, 2.5, 7.5, 12.5]


@pytest.mark.parametrize(("x", "marked"), [(4.0, True), (12.4, True), (13.0, False)])
def test_the_workload_is_marked_only_where_it_is_on_the_map(x: float, marked: bool) -> None:
    drawn = map_figure(a_map(), halves(3.05), Here(x, 0.5))
    assert ("this workload" in [note["text"] for note in drawn["layout"]["annotations"]]) is marked


def test_where_one_answer_varies_the_advice_turns_at_an_upright_line() -> None:
    border = halves(3.05)
    ((where, style),) = turns(border)
    assert where == pytest.approx(3.05)
    assert style == "event_driven"
    drawn = map_figure(a_map(y=False), border, Here(2.0))
    assert [shape["x0"] for shape in drawn["layout"]["shapes"]] == [pytest.approx(3.05), 2.0]
    asked = next(trace for trace in drawn["data"] if trace.get("name") == "asked for")
    assert asked["y"] == pytest.approx([95.0] * 3)

"""Runs and revisions side by side: intervals that hold what they promise, and words for what differs."""

import math
from dataclasses import replace

import numpy as np
import pytest

from advisor.advice.answers import answers_from
from advisor.reports.charts.labels import labelled
from advisor.reports.charts.model import Axis, Line
from advisor.reports.comparison.revisions import Comparison, compare, short_name
from advisor.reports.comparison.run_charts import (
    POINTS,
    charts_over_time,
    deadlines_of,
    good_shares,
    latencies,
    thinned,
)
from advisor.reports.comparison.runs import (
    ComparedRun,
    between_designs,
    between_runs,
    difference,
    figures_of,
    length_warning,
    settings_of,
    styles_of,
)
from simulator.result import CallRate, Curve, DesignResult, Interval, Series
from simulator.scenario import Scenario
from tests.fakes.engines import a_result
from tests.rows import SCENARIO
from tests.rules_alone import advise_by_rules

CURVE = Curve(latency_s=(1.0, 2.0, 4.0), share=(0.0, 0.5, 1.0))


def a_design(**fields: object) -> DesignResult:
    return a_result().synchronous.model_copy(update=fields)


def laid(*designs: DesignResult, scenario: Scenario = SCENARIO) -> list[ComparedRun]:
    return [
        ComparedRun(
            place,
            f"Run {place}",
            scenario,
            a_result().model_copy(update={"synchronous": design, "event_driven": design}),
        )
        for place, design in enumerate(designs)
    ]


def test_runs_of_very_different_length_are_said_to_be_hard_to_see_on_one_axis() -> None:
    def lasting(end_s: float) -> DesignResult:
        return a_design(series=Series(t_s=(0.0, end_s)))

    assert length_warning(laid(lasting(44), lasting(90))) == ""
    words = length_warning(laid(lasting(44), lasting(144_000)))
    assert words.startswith("B lasts 40 h and A 44 s: on the shared axis of time A is hardly seen.")
    assert length_warning(laid(a_design(series=Series()), lasting(44))) == ""


def test_the_interval_of_a_difference_of_independent_figures_adds_in_squares() -> None:
    less = a_design(utilisation=0.5, intervals={"utilisation": (0.47, 0.53)})
    more = a_design(utilisation=0.8, intervals={"utilisation": (0.76, 0.84)})
    change = difference("utilisation", less, more)
    assert change and change.mean == pytest.approx(0.3)
    assert (change.low, change.high) == (pytest.approx(0.25), pytest.approx(0.35))


def test_a_lopsided_interval_stays_lopsided() -> None:
    """A share at its end has no room above: only the other side grows."""
    less = a_design(good=10, intervals={"good_share": (0.9, 1.0)})
    more = a_design(good=10, intervals={"good_share": (0.95, 1.0)})
    change = difference("good_share", less, more)
    assert change and (change.low, change.high) == (pytest.approx(-0.05), pytest.approx(0.1))


def test_the_interval_covers_as_often_as_it_says() -> None:
    """95 % of intervals from two samples of normal figures hold the true difference; within what 2,000 trials tell."""
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(2_000):
        a, b = rng.normal(10, 1), rng.normal(12, 2)
        less = a_design(wasted_s=a, intervals={"wasted_s": (a - 1.96, a + 1.96)})
        more = a_design(wasted_s=b, intervals={"wasted_s": (b - 3.92, b + 3.92)})
        change = difference("wasted_s", less, more)
        held += bool(change and change.low <= 2 <= change.high)
    assert held / 2_000 == pytest.approx(0.95, abs=3 * math.sqrt(0.95 * 0.05 / 2_000))


def test_differences_are_against_the_first_and_marked_where_they_leave_out_zero() -> None:
    runs = laid(
        a_design(utilisation=0.5, intervals={"utilisation": (0.49, 0.51)}),
        a_design(utilisation=0.8, intervals={"utilisation": (0.79, 0.81)}),
        a_design(utilisation=0.501, intervals={"utilisation": (0.49, 0.51)}),
    )
    comparison = between_runs(runs, "synchronous")
    assert comparison.headers == ("B − A", "C − A")
    row = next(row for row in comparison.rows if row.name == "Utilisation")
    assert row.cells[0].text.startswith("30.0 ±") and row.cells[0].telling
    assert not row.cells[1].telling


def test_a_figure_without_an_interval_is_shown_alone() -> None:
    row = next(row for row in between_runs(laid(a_design(wasted_s=10.0), a_design(wasted_s=4.0)), "synchronous").rows
               if row.name.startswith("Work wasted"))  # fmt: skip
    assert row.cells[0].text == "−6 s" and not row.cells[0].telling


def test_the_difference_of_the_designs_is_the_paired_one_of_each_run() -> None:
    runs = laid(a_design(), a_design())
    paired = runs[1].result.model_copy(update={"difference": {"good_share": Interval(mean=0.1, low=0.05, high=0.15)}})
    comparison = between_designs([runs[0], replace(runs[1], result=paired)])
    assert [cell.text for cell in comparison.rows[0].cells] == ["–", "10 ± 5 points"]


def test_a_loss_that_did_not_occur_in_a_run_is_none() -> None:
    table = figures_of(laid(a_design(), a_design(good=9, failed=1)), "synchronous")
    assert next(row for row in table.rows if row[0] == "of these failed")[1:] == ("0 (0 %)", "1 (10 %)")


def test_only_what_differs_in_the_scenarios_differs() -> None:
    runs = laid(a_design(), a_design())
    other = SCENARIO.model_copy(update={"deadline_s": 90.0})
    settings = [setting for setting in settings_of([runs[0], replace(runs[1], scenario=other)]) if setting.differs]
    assert [(setting.name, setting.values) for setting in settings] == [("Deadline", ("no deadline", "90 s"))]
    assert not any(setting.differs for setting in settings_of(runs))


def test_the_charts_of_the_designs_share_their_axes() -> None:
    slow = a_design(curve=Curve(latency_s=(1.0, 50.0, 400.0), share=(0.0, 0.5, 0.9)))
    runs = laid(a_design(curve=CURVE), a_design(curve=CURVE))
    mixed = runs[1].result.model_copy(update={"event_driven": slow})
    charts = latencies([runs[0], replace(runs[1], result=mixed)])
    assert charts[0].x == charts[1].x
    assert [line.label for line in charts[0].lines] == ["A", "B"]
    assert charts[0].lines[0].symbol != charts[0].lines[1].symbol
    assert charts[1].lines[1].y[-1] == pytest.approx(90)
    assert charts[1].lines[1].x[-1] == charts[0].lines[0].x[-1]


def test_a_run_that_cannot_keep_up_has_a_sentence_in_place_of_a_curve() -> None:
    chart = latencies(laid(a_design(curve=CURVE), a_design(stable=False, growth_per_min=3.0)))[0]
    assert [line.label for line in chart.lines] == ["A"]
    assert chart.notes[0].startswith("B: The synchronous design cannot keep up")


def test_labels_on_a_low_line_keep_apart_by_the_axis_that_is_drawn() -> None:
    x, low = np.linspace(0, 10, 200), np.full(200, 1.0)
    lines = tuple(Line(letter, "synchronous", x, low * height, "step") for letter, height in (("A", 1.0), ("B", 1.5)))
    spots = [line.spot for line in labelled(lines, Axis("Time (s)", "s", low=0.0, high=10.0), high=1000.0)]
    assert all(spots)
    assert abs(spots[0].x - spots[1].x) > 1 or spots[0].above != spots[1].above  # type: ignore[union-attr]


def test_a_deadline_says_whose_it_is_where_not_all_have_it() -> None:
    runs = laid(a_design(), a_design(), scenario=SCENARIO.model_copy(update={"deadline_s": 60.0}))
    assert deadlines_of(runs) == {60.0: "deadline 60 s"}
    other = SCENARIO.model_copy(update={"deadline_s": {"urgent": 5.0}})
    assert deadlines_of([runs[0], replace(runs[1], scenario=other)]) == {
        60.0: "A 60 s", 5.0: "B urgent 5 s",
    }  # fmt: skip


def test_thinning_keeps_the_peaks() -> None:
    rng = np.random.default_rng(1)
    y = rng.random(1_000)
    y[613] = 9.0
    line = thinned(Line("A", "synchronous", np.arange(1_000.0), y, "step"))
    assert len(line.x) <= POINTS
    assert line.y.max() == 9.0 and line.x[line.y.argmax()] == 613


def test_runs_of_any_length_share_one_time_axis() -> None:
    def lasting(bins: int) -> DesignResult:
        zeros = (0.0,) * bins
        times = tuple(float(at) for at in range(bins))
        depth = (*zeros[:-1], 5.0)
        return a_design(
            series=Series(t_s=times, arrivals=zeros, queue_depth=depth, in_flight=zeros, lag_s=zeros, completed=zeros)
        )

    charts = charts_over_time(laid(lasting(10), lasting(40)))
    depth = [chart for chart in charts if chart.id.startswith("queue_depth")]
    assert {chart.x.high for chart in charts} == {40.0}
    assert depth[0].title == "Synchronous: the backlog peaks at 5 (A) and 5 (B)"
    assert depth[0].y == depth[1].y


def test_calls_to_the_provider_are_compared_if_they_were_counted() -> None:
    series = Series(
        t_s=(0.0, 5.0), arrivals=(1, 1), queue_depth=(0, 0), in_flight=(1, 1), lag_s=(0, 0), completed=(1, 1)
    )
    calm = a_design(series=series, call_rate=CallRate(per_s=(2.0, 3.0)))
    herd = a_design(series=series, call_rate=CallRate(per_s=(2.0, 9.0, 1.0)))
    charts = [chart for chart in charts_over_time(laid(calm, herd, a_design(series=series))) if "provider" in chart.id]
    assert [chart.id for chart in charts] == ["provider_calls-synchronous", "provider_calls-event_driven"]
    assert charts[0].title == "Synchronous: calls to the provider reach 3 (A) and 9 (B) a second"
    assert [line.label for line in charts[0].lines] == ["A", "B"]
    assert charts[0].y == charts[1].y


def test_the_best_good_share_is_named() -> None:
    chart = good_shares(laid(a_design(good=5), a_design(good=9)))
    assert chart.title == "Most results are good in B, synchronous and B, event-driven: 90 %"
    assert chart.bars[0].values == (50.0, 90.0)
    assert styles_of(laid(a_design())) == ("synchronous", "event_driven")


def revised(changes: dict[str, object]) -> Comparison:
    before, after = answers_from({}), answers_from(changes)
    paths = [
        f"{part}.{name}" for part, fields in changes.items() if isinstance(fields, dict) for name in fields
    ]  # fmt: skip
    return compare((before, advise_by_rules(before, flips=False)), (after, advise_by_rules(after, flips=False)), paths)


def test_a_change_is_one_sentence_with_both_values_and_what_became_of_the_advice() -> None:
    sentence = revised({"caller": {"deadline_s": 60.0}, "processing": {"p50_s": 0.1, "p95_s": 0.3}}).sentence
    assert sentence.startswith("Deadline 30 min → 60 s, p50 8 s → 100 ms and 1 other answer: the ")


def test_what_changes_nothing_says_so() -> None:
    assert revised({"processing": {"p95_s": 20.5}}).sentence == "p95 20 s → 20.5 s: the advice stayed the same"


def test_reasons_that_came_went_or_have_other_figures_are_told_apart() -> None:
    comparison = revised({"processing": {"p50_s": 0.1, "p95_s": 0.3}})
    gained, lost = {reason.rule for reason in comparison.gained}, {reason.rule for reason in comparison.lost}
    assert lost and not gained & lost
    assert all(row.differs for row in comparison.reworded)


def test_a_common_name_says_what_it_is_of() -> None:
    assert short_name("processing.p95_s") == "p95"
    assert short_name("subscribers.count") == "subscribers count"
    assert short_name("priorities.urgent.max_wait_s") == "urgent max wait"

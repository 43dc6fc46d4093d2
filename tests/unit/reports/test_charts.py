"""Charts state what is seen, mark what matters, and keep quiet where a figure means nothing."""

import numpy as np
import pytest

from advisor.reports.charts import charts_of
from advisor.reports.charts.live import so_far_charts
from advisor.reports.charts.model import Chart, Line, Window
from advisor.reports.charts.over_time import drained_after
from simulator.result import Result, SoFar
from simulator.scenario import Scenario
from tests.unit.reports import results

OVER_TIME = ("queue_depth", "lag", "in_flight", "throughput", "provider_calls")
EVERY = ("latency", "outcomes", *OVER_TIME)


def charts(result: Result | None = None, scenario: Scenario | None = None) -> dict[str, Chart]:
    return {chart.id: chart for chart in charts_of(result or results.result(), scenario or results.scenario())}


def test_there_is_a_chart_for_each_question() -> None:
    assert tuple(charts()) == EVERY


@pytest.mark.parametrize("name", EVERY)
def test_the_title_states_the_finding_and_the_alternative_text_repeats_it(name: str) -> None:
    chart = charts()[name]
    assert any(letter.isdigit() for letter in chart.title)
    assert chart.alt.startswith(chart.title)


@pytest.mark.parametrize("name", ["latency", *OVER_TIME])
def test_axis_titles_carry_units(name: str) -> None:
    chart = charts()[name]
    assert "(" in chart.x.title
    assert chart.y.unit


def test_the_queue_depth_says_peak_limit_and_drain() -> None:
    title = charts()["queue_depth"].title
    assert "synchronous backlog fills to its limit of 100" in title
    assert "event-driven queue peaks at 212 and drains 5 min 50 s after the burst" in title


def test_a_queue_that_never_forms_is_said_so() -> None:
    idle = results.series(0, 310)
    calm = results.result(synchronous=results.synchronous(series=idle), event_driven=results.design(series=idle))
    assert charts(calm)["queue_depth"].title == "No queue forms in either design"


def test_bursts_and_outages_are_shaded_in_every_chart_over_time() -> None:
    for name in OVER_TIME:
        windows = [(window.kind, window.start, window.end) for window in charts()[name].windows]
        assert windows == [("burst", 27.5, 32.5), ("outage", 50, 55)], name


def test_a_trace_that_runs_well_above_its_mean_is_shaded_as_a_burst() -> None:
    trace = results.scenario(arrivals={"process": "trace", "path": "hour.csv"}, provider={})
    windows = charts(scenario=trace)["queue_depth"].windows
    assert [(window.kind, window.start, window.end) for window in windows] == [("burst", 27, 33)]


def test_a_burst_of_a_trace_is_one_where_it_only_pauses_a_moment() -> None:
    counts = [1.0] * 60
    for place in (10, 11, 14, 15, 30):
        counts[place] = 30.0
    paused = results.series(100, 120) | {"t_s": list(range(60)), "arrivals": counts}
    series = {name: values[:60] for name, values in paused.items()}
    trace = results.scenario(arrivals={"process": "trace", "path": "minute.csv"}, provider={})
    drawn = charts(
        results.result(synchronous=results.synchronous(series=series), event_driven=results.design(series=series)),
        trace,
    )
    assert [(window.start, window.end) for window in drawn["queue_depth"].windows] == [(10, 16), (30, 31)]


def test_depth_is_drawn_at_the_bins_ends_as_steps_on_shared_axes() -> None:
    chart = charts()["queue_depth"]
    assert {line.shape for line in chart.lines} == {"step"}
    for line in chart.lines:
        assert line.x[0] == pytest.approx(10 / 60) and line.x[-1] == pytest.approx(60)


def test_rates_keep_the_number_of_jobs() -> None:
    chart, series = charts()["throughput"], results.result().event_driven.series
    load = next(line for line in chart.lines if line.style is None)
    jobs = float(np.sum(load.y[:-1] * np.diff(load.x)) * 60)
    assert jobs == pytest.approx(sum(series.arrivals))


def test_calls_to_the_provider_say_which_design_comes_back_as_a_herd() -> None:
    """The event-driven design has a tenth more calls after the outage: no herd."""
    chart = charts()["provider_calls"]
    assert chart.title == (
        "Calls to the provider reach 60 (synchronous) and 22 (event-driven) a second: "
        "3 times as many as before the outage in the synchronous design"
    )
    calm = results.result(synchronous=results.synchronous(call_rate=results.call_rate(1)))
    assert charts(calm)["provider_calls"].title.endswith("22 (event-driven) a second")


def test_calls_to_the_provider_are_steps_from_the_bins_starts_up_to_the_runs_end() -> None:
    chart = charts()["provider_calls"]
    line = next(line for line in chart.lines if line.style == "synchronous")
    assert line.x[0] == 0 and line.x[-1] == pytest.approx(60)
    assert line.y[line.x >= 890 * 4 / 60].max() == 0
    herd = line.x[line.y == 60]
    assert 50 - 36 / 60 < herd[0] <= 50, (
        "a stretch has the calls of its busiest second, and here begins before the outage"
    )
    assert np.diff(line.x[:-2]) == pytest.approx(36 / 60)
    assert chart.y.title == "Calls a second (highest in each 36 s)"
    assert ("47 min 30 s to 50 min", "20", "20") in chart.table.rows
    assert ("50 min to 52 min 30 s", "60", "22") in chart.table.rows


def test_a_short_run_has_every_second_and_a_long_one_keeps_its_peaks() -> None:
    def drawn(seconds: int) -> Line:
        calls = [1.0] * seconds
        calls[40] = 90.0
        series = results.series(9, 60) | {"t_s": [seconds * place / 360 for place in range(360)]}
        design = results.design(series=series, call_rate={"per_s": calls})
        chart = charts(results.result(synchronous=design, event_driven=design))["provider_calls"]
        return chart.lines[0]

    assert len(drawn(90).x) == 92
    long = drawn(900)
    assert len(long.x) <= 102
    assert long.y.max() == 90 and (long.y == 90).sum() == 1


def test_a_result_of_before_calls_were_counted_by_seconds_has_no_such_chart() -> None:
    old = results.result(synchronous=results.synchronous(call_rate={}), event_driven=results.design(call_rate={}))
    assert tuple(charts(old)) == EVERY[:-1]


def test_the_latency_curve_ends_at_the_completed_share() -> None:
    lines = {line.style: line for line in charts()["latency"].lines}
    assert lines["synchronous"].y[-1] == pytest.approx(69.3)
    assert np.array_equal(lines["synchronous"].x, lines["event_driven"].x)


def test_percentiles_that_are_reached_and_the_deadline_are_marked() -> None:
    chart = charts()["latency"]
    texts = {(mark.style, mark.text) for mark in chart.marks}
    assert ("event_driven", "p95 66 s") in texts
    assert not any(style == "synchronous" and text.startswith("p95") for style, text in texts)
    assert [deadline.text for deadline in chart.deadlines] == ["deadline 2 min"]


def test_a_latency_without_deadline_speaks_of_percentiles() -> None:
    title = charts(scenario=results.scenario(deadline_s=None))["latency"].title
    assert title == "Only 70 % of synchronous jobs complete; 95 % of event-driven jobs have their result within 66 s"


def test_deadlines_a_class_are_all_drawn() -> None:
    queues = {"consumers": 20, "queues": {"urgent": 10, "batch": 90}}
    classes = results.scenario(deadline_s={"urgent": 5, "batch": 3600}, event_driven=queues)
    chart = charts(scenario=classes)["latency"]
    assert [deadline.text for deadline in chart.deadlines] == ["urgent deadline 5 s", "batch deadline 1 h"]


def test_a_long_tail_gets_a_logarithmic_axis() -> None:
    long_tail = results.design(curve={"latency_s": [1, 2, 5000], "share": [0.4, 0.9, 0.99]})
    assert charts(results.result(event_driven=long_tail))["latency"].x.log


def test_an_unstable_design_has_a_sentence_and_no_percentile() -> None:
    growing = results.result(event_driven=results.unstable())
    chart = charts(growing)["latency"]
    assert [line.style for line in chart.lines] == ["synchronous"]
    assert {mark.style for mark in chart.marks} == {"synchronous"}
    assert "12.5 jobs a minute" in chart.notes[0]
    column = [row[2] for row in chart.table.rows if row[0] != "good"]
    assert set(column) == {"no steady state"}


def test_two_unstable_designs_leave_only_sentences() -> None:
    both = results.result(synchronous=results.unstable(), event_driven=results.unstable())
    chart = charts(both)["latency"]
    assert not chart.drawn and len(chart.notes) == 2


def test_outcomes_that_never_occur_have_no_bar_but_stand_in_the_table() -> None:
    chart = charts()["outcomes"]
    assert "lost" not in chart.groups
    assert ("undelivered", "0 (0 %)", "0 (0 %)") in chart.table.rows
    assert "lost" not in {row[0] for row in chart.table.rows}, "the kernel loses no job unless consumers crash"
    assert "20 % rejected (synchronous)" in chart.title


def test_every_line_has_a_label_inside_the_plot() -> None:
    for chart in charts().values():
        for line in chart.lines:
            assert line.spot is not None
            assert line.x[0] <= line.spot.x <= line.x[-1]


def test_a_result_without_series_still_has_its_latency_and_outcomes() -> None:
    bare = results.result(
        synchronous=results.synchronous(series={}, curve={}), event_driven=results.design(series={}, curve={})
    )
    assert tuple(charts(bare)) == ("latency", "outcomes")
    assert not charts(bare)["latency"].drawn


def test_a_hybrid_is_drawn_next_to_the_two() -> None:
    three = results.result(hybrid=results.design())
    assert [line.style for line in charts(three)["queue_depth"].lines] == ["synchronous", "event_driven", "hybrid"]


def test_a_job_that_waits_a_moment_after_a_burst_is_no_backlog_to_drain() -> None:
    depth = np.zeros(100)
    depth[62] = 2.0
    ends_s = 10.0 * np.arange(1, 101)
    assert drained_after(ends_s, depth, (Window(400.0, 600.0, "burst"),)) is None
    depth[45:80] = 9.0
    assert drained_after(ends_s, depth, (Window(400.0, 600.0, "burst"),)) == (Window(400.0, 600.0, "burst"), 210.0)


def test_a_burst_upon_a_backlog_drains_when_both_are_gone() -> None:
    ends_s = 10.0 * np.arange(1, 101)
    depth = np.interp(ends_s, [100, 200, 300, 400, 900], [0, 80, 60, 100, 0])
    windows = (Window(100.0, 200.0, "burst"), Window(300.0, 400.0, "burst"))
    assert drained_after(ends_s, depth, windows) == (windows[1], 480.0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["latency", "queue_depth", "lag", "in_flight", "provider_calls"])
def test_a_live_run_has_the_prediction_thinner_over_what_was_measured(name: str) -> None:
    chart = charts(results.live_result())[name]
    lines = [(line.label, line.words, line.style, line.faint) for line in chart.lines]
    for style, word in (("synchronous", "Synchronous"), ("event_driven", "Event-driven")):
        assert (word, word, style, False) in lines
        assert (f"{word}, predicted", "predicted", style, True) in lines


def test_the_prediction_of_the_calls_is_that_of_the_kernel() -> None:
    lines = {line.label: line for line in charts(results.live_result())["provider_calls"].lines}
    assert lines["Event-driven"].y.max() == 22
    assert lines["Event-driven, predicted"].y.max() == 100


def test_what_a_live_run_measured_so_far_has_its_calls_and_the_outage_as_far_as_it_has_come() -> None:
    half = results.design_result(
        series={name: values[:310] for name, values in results.series(9, 60).items()},
        call_rate={"width_s": 4, "per_s": [3.0] * 770},
    )
    so_far = SoFar(speed=10, window="w", scenario=results.scenario(), synchronous=half)
    drawn = {chart.id: chart for chart in so_far_charts(so_far)}
    calls = drawn["provider_calls"]
    assert calls.title == "Calls to the provider a second, most: 3 (synchronous)"
    assert [(window.kind, window.start, round(window.end, 2)) for window in calls.windows] == [("outage", 50, 51.67)]
    assert calls.x == drawn["queue_depth"].x

"""Charts of a long run open at its peak, with the whole run below: true to the numbers, and readable on a phone."""

import csv
import io
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from plotly.graph_objects import Figure

from advisor.reports.charts import charts_of
from advisor.reports.charts.csv_text import csv_of_chart
from advisor.reports.charts.labels import fitted, placed_deadlines, placed_window_words
from advisor.reports.charts.model import HEADROOM, Axis, Chart, ChartView, Deadline, Line, Window
from advisor.reports.charts.ticks import clock_ticks, whole_step
from advisor.reports.figure_plotly import chart_figure
from advisor.reports.figure_svg import svg
from advisor.reports.palette import DASHES
from core.numbers import count, duration
from simulator.experiment import simulate
from simulator.result import Result
from simulator.scenario import Scenario
from tests.unit.reports import results

OVER_TIME = ("latency_over_time", "queue_depth", "lag", "in_flight", "throughput", "provider_calls")
LETTER, HEIGHT = 0.02, 0.06
"""A letter of a label and its height on a phone, as shares of the plot: 12 px letters on 310 by 220 px, measured in a browser."""


def scenario(**changes: Any) -> Scenario:
    data: dict[str, Any] = {
        "seed": 3,
        "duration_s": 5 * 86_400.0,
        "deadline_s": 600,
        "arrivals": {"process": "bursts", "rate_per_s": 0.1, "peak_to_mean": 20, "peak_s": 900, "every_s": 86_400},
        "service": {"distribution": "lognormal", "p50_s": 8, "p95_s": 20},
        "provider": {"outages": [{"start_s": 200_000, "length_s": 600}]},
        "synchronous": {"workers": 8, "client_timeout_s": 600},
        "event_driven": {"consumers": 10},
    }
    return Scenario.parse(data | changes)


@pytest.fixture(scope="module")
def result() -> Result:
    return simulate(scenario(), replications=1)


@pytest.fixture(scope="module")
def charts(result: Result) -> dict[str, Chart]:
    return {chart.id: chart for chart in charts_of(result, scenario())}


def test_charts_over_time_open_at_the_peak_and_offer_the_outage_and_the_whole_run(charts: dict[str, Chart]) -> None:
    for name in OVER_TIME:
        labels = [view.label for view in charts[name].views]
        assert "peak" in labels[0].lower() and labels[-1] == "Whole run"
        assert any(label.startswith("Outage at 55 h 33 min 20 s") for label in labels)
        first = charts[name].views[0]
        assert first.high - first.low < 0.05 * (charts[name].x.high or 0)


def test_the_queue_of_the_peak_is_drawn_in_bins_of_seconds(charts: dict[str, Chart], result: Result) -> None:
    chart, view = charts["queue_depth"], charts["queue_depth"].views[0]
    line = next(line for line in chart.lines if line.style == "event_driven")
    inside = (line.x > view.low) & (line.x < view.high)
    assert inside.sum() > 900
    assert line.y[inside].max() >= 0.99 * result.event_driven.queue_depth.max
    assert line.y.max() <= view.top
    assert np.all(np.diff(line.x) > 0)


def test_rates_keep_the_number_of_jobs_with_windows_in_them(charts: dict[str, Chart], result: Result) -> None:
    load = next(line for line in charts["throughput"].lines if line.style is None)
    jobs = float(np.sum(load.y[:-1] * np.diff(load.x))) * (charts["throughput"].scale_s or 0)
    assert jobs == pytest.approx(sum(result.event_driven.series.arrivals), rel=0.001)


def test_the_title_of_the_calls_says_the_busiest_second_and_when(charts: dict[str, Chart], result: Result) -> None:
    for design in (result.synchronous, result.event_driven):
        rate = design.call_rate
        assert rate.busiest_at_s is not None
        assert f"{count(max(rate.per_s))} (" in charts["provider_calls"].title
        assert f"at {duration(rate.busiest_at_s, digits=6)})" in charts["provider_calls"].title
        place = int(rate.busiest_at_s / rate.width_s)
        assert rate.per_s[place] == rate.busiest_per_s == max(rate.per_s)


def test_the_latency_of_the_peak_has_its_deadline_and_gaps_between_windows(charts: dict[str, Chart]) -> None:
    chart = charts["latency_over_time"]
    assert [limit.text for limit in chart.limits] == ["deadline 10 min"]
    assert "by arrival" in chart.y.title
    for line in chart.lines:
        outside = np.isnan(line.y)
        assert outside.any() and not outside.all()


@pytest.mark.parametrize("name", OVER_TIME)
def test_the_csv_has_the_numbers_of_the_table(name: str, charts: dict[str, Chart]) -> None:
    chart = charts[name]
    header, *rows = csv.reader(io.StringIO(csv_of_chart(chart)))
    assert len(header) == 1 + len(chart.lines)
    seconds = [float(row[0]) for row in rows]
    assert seconds == sorted(seconds)
    for column, line in enumerate(chart.lines, 1):
        values = {float(row[0]): float(row[column]) for row in rows if row[column]}
        assert max(values.values()) == pytest.approx(float(np.nanmax(line.y)), rel=1e-6)
        if name == "queue_depth":
            tabled = [int(row[column].replace(",", "")) for row in chart.table.rows if row[column][0].isdigit()]
            assert max(tabled) == max(values.values())


def test_the_csv_of_bars_has_a_row_for_each_outcome(charts: dict[str, Chart]) -> None:
    header, *rows = csv.reader(io.StringIO(csv_of_chart(charts["outcomes"])))
    assert len(header) == 3
    assert [row[0] for row in rows] == list(charts["outcomes"].groups)
    assert sum(float(row[1]) for row in rows) == pytest.approx(100, abs=0.1)


def boxes(chart: Chart, view: ChartView) -> list[tuple[float, float, float, float]]:
    """Left, right, bottom and top of each label in shares of the plot."""
    areas = []
    for line, spot in zip(chart.lines, view.spots, strict=True):
        width = LETTER * len(line.words_at(spot))
        left = (spot.x - view.low) / (view.high - view.low)
        left -= {"left": width, "centre": width / 2, "right": 0.0}[spot.side]
        edge = spot.y / (view.top * HEADROOM)
        bottom = edge if spot.above else edge - HEIGHT
        areas.append((left, left + width, bottom, bottom + HEIGHT))
    return areas


def runs_through(line: Line, view: ChartView, box: tuple[float, float, float, float]) -> bool:
    """Whether a piece of the line is inside the box, which is shrunk by the thickness of a line."""
    x = (line.x - view.low) / (view.high - view.low)
    y = line.y / (view.top * HEADROOM)
    left, right, bottom, top = box[0] + 0.004, box[1] - 0.004, box[2] + 0.008, box[3] - 0.008
    for (x0, x1), (y0, y1) in zip(pairwise(x), pairwise(y), strict=True):
        if np.isnan(y0) or x1 < left or x0 > right:
            continue
        level, jump = (y0, y0), (min(y0, y1), max(y0, y1))
        if x1 > left and x0 < right and level[0] < top and level[1] > bottom:
            return True
        if left < x1 < right and jump[0] < top and jump[1] > bottom:
            return True
    return False


@pytest.mark.parametrize("name", OVER_TIME)
def test_no_label_lies_on_a_line_or_on_another_label(name: str, charts: dict[str, Chart]) -> None:
    chart = charts[name]
    for view in chart.views:
        areas = boxes(chart, view)
        for place, box in enumerate(areas):
            assert box[0] >= -0.02 and box[1] <= 1.03, (view.label, box)
            assert not any(runs_through(line, view, box) for line in chart.lines), (view.label, place)
            for other in areas[place + 1 :]:
                apart = box[1] <= other[0] or other[1] <= box[0] or box[3] <= other[2] or other[3] <= box[2]
                assert apart, (view.label, box, other)


def test_labels_of_restless_lines_go_into_a_row_above_them() -> None:
    draws = np.random.default_rng(5)
    x = np.linspace(0, 10, 800)
    lines = tuple(
        Line(name, style, x, draws.uniform(0, 5, 800), "step")
        for name, style in (("Synchronous", "synchronous"), ("Event-driven", "event_driven"), ("Hybrid", "hybrid"))
    )
    placed = fitted(lines, Axis("Time (s)", "s"), 0, 10, 5)
    assert all(spot.apart for spot in placed.spots)
    assert min(spot.y for spot in placed.spots) - HEIGHT * placed.top * HEADROOM > 5
    assert lines[0].words_at(placed.spots[0]) == "– – Synchronous"


def test_words_above_the_plot_do_not_meet() -> None:
    windows = (Window(10, 12, "burst"), Window(11, 13, "outage"))
    deadlines = (Deadline(5, "urgent deadline 5 s"), Deadline(7, "batch deadline 7 s"), Deadline(99, "late deadline"))
    chart = Chart(
        id="x", title="x", alt="x", x=Axis("x", "", low=0, high=100), y=Axis("y", ""), table=results_table(),
        windows=windows, deadlines=deadlines,
    )  # fmt: skip
    assert [row for _, row, _ in placed_window_words(chart, 0, 100)] == [0, 1]
    placed = [(anchor, row) for _, anchor, row in placed_deadlines(chart)]
    assert placed == [("left", 0), ("left", 1), ("right", 0)]


def results_table() -> Any:
    return charts_of(results.result(), results.scenario())[0].table


def test_axes_of_counts_have_whole_numbers(charts: dict[str, Chart]) -> None:
    for top in (1, 2, 3, 5, 6, 7, 12, 100, 1761, 9_999_999):
        step = whole_step(top)
        assert isinstance(step, int) and step >= 1 and top / step <= 6
    for name in ("queue_depth", "provider_calls"):
        axis = chart_figure(charts[name])["layout"]["yaxis"]
        assert isinstance(axis["dtick"], int) and axis["tick0"] == 0


@pytest.mark.parametrize("span_s", [0.01, 0.5, 7, 90, 1300, 4000, 86_400, 432_000, 3e7])
def test_a_time_axis_has_a_few_round_instants(span_s: float) -> None:
    low = 388_137.3
    ticks = clock_ticks(low / 3600, (low + span_s) / 3600, 3600)
    assert 1 <= len(ticks) <= 8
    assert len({text for _, text in ticks}) == len(ticks)
    assert all(low - 1e-6 <= place * 3600 <= low + span_s + 1e-6 for place, _ in ticks)


def test_the_clock_shows_hours_and_minutes_and_seconds_if_they_matter() -> None:
    assert clock_ticks(107.9, 108.4, 1 * 3600)[0] == (pytest.approx(107.9166666), "107:55")
    assert clock_ticks(0, 60, 1)[1] == (10, "0:00:10")
    assert clock_ticks(0, 2, 1)[1] == (0.5, "0:00:00.5")


def test_a_dash_is_a_design_and_nothing_else(charts: dict[str, Chart]) -> None:
    live = charts_of(results.live_result(), results.scenario())
    for chart in (*charts.values(), *live):
        drawn = chart_figure(chart)
        for line, trace in zip(chart.lines, drawn["data"], strict=False):
            assert trace["line"]["dash"] == DASHES[line.style]
        assert {shape["line"].get("dash", "solid") for shape in drawn["layout"]["shapes"]} <= {"solid"}


@pytest.mark.parametrize("name", ["latency_over_time", "queue_depth", "provider_calls"])
def test_both_drawings_have_the_part_and_the_whole_run(name: str, charts: dict[str, Chart]) -> None:
    chart = charts[name]
    figure = chart_figure(chart)
    Figure(data=figure["data"], layout=figure["layout"])
    view = chart.views[0]
    assert figure["layout"]["xaxis"]["range"] == [view.low, view.high]
    assert figure["layout"]["xaxis"]["rangeslider"]["range"] == [chart.x.low, chart.x.high]
    assert [one["label"] for one in figure["tools"]["views"]] == [one.label for one in chart.views]
    drawn = svg(chart)
    assert "the whole run, with the part shown above marked" in drawn
    assert svg(chart) == drawn


def test_a_result_of_before_windows_is_drawn_as_before() -> None:
    for chart in charts_of(results.result(), results.scenario()):
        assert chart.views == ()
        assert "rangeslider" not in chart_figure(chart)["layout"]["xaxis"]

"""A result as tables, and a first replication as a row a job: the same figures as in the result."""

import io
import math
from typing import Any

import polars as pl
import pytest

from simulator.experiment import simulate
from simulator.job_rows import simulate_jobs
from simulator.result import DesignResult, Result
from simulator.result_tables import FIGURE_UNITS, tabulate
from simulator.scenario import Scenario
from simulator.summary import POOLED_NAMES
from tests.unit.reports import results

BUSY: dict[str, Any] = {
    "jobs": 3000,
    "warmup_jobs": 100,
    "deadline_s": {"urgent": 20, "batch": 60},
    "arrivals": {"process": "bursts", "rate_per_s": 1, "peak_to_mean": 5, "peak_s": 300, "every_s": 3600},
    "service": {"distribution": "lognormal", "p50_s": 8, "p95_s": 20},
    "provider": {"outages": [{"start_s": 2000, "length_s": 100}]},
    "failures": {"transient_percent": 5, "poison_percent": 0.5},
    "retries": {"max": 2, "base_s": 1, "cap_s": 10},
    "synchronous": {"workers": 20, "backlog": 30, "client_timeout_s": 30, "client_retries": 1, "client_backoff_s": 1},
    "event_driven": {"consumers": 20, "queues": {"urgent": 20, "batch": 80}},
    "subscribers": {"count": 2, "handling_p50_s": 0.1, "handling_p95_s": 0.2},
}
TABLES = {
    *("figures", "designs", "classes", "replications", "series", "latency_distribution", "provider_calls"),
    *("window_series", "window_latencies", "subscribers", "live_figures"),
}
VARIANTS: dict[str, dict[str, Any]] = {
    "drained": {},
    "cut": {"jobs": None, "duration_s": 2800, "warmup_jobs": 0},
    "hybrid": {"hybrid": {"inline_wait_s": 10}},
    "leased": {"event_driven": {"consumers": 20, "lease_s": 15, "max_deliveries": 2}, "deadline_s": 60},
}


@pytest.fixture(scope="module", params=VARIANTS)
def scenario(request: pytest.FixtureRequest) -> Scenario:
    return Scenario.parse(BUSY | VARIANTS[request.param])


@pytest.fixture(scope="module")
def result(scenario: Scenario) -> Result:
    return simulate(scenario, replications=3)


@pytest.fixture(scope="module")
def one(scenario: Scenario) -> Result:
    return simulate(scenario, replications=1, windows=False)


@pytest.fixture(scope="module")
def jobs(scenario: Scenario) -> pl.DataFrame:
    return simulate_jobs(scenario)


def test_each_figure_is_that_of_the_result_with_its_interval(result: Result) -> None:
    for name, design in result.designs.items():
        rows = {row["figure"]: row for row in tabulate(result)["figures"].filter(design=name).to_dicts()}
        assert rows.keys() == FIGURE_UNITS.keys()
        assert rows["latency_p95_s"]["value"] == design.latency_s.p95
        assert rows["dead_lettered"]["value"] == design.dead_lettered
        for figure, (low, high) in design.intervals.items():
            assert (rows[figure]["low"], rows[figure]["high"]) == (low, high)
    differences = tabulate(result)["figures"].filter(design="event_driven_minus_synchronous")
    assert {row["figure"]: (row["value"], row["low"], row["high"]) for row in differences.to_dicts()} == {
        name: (expected.mean, expected.low, expected.high) for name, expected in result.difference.items()
    }


def test_every_number_of_a_design_and_every_interval_has_a_unit(result: Result) -> None:
    plain = {name for name, field in DesignResult.model_fields.items() if field.annotation in (int, float)}
    assert plain | result.event_driven.intervals.keys() | result.difference.keys() <= FIGURE_UNITS.keys() | {
        "stable",
        "decided",
        "decided_good",
    }


def test_counts_add_up_over_replications_and_other_figures_are_their_means(result: Result) -> None:
    tables = tabulate(result)
    for name, design in result.designs.items():
        own = tables["replications"].filter(design=name)
        assert own["replication"].to_list() == [1, 2, 3]
        for figure in own.columns[2:]:
            values, value = own[figure], design.figure(figure)
            if FIGURE_UNITS[figure] in ("jobs", "calls") and isinstance(getattr(design, figure, None), int):
                assert values.sum() == value, figure
            elif figure not in POOLED_NAMES and "max" not in figure and value is not None and design.stable:
                weights = own["offered"] if "share" in figure or "mean" in figure else pl.Series([1.0, 1.0, 1.0])
                assert (values * weights).sum() / weights.sum() == pytest.approx(value, rel=0.02), figure


def test_each_bin_of_the_series_has_the_latency_of_the_jobs_that_arrived_in_it(
    scenario: Scenario, one: Result, jobs: pl.DataFrame
) -> None:
    with_windows = simulate(scenario, replications=1)
    for name in one.designs:
        series = tabulate(with_windows)["series"].filter(design=name)
        own = jobs.filter(pl.col("design") == name, pl.col("outcome") == "completed")
        width_s = series["width_s"][0]
        exact: dict[int, float] = {}
        for (place,), of_bin in own.group_by((pl.col("arrival_s") / width_s).floor().cast(pl.Int64)):
            latencies = of_bin["latency_s"].sort()
            exact[int(place)] = latencies[math.ceil(0.95 * len(latencies)) - 1]
        shown = {place: value for place, value in enumerate(series["latency_p95_s"]) if value is not None}
        after_warm_up = {place for place in exact if place > own["arrival_s"].min() / width_s}
        assert after_warm_up <= shown.keys()
        for place in after_warm_up:
            assert shown[place] == pytest.approx(exact[place], rel=0.05, abs=1e-3)


def test_the_rows_of_jobs_add_up_to_the_result_of_one_replication(one: Result, jobs: pl.DataFrame) -> None:
    for name, design in one.designs.items():
        own = jobs.filter(design=name)
        outcomes = dict(own.group_by("outcome").len().iter_rows())
        counted = {
            outcome: getattr(design, outcome)
            for outcome in (
                *("completed", "failed", "timed_out", "rejected", "dead_lettered", "undelivered", "lost"),
                *("in_system", "undecided"),
            )
        }
        assert outcomes == {outcome: count for outcome, count in counted.items() if count}
        assert len(own) == design.offered and own["is_good"].sum() == design.good
        assert own["provider_calls"].sum() == design.provider_calls
        for queue, expected in design.classes.items():
            of_queue = own.filter(queue=queue)
            assert (len(of_queue), of_queue["is_good"].sum()) == (expected.offered, expected.good)
            assert of_queue["wait_s"].mean() == pytest.approx(expected.wait_mean_s, rel=1e-6)


def test_both_designs_have_the_same_jobs(jobs: pl.DataFrame) -> None:
    columns = ("job", "queue", "arrival_s")
    first, *others = (table.select(columns) for _, table in jobs.group_by("design", maintain_order=True))
    for other in others:
        shared = min(len(first), len(other))
        assert first.head(shared).equals(other.head(shared))


def test_of_a_longer_run_the_first_jobs_have_rows(scenario: Scenario, jobs: pl.DataFrame) -> None:
    few = simulate_jobs(scenario, most=500)
    whole = jobs.filter(pl.col("job") < 500)
    assert few.select("design", "job", "arrival_s", "outcome", "provider_calls").equals(
        whole.select("design", "job", "arrival_s", "outcome", "provider_calls")
    )


def test_subscribers_and_windows_are_those_of_the_result(result: Result) -> None:
    tables = tabulate(result)
    for name, design in result.designs.items():
        assert tables["subscribers"].filter(design=name)["handled"].to_list() == [
            expected.handled for expected in design.subscribers.values()
        ]
        bins = tables["window_series"].filter(design=name)["queue_depth"].to_list()
        assert bins == [depth for fine in design.fine for depth in fine.queue_depth]


@pytest.mark.parametrize("expected", [results.result(), results.starving(), results.live_result()])
def test_a_table_has_the_same_columns_whatever_is_in_it(expected: Result) -> None:
    tables = tabulate(expected)
    assert set(tables) == TABLES
    for name, table in tables.items():
        content = io.BytesIO()
        table.write_parquet(content)
        content.seek(0)
        assert pl.read_parquet(content).equals(table), name
        assert not any(kind == pl.Null for kind in table.schema.values()), name

"""Leases, crashes and limits on deliveries against what follows from their definitions."""

from math import ceil, exp, log
from pathlib import Path
from typing import Any

import pytest
import yaml
from scipy.stats import norm

from simulator.experiment import simulate
from simulator.result import DesignResult
from simulator.scenario import Scenario
from tests.property.test_simulator_oracle import check

MANY = 400
"""Consumers enough that no job waits for one."""


def event_driven(work: dict[str, Any], jobs: int = 2000, rate: float = 2.0, **fields: Any) -> DesignResult:
    scenario = {
        "jobs": jobs,
        "deadline_s": 1000.0,
        "arrivals": {"process": "poisson", "rate_per_s": rate},
        "service": work,
        "retries": fields.pop("retries", {}),
        "failures": fields.pop("failures", {}),
        "event_driven": {"consumers": MANY, "delivery": {"method": "none"}} | fields,
    }
    return simulate(Scenario.parse(scenario), replications=2).event_driven


SEVEN = {"distribution": "deterministic", "mean_s": 7.0}


@pytest.mark.parametrize("most", [1, 3])
def test_work_that_is_stopped_at_the_end_of_its_lease_is_delivered_as_often_as_may_be_and_dies(most: int) -> None:
    result = event_driven(SEVEN, lease_s=5.0, lease_ends="stops", max_deliveries=most)
    assert (result.dead_lettered, result.completed) == (result.offered, 0)
    assert (result.provider_calls, result.redelivered) == (most * result.offered, (most - 1) * result.offered)
    assert result.duplicates == 0
    assert result.wasted_s == pytest.approx(most * 5.0 * 2000, rel=1e-6)


def test_results_that_are_discarded_are_computed_for_each_delivery() -> None:
    result = event_driven(SEVEN, lease_s=5.0, lease_ends="discards", max_deliveries=3)
    assert (result.dead_lettered, result.provider_calls) == (result.offered, 3 * result.offered)
    assert result.duplicates == 2 * result.offered
    assert result.wasted_s == pytest.approx(3 * 7.0 * 2000, rel=1e-6)


@pytest.mark.parametrize("lease", [5.0, 2.0, 7.0, 1.3])
def test_late_work_that_counts_is_begun_once_in_each_lease_until_its_first_result(lease: float) -> None:
    result = event_driven(SEVEN, lease_s=lease)
    copies = ceil(7.0 / lease)
    assert (result.completed, result.provider_calls) == (result.offered, copies * result.offered)
    assert (result.redelivered, result.duplicates) == ((copies - 1) * result.offered,) * 2
    assert result.latency_s.max == pytest.approx(7.0)


def test_a_copy_that_waits_is_dropped_when_the_late_result_is_there() -> None:
    """One consumer: the copy can only begin after the late work has ended, and then has nothing to do."""
    result = event_driven(SEVEN, jobs=200, rate=0.05, lease_s=5.0, consumers=1)
    assert (result.completed, result.provider_calls, result.redelivered) == (400, 400, 400)
    assert result.duplicates == 0


@pytest.mark.parametrize("ends", ["stops", "discards"])
def test_the_share_of_dead_letters_is_the_probability_of_work_longer_than_the_lease(ends: str) -> None:
    result = event_driven(
        {"distribution": "lognormal", "p50_s": 2.0, "p95_s": 8.0},
        20_000,
        lease_s=5.0,
        lease_ends=ends,
        max_deliveries=2,
    )
    longer = norm.sf(log(5.0 / 2.0) / (log(8.0 / 2.0) / norm.ppf(0.95)))
    assert result.dead_lettered / result.offered == pytest.approx(longer, abs=4 * (longer / result.offered) ** 0.5)
    assert result.provider_calls == result.offered + result.dead_lettered


def test_a_crash_loses_a_job_that_was_acknowledged_early() -> None:
    result = event_driven(SEVEN, 20_000, crashes_per_hour=60.0, acknowledges="early")
    crashes = 1 - exp(-7 / 60)
    assert result.lost / result.offered == pytest.approx(crashes, abs=4 * (crashes / result.offered) ** 0.5)
    assert result.completed + result.lost == result.offered == result.provider_calls


@pytest.mark.parametrize("lease", [None, 10.0])
def test_jobs_of_crashed_consumers_are_begun_again(lease: float | None) -> None:
    """Deliveries are geometric. Without a lease all work lost is that of a renewal process until its first gap as long as the work.

    Source: S. Ross, Introduction to Probability Models, 12th ed., on the mean time until a Poisson process leaves a gap of w: (exp(rw) - 1) / r.
    """
    result = event_driven(SEVEN, 20_000, crashes_per_hour=60.0, lease_s=lease)
    calls = exp(7 / 60)
    assert result.completed == result.offered
    assert result.provider_calls / result.offered == pytest.approx(calls, rel=0.01)
    latency = (calls - 1) * 60 if lease is None else 7 + (calls - 1) * lease
    assert result.latency_s.mean == pytest.approx(latency, rel=0.01)


def test_retries_are_deliveries_too() -> None:
    result = event_driven(SEVEN, failures={"transient_percent": 100.0}, retries={"max": 5}, max_deliveries=3)
    assert (result.dead_lettered, result.provider_calls) == (result.offered, 3 * result.offered)
    assert result.redelivered == 0


@pytest.mark.parametrize("ends", ["stops", "discards"])
def test_a_system_that_delivers_some_jobs_for_ever_grows(ends: str) -> None:
    result = event_driven(
        {"distribution": "lognormal", "p50_s": 2.0, "p95_s": 8.0}, lease_s=5.0, lease_ends=ends, consumers=30
    )
    assert not result.stable and (result.growth_per_min or 0) > 0
    assert result.latency_s.p95 is None


def test_a_run_of_endless_deliveries_ends_soon() -> None:
    """With a lease of a hundredth of a second, each of ten consumers would take 200 million jobs until the last arrival."""
    result = event_driven(SEVEN, rate=0.001, consumers=10, lease_s=0.01, lease_ends="stops")
    assert not result.stable and result.redelivered > 100 * result.offered


@pytest.mark.parametrize("ends", ["redelivers", "discards"])
def test_a_steady_system_stays_one_if_a_lease_is_long_enough(ends: str) -> None:
    result = event_driven(SEVEN, lease_s=8.0, lease_ends=ends, consumers=20)
    assert result.stable and result.redelivered == 0


def test_a_job_that_late_work_has_settled_is_not_tried_again() -> None:
    """A second delivery fails at once in an outage and backs off for 9 s; the first, which is late, succeeds meanwhile."""
    seen = check(
        Scenario.parse(
            {
                "jobs": 60,
                "arrivals": {"process": "poisson", "rate_per_s": 1},
                "service": {"distribution": "deterministic", "mean_s": 3},
                "provider": {"outages": ({"start_s": 10, "length_s": 3},)},
                "retries": {"max": 3, "flat_s": 9},
                "event_driven": {"consumers": 9, "lease_s": 0.9},
            }
        ),
        "event_driven",
    )
    assert {"settled while backing off", "late result counts"} <= seen


def test_callers_of_a_full_queue_are_treated_as_those_of_a_full_backlog() -> None:
    scenario = {
        "jobs": 5_000,
        "deadline_s": 30,
        "arrivals": {"process": "bursts", "rate_per_s": 4, "peak_to_mean": 3, "peak_s": 10, "every_s": 60},
        "service": {"distribution": "deterministic", "mean_s": 1},
        "synchronous": {"workers": 6, "backlog": 10, "client_retries": 3, "client_backoff_s": 5},
        "event_driven": {"consumers": 6, "max_queue": 10},
    }
    result = simulate(Scenario.parse(scenario), replications=3)
    for name in ("good", "rejected", "client_calls", "queue_depth", "wait_s"):
        assert getattr(result.synchronous, name) == getattr(result.event_driven, name), name
    assert result.event_driven.client_calls > result.event_driven.offered
    scenario["event_driven"] |= {"client_retries": 0}  # type: ignore[operator]
    alone = simulate(Scenario.parse(scenario), replications=3).event_driven
    assert alone.client_calls == alone.offered and alone.rejected > 2 * result.event_driven.rejected


def test_what_the_example_says_of_a_lease_that_is_too_short() -> None:
    given = yaml.safe_load((Path(__file__).parents[2] / "examples" / "lease-too-short.yaml").read_text())
    result = simulate(Scenario.parse(given | {"jobs": 4000}), replications=3)
    longer = result.event_driven.dead_lettered / result.event_driven.offered
    assert longer == pytest.approx(0.5, abs=0.03)
    assert result.event_driven.utilisation == pytest.approx(0.33, abs=0.02)
    assert result.event_driven.provider_calls == pytest.approx(2 * result.synchronous.provider_calls, rel=0.03)
    assert (result.synchronous.good_share, result.verdict) == (1.0, "synchronous")
    longer_lease = given["event_driven"] | {"lease_s": 900}
    both = simulate(Scenario.parse(given | {"jobs": 4000, "event_driven": longer_lease}), replications=3)
    assert both.event_driven.good == both.synchronous.good == both.synchronous.offered

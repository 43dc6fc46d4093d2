"""Order per key against the M/G/1 queues that it makes of a workload."""

from typing import Any

import pytest

from simulator.experiment import simulate
from simulator.result import DesignResult
from simulator.scenario import Scenario


def event_driven(rate: float, jobs: int = 30_000, **fields: Any) -> DesignResult:
    scenario = {
        "jobs": jobs,
        "warmup_jobs": jobs // 10,
        "arrivals": {"process": "poisson", "rate_per_s": rate},
        "service": {"distribution": "gamma", "mean_s": 1.0, "cv": 1.5},
        "failures": fields.pop("failures", {}),
        "retries": fields.pop("retries", {}),
        "event_driven": {"consumers": 200, "delivery": {"method": "none"}} | fields,
    }
    return simulate(Scenario.parse(scenario), replications=6).event_driven


def wait_of_one_server(load: float, cv: float = 1.5) -> float:
    """The mean wait of M/G/1 with a mean service of 1. Source: Pollaczek and Khinchine; Kleinrock, Queueing Systems I, section 5.6."""
    return load * (1 + cv**2) / (2 * (1 - load))


def test_one_job_at_a_time_waits_as_at_a_single_server() -> None:
    result = event_driven(0.6, ordering="one_at_a_time")
    assert result.wait_s.mean == pytest.approx(wait_of_one_server(0.6), rel=0.08)


@pytest.mark.parametrize("keys", [8, 60])
def test_each_key_is_a_queue_of_its_own_if_consumers_are_many(keys: int) -> None:
    result = event_driven(0.5 * keys, ordering="per_key", keys=keys)
    assert result.wait_s.mean == pytest.approx(wait_of_one_server(0.5), rel=0.04)
    assert result.utilisation == pytest.approx(0.5 * keys / 200, rel=0.02)


def test_with_far_more_keys_than_jobs_in_the_system_order_costs_nothing() -> None:
    free, ordered = event_driven(9.0, consumers=10), event_driven(9.0, consumers=10, ordering="per_key", keys=1_000_000)
    assert ordered.wait_s.mean == pytest.approx(free.wait_s.mean, rel=5e-3)
    assert ordered.queue_depth.mean == pytest.approx(free.queue_depth.mean, rel=5e-3)


def test_a_key_is_held_while_its_job_backs_off() -> None:
    """A retry always comes 2 s after a failure: half of the jobs hold their key for 4 s instead of 1 s, constant times."""
    scenario = {
        "jobs": 40_000,
        "warmup_jobs": 4_000,
        "arrivals": {"process": "poisson", "rate_per_s": 0.25},
        "service": {"distribution": "deterministic", "mean_s": 1.0},
        "failures": {"transient_percent": 50},
        "retries": {"max": 1, "flat_s": 2.0},
        "event_driven": {"consumers": 5, "delivery": {"method": "none"}, "ordering": "one_at_a_time"},
    }
    result = simulate(Scenario.parse(scenario), replications=6).event_driven
    load, square = 0.25 * 2.5, (1 + 16) / 2
    assert result.wait_s.mean == pytest.approx(0.25 * square / (2 * (1 - load)), rel=0.07)


def test_too_few_keys_make_a_system_grow_that_has_idle_consumers() -> None:
    result = event_driven(4.0, jobs=8_000, ordering="per_key", keys=3)
    assert not result.stable and (result.growth_per_min or 0) > 0
    assert result.utilisation < 0.02

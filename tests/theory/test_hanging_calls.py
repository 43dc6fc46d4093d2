"""Calls that take long to fail, against a plain first-come-first-served queue before workers (Kiefer and Wolfowitz) on the same draws."""

import heapq
from collections.abc import Callable
from itertools import islice
from math import exp, inf
from typing import Any

import pytest

from simulator.experiment import simulate
from simulator.replications import Runner
from simulator.scenario import Scenario
from tests.fakes.naive_draws import Draws

JOBS, WORKERS, DEADLINE_S = 12_000, 8, 30.0
OUTAGE_S = (600.0, 720.0)
GOLDEN = {0.0: 727, 5.0: 1693, 30.0: 2245, 60.0: 2303}
"""Missed of 12,000 jobs (6 a second, Poisson, one run) by the seconds until a failure is known; found by another model, whose seed is not known."""
REPLICATIONS = 20


def scenario_of(failure_s: float, **provider: Any) -> Scenario:
    start, end = OUTAGE_S
    return Scenario.parse(
        {
            "jobs": JOBS,
            "deadline_s": DEADLINE_S,
            "arrivals": {"process": "poisson", "rate_per_s": 6},
            "service": {"distribution": "exponential", "mean_s": 1},
            "synchronous": {"workers": WORKERS},
            "event_driven": {"consumers": WORKERS},
            **(
                {
                    "provider": {"outages": [{"start_s": start, "length_s": end - start}]},
                    "failures": {"failure_s": failure_s},
                }
                if not provider
                else {
                    "provider": {"outages": [{"start_s": start, "length_s": end - start, "mode": "hang"}], **provider}
                }
            ),
        }
    )


def missed_by_kernel(scenario: Scenario, replications: int) -> dict[str, list[int]]:
    runner = Runner(scenario, None, None, {"synchronous": True, "event_driven": True})
    runner.run(replications)
    return {design: [JOBS - tally.counts["good"] for tally in tallies] for design, tallies in runner.tallies.items()}


def missed_by_queue(
    scenario: Scenario, replication: int, lost_s: Callable[[float], float], timeout_s: float = inf
) -> int:
    """`lost_s`: of the start of a call in the outage, how long it takes."""
    draws = Draws(scenario, replication)
    free, missed = [0.0] * WORKERS, 0
    for job, arrived in enumerate(islice(draws.arrivals(), JOBS)):
        begins = max(arrived, free[0])
        lost = OUTAGE_S[0] <= begins < OUTAGE_S[1]
        takes = lost_s(begins) if lost else draws.service(job)
        fails = lost or takes > timeout_s
        ends = begins + min(takes, timeout_s)
        heapq.heapreplace(free, ends)
        missed += fails or ends > arrived + DEADLINE_S
    return missed


@pytest.mark.parametrize("failure_s", GOLDEN)
def test_as_many_jobs_miss_their_deadline_as_in_a_plain_queue_and_about_as_many_as_another_model_found(
    failure_s: float,
) -> None:
    scenario = scenario_of(failure_s)
    missed = missed_by_kernel(scenario, REPLICATIONS)
    plain = [missed_by_queue(scenario, replication, lambda _: failure_s) for replication in range(2)]
    assert missed["synchronous"][:2] == missed["event_driven"][:2] == plain
    assert min(missed["synchronous"]) < GOLDEN[failure_s] < max(missed["synchronous"])


@pytest.mark.parametrize("timeout_s", [5.0, 30.0, None])
def test_a_call_hangs_until_its_timeout_or_the_end_of_the_outage(timeout_s: float | None) -> None:
    scenario = scenario_of(0.0, call_timeout_s=timeout_s)
    plain = missed_by_queue(scenario, 0, lambda begins: OUTAGE_S[1] - begins, timeout_s or inf)
    assert missed_by_kernel(scenario, 1) == {"synchronous": [plain], "event_driven": [plain]}


def test_jobs_that_time_out_at_every_attempt_do_not_keep_the_circuit_open_for_ever() -> None:
    """Every tenth job takes longer than the timeout. As probes they would be free for ever, and the run would not end."""
    scenario = Scenario.parse(
        {
            "jobs": 2000,
            "arrivals": {"process": "poisson", "rate_per_s": 1},
            "service": {"distribution": "exponential", "mean_s": 1},
            "provider": {"call_timeout_s": 2.3},
            "retries": {"max": 2, "base_s": 1},
            "synchronous": {"workers": 8},
            "event_driven": {"consumers": 8, "circuit_breaker": {"failures": 2, "pause_s": 5}},
        }
    )
    result = simulate(scenario, replications=2).event_driven
    assert result.completed + result.dead_lettered == result.offered
    assert result.dead_lettered / result.offered == pytest.approx(exp(-2.3), abs=0.02)


def test_a_provider_that_always_fails_leaves_a_breaker_open_and_the_queue_growing() -> None:
    """At one job a second the queue grows by 60 a minute, less the five whose failures opened the circuit."""
    scenario = Scenario.parse(
        {
            "jobs": 2000,
            "arrivals": {"process": "regular", "rate_per_s": 1},
            "service": {"distribution": "deterministic", "mean_s": 0.5},
            "failures": {"transient_percent": 100},
            "event_driven": {"circuit_breaker": True},
        }
    )
    result = simulate(scenario, replications=2).event_driven
    assert not result.stable
    assert result.growth_per_min == pytest.approx(60, rel=0.01)

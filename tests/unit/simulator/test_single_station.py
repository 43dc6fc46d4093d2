"""The loop of a single station gives the tally of the event loops, and is not used if it does not apply."""

from typing import Any

import numpy as np
import pytest

from simulator.plan import EVENT_DRIVEN, HYBRID, SYNCHRONOUS, build_state, is_single_station, recorded_of
from simulator.replications import LOOPS, Runner
from simulator.scenario import Scenario
from simulator.traces import Trace

BASE: dict[str, Any] = {
    "jobs": 30_000,
    "deadline_s": 3.0,
    "arrivals": {"process": "poisson", "rate_per_s": 3.5},
    "service": {"distribution": "exponential", "mean_s": 1.0},
    "synchronous": {"workers": 4},
    "event_driven": {"consumers": 4},
}


def run(scenario: Scenario, shortcut: bool, trace: Trace | None = None) -> Runner:
    runner = Runner(scenario, trace, None, dict.fromkeys(LOOPS, True), shortcut=shortcut)
    runner.run(3)
    return runner


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"warmup_jobs": 777},
        {
            "service": {"distribution": "lognormal", "p50_s": 0.7, "p95_s": 2},
            "arrivals": {"process": "gamma", "rate_per_s": 3, "cv": 2},
        },
        {
            "service": {"distribution": "deterministic", "mean_s": 1},
            "arrivals": {"process": "regular", "rate_per_s": 3.5},
        },
        {
            "arrivals": {"process": "trace", "trace": "x"},
            "service": {"distribution": "tokens", "base_s": 0.1, "per_output_token_s": 0.02},
        },
    ],
    ids=["M/M/4", "warm-up", "gamma arrivals", "ties", "trace"],
)
@pytest.mark.parametrize("design", LOOPS)
def test_the_loop_of_a_single_station_gives_the_same_tally(design: str, given: dict[str, Any]) -> None:
    generator = np.random.default_rng(1)
    arrivals = np.cumsum(generator.exponential(0.3, 30_000))
    trace = (
        Trace(arrivals - arrivals[0], output_tokens=generator.integers(1, 100, 30_000).astype(float))
        if "arrivals" in given
        else None
    )
    scenario = Scenario.parse(BASE | given)
    slow, fast = (run(scenario, shortcut, trace).tallies[design][2] for shortcut in (False, True))
    assert fast.counts == slow.counts
    assert fast.metrics() == pytest.approx(slow.metrics(), rel=1e-9)
    assert fast.batches.tolist() == slow.batches.tolist()
    assert fast.batches.sum(axis=0).tolist() == [fast.counts["offered"], fast.counts["good"]]
    assert fast.levels.tolist() == slow.levels.tolist()
    assert fast.latencies.histogram.tolist() == slow.latencies.histogram.tolist()
    quick, slower = fast.classes[0], slow.classes[0]
    assert (quick.counts, quick.wait.total) == (slower.counts, slower.wait.total)
    assert (quick.wait.sum_s, quick.wait.max_s) == pytest.approx((slower.wait.sum_s, slower.wait.max_s), rel=1e-9)
    assert quick.wait.histogram.tolist() == slower.wait.histogram.tolist()
    assert (fast.provider_calls, fast.delivery_calls) == (slow.provider_calls, slow.delivery_calls)


def test_a_queue_too_long_for_the_loop_of_a_single_station_goes_to_the_event_loop() -> None:
    scenario = Scenario.parse(BASE | {"arrivals": {"process": "regular", "rate_per_s": 100.0}, "jobs": 20_000})
    slow, fast = (run(scenario, shortcut).tallies[SYNCHRONOUS][1] for shortcut in (False, True))
    assert fast.depth_max == slow.depth_max > 15_000
    assert fast.metrics() == slow.metrics()


@pytest.mark.parametrize(
    "given",
    [
        {"failures": {"transient_percent": 1}},
        {"failures": {"poison_percent": 1}},
        {"provider": {"max_concurrency": 3}},
        {"provider": {"requests_per_minute": 300}},
        {"provider": {"outages": [{"start_s": 5, "length_s": 1}]}},
        {"subscribers": {"count": 2}},
        {"event_driven": {"consumers": 4, "expires_s": 9}},
        {"event_driven": {"consumers": 4, "accept_s": 0.1}},
        {"event_driven": {"consumers": 4, "dispatch_s": 0.1}},
        {"event_driven": {"consumers": 4, "max_queue": 9}},
        {"event_driven": {"consumers": 4, "circuit_breaker": True}},
        {"event_driven": {"consumers": 4, "queues": {"urgent": 50.0, "batch": 50.0}}},
        {"event_driven": {"consumers": 4, "delivery": {"method": "polling", "interval_s": 1}}},
        {"event_driven": {"consumers": 4, "delivery": {"method": "webhook"}}},
        {"jobs": None, "duration_s": 100.0},
        {"autoscaling": {"min": 4, "max": 8, "target_depth": 2}},
    ],
)
def test_what_is_no_single_station_is_not_taken_for_one(given: dict[str, Any]) -> None:
    state = build_state(
        Scenario.parse(BASE | given), EVENT_DRIVEN, 1, trace=None, drawn=None, rows=recorded_of(None, None), drains=True
    )
    assert not is_single_station(state.machine[0])


@pytest.mark.parametrize("synchronous", [{"backlog": 3}, {"client_timeout_s": 5}])
def test_a_synchronous_design_with_a_bound_is_no_single_station(synchronous: dict[str, Any]) -> None:
    scenario = Scenario.parse(BASE | {"synchronous": {"workers": 4, **synchronous}})
    state = build_state(scenario, SYNCHRONOUS, 1, trace=None, drawn=None, rows=recorded_of(None, None), drains=True)
    assert not is_single_station(state.machine[0])


def test_a_hybrid_that_answers_in_line_is_no_single_station() -> None:
    """Who has waited in line needs no call to fetch the result."""
    scenario = Scenario.parse(BASE | {"hybrid": {"inline_wait_s": 5}})
    rows = recorded_of(None, None)
    assert not is_single_station(
        build_state(scenario, HYBRID, 1, trace=None, drawn=None, rows=rows, drains=True).machine[0]
    )
    assert is_single_station(
        build_state(scenario, EVENT_DRIVEN, 1, trace=None, drawn=None, rows=rows, drains=True).machine[0]
    )

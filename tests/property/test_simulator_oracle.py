"""The compiled loops tell the same history as the slow oracle, event by event, whatever the scenario."""

from math import inf
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from simulator.kernel import layout as at
from simulator.plan import EVENT_DRIVEN, SYNCHRONOUS, bench_of, recorded_of
from simulator.replications import LOOPS
from simulator.scenario import Scenario
from tests.fakes.naive_draws import Draws
from tests.fakes.naive_scenarios import scenarios
from tests.fakes.naive_simulation import NaiveEventDriven, NaiveSynchronous

INSTANT_S = 1e-7
"""Events less far apart are simultaneous, but for rounding."""
ORACLES = {SYNCHRONOUS: NaiveSynchronous, EVENT_DRIVEN: NaiveEventDriven}
COUNTS = (
    at.C_OFFERED,
    at.C_ACCEPTED,
    at.C_GOOD,
    at.C_CALLS,
    at.C_429,
    at.C_DELIVERY,
    at.C_COMPLETED,
    at.C_FAILED,
    at.C_TIMED_OUT,
    at.C_REJECTED,
    at.C_DEAD,
    at.C_UNDELIVERED,
)


def history_of_kernel(scenario: Scenario, design: str, drains: bool) -> tuple[list[tuple[Any, ...]], Any]:
    bench = bench_of(scenario, design, 0, trace=None, drawn=None, rows=recorded_of(None, None), drains=drains)
    m, history = bench.machine[0], []
    while (status := LOOPS[design](bench.machine, 1)) != at.DONE:
        assert status == at.MORE
        counts = [int(m["counts"][place]) for place in COUNTS]
        history.append((float(m["now"]), int(m["queued"]), int(m["idle"]), int(m["in_system"]), *counts))
    return history, m


def instants(history: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The state after each instant at which anything changed."""
    found: list[tuple[Any, ...]] = []
    for place, entry in enumerate(history):
        at_once = place + 1 < len(history) and history[place + 1][0] - entry[0] < INSTANT_S
        if not at_once and (not found or found[-1][1:] != entry[1:]):
            found.append(entry)
    return found


def check(scenario: Scenario, design: str, drains: bool = True) -> None:
    history, m = history_of_kernel(scenario, design, drains)
    cycle = {"bursts": 20.0, "daily": 86_400.0}.get(scenario.arrivals.process)
    jobs: float = scenario.jobs or inf
    last = inf
    if cycle is not None and scenario.duration_s is None:
        jobs, last = inf, float(m["last"])
    oracle = ORACLES[design](scenario, Draws(scenario, 0), jobs, last, drains)
    oracle.run(scenario.event_driven.accept_s if design == EVENT_DRIVEN else 0.0)

    mine, theirs = instants(history), instants(oracle.history)
    for ours, naive in zip(mine, theirs, strict=False):
        assert ours[1:] == naive[1:], (ours, naive)
        assert ours[0] == pytest.approx(naive[0], abs=1e-5)
    assert len(mine) == len(theirs)
    assert [int(m["counts"][place]) for place in COUNTS] == list(oracle.counts.values())
    assert float(m["wait_sum"]) == pytest.approx(sum(oracle.waits), abs=1e-3)
    assert float(m["latency_sum"]) == pytest.approx(sum(oracle.latencies), abs=1e-2)
    assert int(m["counts"][at.C_STARTED]) == len(oracle.waits)
    assert float(m["wasted"]) == pytest.approx(oracle.wasted, abs=1e-2) or scenario.duration_s is not None
    assert m["fans"][: len(oracle.fans)].tolist() == oracle.fans


@pytest.mark.parametrize("design", LOOPS)
def test_the_kernel_tells_the_same_history_as_the_oracle(design: str) -> None:
    @settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(scenario=scenarios())
    def holds(scenario: Scenario) -> None:
        check(scenario, design)

    holds()


@pytest.mark.full
@pytest.mark.parametrize("design", LOOPS)
def test_the_kernel_tells_the_same_history_in_thousands_of_scenarios(design: str) -> None:
    @settings(max_examples=4000, deadline=None, suppress_health_check=list(HealthCheck))
    @given(scenario=scenarios())
    def holds(scenario: Scenario) -> None:
        check(scenario, design)

    holds()


@pytest.mark.parametrize("design", LOOPS)
def test_a_run_that_does_not_drain_stops_at_its_last_arrival(design: str) -> None:
    scenario = Scenario.parse(
        {
            "jobs": 50,
            "arrivals": {"process": "poisson", "rate_per_s": 5},
            "service": {"distribution": "exponential", "mean_s": 3},
            "synchronous": {"workers": 2},
            "event_driven": {"consumers": 2},
        }
    )
    check(scenario, design, drains=False)

"""A window of a run that is run again from a checkpoint shows what the slow oracle did in it."""

from math import inf
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator import replications
from simulator.kernel import layout
from simulator.plan import EVENT_DRIVEN, HYBRID, SYNCHRONOUS
from simulator.replications import Runner
from simulator.scenario import Scenario
from tests.fakes.naive_scenarios import durations_of, scenarios, trace_of
from tests.fakes.naive_simulation import Naive
from tests.property.test_simulator_oracle import oracle_of

SLACK_S = 1e-6


def counted(instants: list[float], edges: np.ndarray) -> np.ndarray:
    return np.histogram(instants, edges)[0]


def depth_at(oracle: Naive, ends_s: np.ndarray) -> np.ndarray:
    """Before and after what happens at each instant, but for rounding: the level is one of these."""
    times = np.array([entry[0] for entry in oracle.history])
    depths = np.array([0, *(entry[1] for entry in oracle.history)])
    return np.array([depths[np.searchsorted(times, ends_s + slack_s)] for slack_s in (-SLACK_S, SLACK_S)])


def compare(scenario: Scenario, design: str, part: tuple[float, float]) -> None:
    runner = Runner(
        scenario, trace_of(scenario), durations_of(scenario), dict.fromkeys((SYNCHRONOUS, EVENT_DRIVEN, HYBRID), True)
    )
    with patch.object(replications, "FIRST_BUDGET", 50), patch.object(replications, "EVENTS_A_JOB", 1):
        runner.run(1)
    machine = runner.build_state(design, 0).machine[0]
    whole = scenario.arrivals.period_s is not None and scenario.duration_s is None
    oracle = oracle_of(scenario, design, float(machine["last"]) if whole else inf, True)
    oracle.run(scenario.event_driven.accept_s if design != SYNCHRONOUS else 0.0)
    run_s = oracle.history[-1][0]
    start_s, end_s = (share * run_s for share in part)
    (fine,) = runner.look_closer({design: [(start_s, end_s)]})[design]

    edges = start_s + (end_s - start_s) / layout.BINS * np.arange(fine.bins.shape[1] + 1)
    near = [at for at in (*oracle.arrived, *(at for _, at, _ in oracle.settled)) if np.abs(edges - at).min() < SLACK_S]
    if near:
        return
    completed = [
        (arrived, at) for arrived, at, outcome in oracle.settled if outcome == "completed" and at <= oracle.end
    ]
    assert fine.bins[layout.B_ARRIVALS].tolist() == counted(oracle.arrived, edges).tolist()
    assert fine.bins[layout.B_COMPLETED].tolist() == counted([at for _, at in completed], edges).tolist()
    before, after = depth_at(oracle, edges[1:])
    depths = fine.bins[layout.B_DEPTH]
    assert ((depths == before) | (depths == after)).all()
    inside = [(arrived, at) for arrived, at in completed if edges[0] <= arrived < edges[-1]]
    assert fine.latency_counts.sum() == len(inside)
    if inside:
        assert fine.longest_s.max() == pytest.approx(max(at - arrived for arrived, at in inside), abs=1e-5)


@pytest.mark.parametrize("design", [SYNCHRONOUS, EVENT_DRIVEN])
def test_a_window_shows_what_the_oracle_did_in_it(design: str) -> None:
    @settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(scenario=scenarios(), begins=st.floats(0.05, 0.8), lasts=st.floats(0.01, 0.15))
    def holds(scenario: Scenario, begins: float, lasts: float) -> None:
        compare(scenario.model_copy(update={"warmup_jobs": 0, "hybrid": None}), design, (begins, begins + lasts))

    holds()

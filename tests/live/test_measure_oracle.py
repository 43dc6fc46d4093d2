"""Journals of the slow oracle's own history are measured as the oracle itself counts it."""

from math import inf

import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings

from simulator.arrivals import ClosedArrivals
from simulator.live.run.draw_jobs import draw_jobs
from simulator.live.run.measure import Rows, tally_run
from simulator.live.system.journal import EventType
from simulator.plan import EVENT_DRIVEN, SYNCHRONOUS, jobs_of, servers_of
from simulator.scenario import Scenario
from simulator.tally import Tally
from simulator.traces import Trace
from tests.fakes.naive_draws import Draws
from tests.fakes.naive_journal import CLOCK, Journalled, JournalledEventDriven, JournalledSynchronous
from tests.fakes.naive_scenarios import as_live_run_has_it, durations_of, scenarios, trace_of
from tests.fakes.naive_simulation import OUTCOMES

ENDS_OF_SPELLS = (EventType.FREED, EventType.STARTED, EventType.EXPIRED, EventType.ABANDONED)
WRITERS = {SYNCHRONOUS: JournalledSynchronous, EVENT_DRIVEN: JournalledEventDriven}

MOST_BATCHES = 8
"""Of 300 scenarios each, until all features came to pass: hypothesis draws others when other modules are loaded."""

FEATURES = {
    SYNCHRONOUS: {
        "gave up waiting", "gave up while worked on", "called again", "began abandoned", "dropped abandoned", "tried again in line",
        "dropped the connection", "refused", "gave up connecting", "waited for the limits", "failed", "rejected", "timed_out", "wasted work",
    },
    EVENT_DRIVEN: {
        "dead_lettered", "failed", "timed_out", "rejected", "undelivered", "polled for nothing", "polled again", "webhook in vain",
        "reconnected", "nobody waits", "waited for the limits", "backed off", "wasted work", "refused", "probe failed",
        "redelivered", "duplicate", "late result counts", "late result refused", "stopped", "crashed", "delivered too often", "lost",
    },
}  # fmt: skip
"""What must have come to pass in the scenarios of each design."""


def drained(scenario: Scenario) -> Scenario:
    live = as_live_run_has_it(scenario)
    if live.failures.transient_percent == 100:  # its probes fail for ever, and cost no attempt
        live = live.model_copy(update={"event_driven": live.event_driven.model_copy(update={"circuit_breaker": False})})
    return live.model_copy(update={"warmup_jobs": 0, "duration_s": None, "jobs": live.jobs or 40})


def oracle_of(scenario: Scenario, design: str) -> Journalled:
    trace = trace_of(scenario)
    jobs = jobs_of(scenario, trace)
    draws = Draws(scenario, 0, trace, durations_of(scenario))
    oracle: Journalled = WRITERS[design](scenario, draws, jobs, inf, True)
    oracle.run(scenario.event_driven.accept_s if design == EVENT_DRIVEN else 0.0)
    return oracle


def measured(scenario: Scenario, design: str, oracle: Journalled) -> Tally:
    trace = trace_of(scenario)
    if isinstance(scenario.arrivals, ClosedArrivals):
        trace = Trace(np.zeros(jobs_of(scenario, None)))
    jobs = draw_jobs(scenario, design, trace=trace, durations_s=durations_of(scenario))
    return tally_run(scenario, design, jobs, Rows.from_journal(oracle.rows(), CLOCK), ended=True)


def agree(scenario: Scenario, design: str) -> set[str]:
    oracle = oracle_of(scenario, design)
    tally = measured(scenario, design, oracle)
    counts = oracle.counts
    assert {name: tally.counts[name] for name in OUTCOMES} == {name: counts[name] for name in OUTCOMES}
    assert (tally.counts["offered"], tally.counts["accepted"]) == (counts["offered"], counts["accepted"])
    assert tally.counts["good"] == counts["good"]
    assert tally.provider_calls == counts["calls"]
    assert (tally.redelivered, tally.duplicates) == (counts["redelivered"], counts["duplicates"])
    assert tally.delivery_calls == counts["delivery"]
    for of_class, own in zip(tally.classes, oracle.classes, strict=True):
        assert {name: of_class.counts[name] for name in own.counts} == own.counts
        assert of_class.wait.total == len(own.waits)
    if {
        "probe failed",
        "timed_out",
    } <= oracle.fired:  # by the oracle its job may expire in the queue; in a live run its consumer keeps it
        return oracle.fired
    if "probe failed" not in oracle.fired:
        assert tally.provider_429 == counts["paced"]
    for of_class, own in zip(tally.classes, oracle.classes, strict=True):
        for times, seconds in ((of_class.wait, own.waits), (of_class.latency, own.latencies)):
            assert times.sum_s == pytest.approx(sum(seconds), abs=1e-4)
            assert times.max_s == pytest.approx(max(seconds, default=0.0), abs=1e-4)
    assert tally.wait["max"] == pytest.approx(max(oracle.waits, default=0.0), abs=1e-4)
    assert tally.wasted_s == pytest.approx(oracle.wasted, abs=1e-4)
    assert tally.lag_max_s == pytest.approx(oracle.lag, abs=1e-4)
    end_s = max((at_s for at_s, what, *_ in oracle.written if what in ENDS_OF_SPELLS), default=0.0)
    worked_until_s = max((at_s for at_s, what, *_ in oracle.written if what == EventType.FREED), default=0.0)
    assert tally.depth_mean * end_s == pytest.approx(oracle.area, abs=1e-4)
    assert tally.utilisation * worked_until_s * servers_of(scenario, design) == pytest.approx(oracle.busy, abs=1e-4)
    assert tally.fans.tolist() == oracle.fans
    if oracle.latencies and tally.counts["completed"] == tally.counts["offered"]:
        assert tally.latency["mean"] == pytest.approx(np.mean(oracle.latencies), abs=1e-4)
    return oracle.fired


@pytest.mark.parametrize("design", WRITERS)
def test_a_journal_is_measured_by_the_oracles_definitions(design: str) -> None:
    seen: set[str] = set()

    for batch in range(MOST_BATCHES):

        @seed(batch)
        @settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(scenario=scenarios())
        def holds(scenario: Scenario) -> None:
            if scenario.arrivals.process not in ("bursts", "daily"):
                seen.update(agree(drained(scenario), design))

        holds()
        missing = FEATURES[design] - seen
        if not missing:
            break
    assert not missing, f"these never came to pass: {sorted(missing)}"

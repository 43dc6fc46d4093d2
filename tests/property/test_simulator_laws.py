"""What holds on every run: jobs are conserved, Little's law, good and late make up the completed, and the same seed gives the same result."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from simulator.arrivals import ClosedArrivals
from simulator.experiment import simulate
from simulator.kernel import layout
from simulator.plan import build_state, recorded_of
from simulator.replications import LOOPS
from simulator.result import DesignResult, Result
from simulator.scenario import Scenario
from simulator.stability import load_of
from simulator.tally import tally_of
from tests.fakes.naive_scenarios import durations_of, scenarios, trace_of
from tests.outcomes import OUTCOMES


def designs(result: Result) -> Iterator[DesignResult]:
    yield result.synchronous
    yield result.event_driven
    if result.hybrid is not None:
        yield result.hybrid


def check_laws(scenario: Scenario) -> None:
    given = {"replications": 2, "trace": trace_of(scenario), "durations_s": durations_of(scenario)}
    result = simulate(scenario, threads=1, **given)
    again = simulate(scenario, threads=2, **given)
    assert result == again
    assert Result.model_validate_json(result.model_dump_json(by_alias=True)) == result
    if (
        not isinstance(scenario.arrivals, ClosedArrivals) or scenario.duration_s is None
    ):  # a client that waits sends less
        assert result.synchronous.offered == result.event_driven.offered
    for design in designs(result):
        assert design.offered == sum(getattr(design, outcome) for outcome in OUTCOMES)
        assert design.completed == design.good + design.late
        assert design.accepted <= design.offered
        assert 0 <= design.utilisation <= 1 + 1e-9
        assert sum(part.offered for part in design.classes.values()) == design.offered
        assert sum(part.good for part in design.classes.values()) == design.good
        for outcome in OUTCOMES:
            assert sum(getattr(part, outcome) for part in design.classes.values()) == getattr(design, outcome)
        for part in design.classes.values():
            assert part.offered == sum(getattr(part, outcome) for outcome in OUTCOMES)
            if part.wait_s.p50 is not None and part.wait_s.p95 is not None and part.wait_s.max is not None:
                assert part.wait_s.p50 <= part.wait_s.p95 <= part.wait_s.max
        assert all(low <= high for low, high in design.intervals.values())
        assert len(design.series.t_s) <= 1000
        assert len(design.curve.share) <= 400
        assert list(design.curve.share) == sorted(design.curve.share)
        assert sum(part.undecided for part in design.classes.values()) == design.undecided
        if design.curve.share and scenario.duration_s is None:
            assert design.curve.share[-1] == pytest.approx(design.completed / design.offered)
        for subscriber in design.subscribers.values():
            assert subscriber.offered == subscriber.handled + subscriber.failed
        if design.stable and scenario.duration_s is None:
            assert design.in_system == 0
        if design.wait_s.p50 is not None and design.wait_s.p95 is not None and design.wait_s.max is not None:
            assert design.wait_s.p50 <= design.wait_s.p95 <= design.wait_s.max + 1e-9


def check_little(scenario: Scenario, design: str) -> None:
    """Jobs waiting, averaged over the run, times its length: the area under the number waiting, event by event."""
    scenario = scenario.model_copy(update={"warmup_jobs": 0, "duration_s": None, "jobs": 40})
    trace, drawn = trace_of(scenario), durations_of(scenario)
    if not load_of(scenario, design, trace, drawn).stable:
        return
    state = build_state(
        scenario,
        design,
        0,
        trace=trace,
        drawn=drawn,
        rows=recorded_of(trace, drawn, scenario.backlog_jobs),
        drains=True,
    )
    m, waited, queued_before, now_before = state.machine[0], 0.0, 0, 0.0
    while LOOPS[design](state.machine, 1) != layout.DONE:
        waited += queued_before * (float(m["now"]) - now_before)
        queued_before, now_before = int(m["queued"]), float(m["now"])
    tally = tally_of(m)
    length = float(m["changed"]) - float(m["since"])
    assert tally.depth_mean * length == pytest.approx(waited, rel=1e-9, abs=1e-6)


@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(scenario=scenarios())
def test_jobs_are_conserved(scenario: Scenario) -> None:
    check_laws(scenario)


@pytest.mark.parametrize("design", LOOPS)
def test_the_mean_depth_is_the_area_under_the_queue(design: str) -> None:
    @settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(scenario=scenarios())
    def holds(scenario: Scenario) -> None:
        check_little(scenario, design)

    holds()


@pytest.mark.parametrize("design", LOOPS)
@pytest.mark.parametrize("service", ["deterministic", "exponential"])
def test_littles_law_holds_to_the_last_job(design: str, service: str) -> None:
    """Where every wait ends in service: L T = sum of waits, exactly."""
    scenario = Scenario.parse(
        {
            "jobs": 20_000,
            "arrivals": {"process": "poisson", "rate_per_s": 3.7},
            "service": {"distribution": service, "mean_s": 1},
            "failures": {"transient_percent": 5},
            "retries": {"max": 2},
            "synchronous": {"workers": 5},
            "event_driven": {"consumers": 5},
        }
    )
    state = build_state(scenario, design, 0, trace=None, drawn=None, rows=recorded_of(None, None), drains=True)
    while LOOPS[design](state.machine, 10**6) != layout.DONE:
        state.grow()
    m = state.machine[0]
    assert float(m["area"]) == pytest.approx(float(m["wait_sum"]), rel=1e-9)
    # and L of those in service is the load that was carried
    assert float(m["busy"]) <= float(m["capacity"])


@pytest.mark.full
@settings(max_examples=3000, deadline=None, suppress_health_check=list(HealthCheck))
@given(scenario=scenarios())
def test_jobs_are_conserved_in_thousands_of_scenarios(scenario: Scenario) -> None:
    check_laws(scenario)

"""No run goes on for ever: what would is refused by name, looks that change nothing are left out, and a loop that spins is stopped."""

import time
from typing import Any

import pytest

from core.errors import InvalidInput
from simulator import replications
from simulator.experiment import simulate, unsupported
from simulator.kernel.layout import MORE
from simulator.plan import EVENT_DRIVEN, SYNCHRONOUS
from simulator.replications import LOOPS, EndlessRun, Runner
from simulator.scenario import Scenario


def scenario(**given: Any) -> Scenario:
    base = {
        "arrivals": {"process": "poisson", "rate_per_s": 1},
        "service": {"distribution": "exponential", "mean_s": 1},
    }
    return Scenario.parse(base | given)


@pytest.mark.parametrize("repeats", ["events", "next_job"])
def test_a_loop_that_spins_is_stopped(repeats: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def spin(machine: Any, budget: int) -> int:
        machine[0][repeats] += budget
        return MORE

    monkeypatch.setattr(replications, "LOOPS", {SYNCHRONOUS: spin, EVENT_DRIVEN: spin})
    given = scenario(duration_s=100.0)
    with pytest.raises(EndlessRun, match="please report it"):
        Runner(given, None, None, dict.fromkeys(LOOPS, True)).run(1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "busy",
    [
        {"provider": {"outages": [{"start_s": 0, "length_s": 1000}]}, "retries": {"max": 100, "base_s": 0}},
        {"subscribers": {"count": 100, "failure_percent": 100}, "retries": {"max": 100, "base_s": 0}},
        {
            "provider": {"requests_per_minute": 60, "max_concurrency": 1},
            "event_driven": {"circuit_breaker": True},
            "failures": {"transient_percent": 90},
            "retries": {"max": 100, "base_s": 0},
        },
        {
            "synchronous": {"workers": 1, "backlog": 1, "client_retries": 100, "client_timeout_s": 0.001},
            "retries": {"max": 0},
        },
    ],
    ids=["outage", "subscribers", "breaker", "callers"],
)
def test_a_run_of_many_events_is_not(busy: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its allowance, even: the most events that a job can cause are counted from what the scenario says."""
    monkeypatch.setattr(replications, "EVENTS_ALLOWED", 10)
    runner = Runner(scenario(jobs=200, **busy), None, None, dict.fromkeys(LOOPS, True))
    monkeypatch.setattr(replications, "FIRST_BUDGET", 50)
    monkeypatch.setattr(replications, "FASTER", 1)
    runner.run(1)
    assert runner.tallies[SYNCHRONOUS][0].counts["offered"] == 200


@pytest.mark.parametrize("discipline", ["strict", "dedicated"])
def test_the_autoscaler_does_not_look_while_nothing_changes(discipline: str) -> None:
    """A request in six months: two million looks between two requests would change nothing."""
    given = scenario(
        jobs=1000,
        arrivals={"process": "poisson", "rate_per_s": 1 / 15_000_000},
        event_driven={"discipline": discipline, "queues": {"a": 50.0, "b": 50.0}, "consumers": 4},
        autoscaling={"min": 2, "max": 9, "target_depth": 1},
    )
    runner = Runner(given, None, None, dict.fromkeys(LOOPS, True))
    for design, loop in LOOPS.items():
        state = runner.build_state(design, 0)
        began = time.process_time()
        while loop(state.machine, 1_000_000) == MORE:
            assert time.process_time() - began < 30
        assert state.machine[0]["next_job"] == 1000
        assert state.machine[0]["events"] < 20_000


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"arrivals": {"process": "poisson", "rate_per_s": 1e-9}}, r"arrivals\.rate_per_s: is too low for 200,000"),
        (
            {"arrivals": {"process": "bursts", "rate_per_s": 100, "peak_to_mean": 2, "peak_s": 1, "every_s": 9e8}},
            "90,000,000,000 requests, in whole cycles of 900,000,000 s; it may have 1,000,000,000",
        ),
        ({"duration_s": 1e9, "arrivals": {"process": "regular", "rate_per_s": 1e9}}, "it may have 1,000,000,000"),
    ],
)
def test_a_run_without_a_foreseeable_end_is_refused(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        simulate(scenario(**given), replications=1)
    assert unsupported(scenario(**given))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (
            {"arrivals": {"process": "poisson", "rate_per_s": 1e-300}},
            r"arrivals\.rate_per_s: must be at least 0\.0{8}1",
        ),
        ({"service": {"distribution": "lognormal", "p50_s": 1e-300, "p95_s": 1}}, r"service\.p50_s: must be at least"),
        ({"subscribers": {"handling_p50_s": 1e-300, "handling_p95_s": 1}}, "handling_p95_s must be at most"),
        ({"arrivals": {"process": "poisson", "rate_per_s": 0}}, r"arrivals\.rate_per_s: must be greater than 0, not 0"),
    ],
)
def test_numbers_whose_quotients_overflow_are_refused(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        scenario(**given)


@pytest.mark.parametrize(
    "odd",
    [
        {"arrivals": {"process": "bursts", "rate_per_s": 1e-6, "peak_to_mean": 2, "peak_s": 1e-9, "every_s": 1e-8}},
        {"arrivals": {"process": "bursts", "rate_per_s": 1, "peak_to_mean": 10, "peak_s": 10, "every_s": 100}},
        {"arrivals": {"process": "gamma", "rate_per_s": 1, "cv": 100}},
        {"arrivals": {"process": "poisson", "rate_per_s": 1e9}},
        {"service": {"distribution": "lognormal", "p50_s": 1e-9, "p95_s": 1e9}},
        {"service": {"distribution": "tokens", "base_s": 0, "per_output_token_s": 0}},
        {
            "service": {"distribution": "gamma", "mean_s": 1e9, "cv": 100},
            "retries": {"max": 100, "base_s": 1e9, "cap_s": 1e9},
            "failures": {"transient_percent": 99},
        },
        {"event_driven": {"retry_tick_s": 1e-12}, "failures": {"transient_percent": 50}, "retries": {"max": 9}},
        {"event_driven": {"delivery": {"method": "polling", "interval_s": 1e-12}}},
        {"event_driven": {"delivery": {"method": "webhook", "failure_percent": 99, "schedule": [1e9] * 50}}},
        {"provider": {"requests_per_minute": 1e-9}},
        {"autoscaling": {"min": 1, "max": 1_000_000, "target_depth": 1e-9}},
        {"autoscaling": {"min": 1, "max": 9, "target_lag_s": 1e9, "start_up_s": 1e9}, "synchronous": {"workers": 1}},
        {"synchronous": {"client_timeout_s": 1e-9, "client_retries": 100}},
    ],
)
def test_an_odd_scenario_ends_with_every_job_accounted_for(odd: dict[str, Any]) -> None:
    result = simulate(scenario(jobs=300, **odd), replications=2)
    for design in (result.synchronous, result.event_driven):
        parts = (design.completed, design.failed, design.timed_out, design.rejected, design.dead_lettered)
        assert (
            design.offered == sum(parts) + design.undelivered + design.lost + design.in_system + design.undecided >= 400
        )


@pytest.mark.parametrize("interval_s", [1e-12, 1e-6])
def test_a_short_polling_interval_delivers_no_result_before_it_is_there(interval_s: float) -> None:
    given = scenario(
        jobs=300,
        arrivals={"process": "regular", "rate_per_s": 1e-6},
        service={"distribution": "deterministic", "mean_s": 1e7},
        event_driven={"consumers": 300, "delivery": {"method": "polling", "interval_s": interval_s}},
    )
    result = simulate(given, replications=2)
    assert result.event_driven.latency_s.p50 is not None and result.event_driven.latency_s.p50 >= 0.99e7

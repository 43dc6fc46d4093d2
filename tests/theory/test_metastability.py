"""A trigger that comes and goes: the synchronous design with impatient callers who call again stays down, the queue drains."""

from typing import Any

from simulator.metastability import metastability
from simulator.scenario import Scenario
from simulator.simulate import simulate

EVERY_S, PEAK_S, RATE = 4000.0, 60.0, 6.0
TRIGGER = ((EVERY_S - PEAK_S) / 2, (EVERY_S + PEAK_S) / 2)


def scenario(**synchronous: Any) -> Scenario:
    """Eight workers at 0.75, and one minute of three times as much."""
    return Scenario.parse(
        {
            "seed": 3,
            "arrivals": {
                "process": "bursts",
                "rate_per_s": RATE * 1.03,
                "peak_to_mean": 3.0,
                "peak_s": PEAK_S,
                "every_s": EVERY_S,
            },
            "service": {"distribution": "exponential", "mean_s": 1.0},
            "synchronous": {
                "workers": 8,
                "client_timeout_s": 10,
                "client_retries": 3,
                "client_backoff_s": 1,
                **synchronous,
            },
            "event_driven": {"consumers": 8},
        }
    )


def test_retries_keep_the_overload_up_after_its_trigger_is_gone() -> None:
    found = metastability(scenario(), trigger=TRIGGER, observe_s=1500)
    assert not found["synchronous"].recovers
    assert found["synchronous"].amplification > 1.8
    assert found["synchronous"].dead_lettered > 5000  # of 9,000 that arrived since: nearly everybody times out
    assert found["event_driven"].recovers
    assert found["event_driven"].amplification < 1.01
    drain = found["event_driven"].drain_s
    assert drain is not None and 200 < drain < 800  # some 600 jobs pile up in the minute; 2 /s are to spare: 300 s


def test_a_short_backlog_or_not_calling_again_lets_it_recover() -> None:
    for cure in ({"client_retries": 0}, {"backlog": 40}):
        assert metastability(scenario(**cure), trigger=TRIGGER, observe_s=1500)["synchronous"].recovers, cure


def test_dropping_abandoned_calls_is_no_cure_where_those_that_begin_have_no_time_left() -> None:
    """First come first served, every call that is begun has waited nearly as long as its caller will."""
    assert not metastability(scenario(drops_abandoned=True), trigger=TRIGGER, observe_s=1500)["synchronous"].recovers


def test_a_server_that_retries_keep_overloaded_is_called_unstable() -> None:
    steady = {"arrivals": {"process": "poisson", "rate_per_s": 7.2}, "jobs": 40_000}
    given = scenario(client_timeout_s=4).model_dump(by_alias=True) | steady
    result = simulate(Scenario.parse(given), replications=2)
    assert not result.synchronous.stable
    assert result.synchronous.growth_per_min is not None and result.synchronous.growth_per_min > 30
    assert result.synchronous.latency_s.p50 is None
    assert result.event_driven.stable

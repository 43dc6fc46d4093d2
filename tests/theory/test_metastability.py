"""A trigger that comes and goes: the synchronous design with impatient callers who call again stays down, the queue drains."""

from typing import Any

import numpy as np
import pytest

from core.errors import InvalidInput
from simulator.experiment import simulate
from simulator.metastability import Recovery, drained_bin, metastability, with_outage
from simulator.scenario import Scenario
from simulator.traces import Trace

EVERY_S, PEAK_S, RATE = 4000.0, 60.0, 6.0
TRIGGER = ((EVERY_S - PEAK_S) / 2, (EVERY_S + PEAK_S) / 2)


def scenario(**synchronous: Any) -> Scenario:
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


def after_burst(given: Scenario, replications: int = 2) -> dict[str, Recovery]:
    low = RATE * 1.03 * (EVERY_S - 3 * PEAK_S) / (EVERY_S - PEAK_S)
    quiet = given.model_copy(
        update={"arrivals": given.arrivals.model_copy(update={"rate_per_s": low, "peak_to_mean": 1.0})}
    )
    return metastability(given, quiet, trigger=TRIGGER, observe_s=1500, replications=replications)


def after_outage(
    given: dict[str, Any], observe_s: float, replications: int, length_s: float = 120
) -> dict[str, Recovery]:
    """From 300 s on."""
    quiet = Scenario.parse(given)
    disturbed, trigger = with_outage(quiet, 300, length_s), (300, 300 + length_s)
    return metastability(disturbed, quiet, trigger=trigger, observe_s=observe_s, replications=replications)


def test_retries_keep_the_overload_up_after_its_trigger_is_gone() -> None:
    recoveries = after_burst(scenario(), replications=4)
    stays, drains = recoveries["synchronous"], recoveries["event_driven"]
    assert stays.recovered == 0
    assert stays.drain_s is None
    assert stays.amplification.low > 1.8
    assert stays.dead_letters.low > 5000  # of 9,000 that arrived since: nearly everybody times out
    assert 300 < stays.peak_dead_letters_per_min.low < 1000  # and 360 arrive a minute
    assert drains.recovers
    assert drains.amplification.high < 1.01
    assert drains.dead_letters.high == 0
    assert drains.drain_s is not None
    assert 200 < drains.drain_s.mean < 500  # some 600 jobs pile up in the minute; 2 /s are to spare: 300 s


@pytest.mark.parametrize("cure", [{"client_retries": 0}, {"backlog": 40}])
def test_a_short_backlog_or_not_calling_again_lets_it_recover(cure: dict[str, int]) -> None:
    assert after_burst(scenario(**cure))["synchronous"].recovers


def test_dropping_abandoned_calls_is_no_cure_where_those_that_begin_have_no_time_left() -> None:
    """First come first served, every call that is begun has waited nearly as long as its caller will."""
    recoveries = after_burst(scenario(drops_abandoned=True))
    assert recoveries["synchronous"].recovered == 0


def test_one_dip_is_no_recovery() -> None:
    """An empty queue in a single bin, amid thousands that wait, is not drained; one that stays short is, from its first such bin."""
    depth = np.full(1000, 500.0)
    depth[300] = 0
    assert drained_bin(depth, 3) is None
    depth[600:] = 2
    assert drained_bin(depth, 3) == 600
    depth[950:] = 80  # it was drained, and is not any more
    assert drained_bin(depth, 3) is None


def test_a_herd_that_returns_counts_and_a_few_jobs_by_chance_do_not() -> None:
    there = np.full(1000, 500.0)
    there[100:] = 2
    there[400:420] = 300
    assert drained_bin(there, 3, by_chance=5) == 420
    there[400:420] = 6
    assert drained_bin(there, 3, by_chance=5) == 100


def test_jobs_that_back_off_in_line_or_in_the_queue_are_not_drained_before_they_return() -> None:
    """All jobs of 15 minutes without a provider come again ten minutes after they failed, and take a minute: so drained 10 to 11 minutes after."""
    quiet = Scenario.parse(
        {
            "duration_s": 7200,
            "arrivals": {"process": "poisson", "rate_per_s": 0.05},
            "service": {"distribution": "lognormal", "p50_s": 20, "p95_s": 60},
            "provider": {"max_concurrency": 40},
            "retries": {"max": 4, "flat_s": 600},
            "synchronous": {"workers": 30},
            "event_driven": {"consumers": 30},
        }
    )
    recoveries = metastability(
        with_outage(quiet, 1800, 900), quiet, trigger=(1800, 2700), observe_s=4500, replications=4
    )
    for recovery in recoveries.values():
        assert recovery.recovers and recovery.drain_s is not None
        assert 450 < recovery.drain_s.mean < 700


def test_an_outage_of_the_provider_is_a_trigger_too() -> None:
    """Workers held by retries in line, and callers who call again, stay overloaded; dead letters stop with the outage."""
    given = scenario().model_dump(by_alias=True) | {
        "arrivals": {"process": "poisson", "rate_per_s": RATE},
        "retries": {"max": 4, "base_s": 1, "cap_s": 60},
    }
    recoveries = after_outage(given, observe_s=900, replications=3)
    assert recoveries["synchronous"].recovered == 0
    queued = recoveries["event_driven"]
    assert queued.recovers
    assert 0 < queued.peak_dead_letters_per_min.mean <= 60 * RATE * 1.3
    assert queued.dead_letters.mean < 2 * RATE * 120


def test_the_peak_of_dead_letters_is_what_arrives_in_a_minute_of_outage() -> None:
    """Six a second come, none is retried, and the outage takes two minutes."""
    given = {
        "arrivals": {"process": "regular", "rate_per_s": 6},
        "service": {"distribution": "deterministic", "mean_s": 0.25},
        "synchronous": {"workers": 8},
        "event_driven": {"consumers": 8},
    }
    recoveries = after_outage(given, observe_s=580, replications=2)
    for design in recoveries.values():
        assert design.recovers
        assert design.dead_letters.mean == 720
        assert design.peak_dead_letters_per_min.mean == pytest.approx(360, rel=0.02)
        assert design.drain_s is not None
        assert design.drain_s.mean <= 1


def plain(arrivals: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "arrivals": arrivals,
        "service": {"distribution": "deterministic", "mean_s": 0.5},
        "synchronous": {"workers": 8},
        "event_driven": {"consumers": 8},
    } | more


def test_a_peak_and_an_outage_of_the_workloads_own_are_not_the_triggers() -> None:
    """The end is watched in a peak that fills the queue, and that an older outage loses jobs in: the same jobs without the trigger."""
    peak = {"process": "bursts", "rate_per_s": 6.0, "peak_to_mean": 5.0, "peak_s": 1000, "every_s": 5600}
    given = plain(peak, provider={"outages": [{"start_s": 2350, "length_s": 30}]})
    for design in after_outage(given, observe_s=2500, replications=2).values():
        assert design.recovers
        assert design.drain_s is not None and design.drain_s.mean <= 3  # a bin
        assert design.peak_depth.mean > 1000
        assert 40 < design.dead_letters.mean < 200
        assert design.peak_dead_letters_per_min.mean <= design.dead_letters.mean


def test_an_outage_that_outlasts_a_recording_is_over_when_its_jobs_are() -> None:
    trace = Trace(np.arange(0.0, 400.0, 0.25))
    quiet = Scenario.parse(plain({"process": "trace", "path": "recorded.csv"}))
    for design in metastability(
        with_outage(quiet, 300, 1000), quiet, trigger=(300, 1300), observe_s=600, replications=2, trace=trace
    ).values():
        assert design.recovers
        assert design.dead_letters.mean == 400
    with pytest.raises(InvalidInput, match=r"--trigger: starts at 500 s, after the last request at 399\.75 s"):
        metastability(with_outage(quiet, 500, 10), quiet, trigger=(500, 510), observe_s=600, trace=trace)


def test_a_trigger_that_meets_no_request_is_refused() -> None:
    peaks_alone = {"process": "bursts", "rate_per_s": 1.0, "peak_to_mean": 10.0, "peak_s": 600, "every_s": 6000}
    with pytest.raises(InvalidInput, match="requests arrive only from 2,700 s to 3,300 s of every 6,000 s"):
        after_outage(plain(peaks_alone), observe_s=600, replications=2)
    with pytest.raises(InvalidInput, match="no request arrives in the 1,020 s that are watched"):
        after_outage(plain({"process": "poisson", "rate_per_s": 1e-6}), observe_s=600, replications=2)


def test_a_scenario_that_is_full_of_outages_takes_no_trigger() -> None:
    outages = [{"start_s": 10 * place, "length_s": 1} for place in range(100)]
    with pytest.raises(InvalidInput, match=r"provider\.outages: has 100"):
        after_outage(plain({"process": "poisson", "rate_per_s": 1}, provider={"outages": outages}), 600, 2)


def test_a_server_that_retries_keep_overloaded_is_called_unstable() -> None:
    steady = {"arrivals": {"process": "poisson", "rate_per_s": 7.2}, "jobs": 40_000}
    given = scenario(client_timeout_s=4).model_dump(by_alias=True) | steady
    result = simulate(Scenario.parse(given), replications=2)
    assert not result.synchronous.stable
    assert result.synchronous.growth_per_min is not None and result.synchronous.growth_per_min > 30
    assert result.synchronous.latency_s.p50 is None
    assert result.event_driven.stable

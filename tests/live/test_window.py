"""The part of a workload that a live run takes, and how fast it may go."""

import numpy as np
import pytest

from core.errors import InvalidInput
from simulator.live.run import machine_capacity
from simulator.live.run.run_plan import Limit, Workload
from simulator.live.run.window import WindowCut, cut_window
from simulator.scenario import Outage, Scenario
from simulator.traces import Trace


def scenario(**given: object) -> Scenario:
    return Scenario.model_validate(
        {
            "arrivals": {"process": "poisson", "rate_per_s": 2},
            "service": {"distribution": "exponential", "mean_s": 3},
        }
        | given
    )


def limit_of(chosen: Scenario) -> Limit:
    return Workload(chosen, None, None, machine_capacity.current()).limit()


BURSTS = {"process": "bursts", "rate_per_s": 1, "peak_to_mean": 5, "peak_s": 300, "every_s": 3600}


def test_a_burst_is_taken_with_its_lead_and_its_drain_and_cut_where_it_is_too_long() -> None:
    window = cut_window(scenario(arrivals=BURSTS), None, None, 200)
    assert window.words == "3 minutes around the peak (80 seconds of its 5 minutes)"
    counts = np.histogram(window.trace.arrivals_s, [0, 20, 100, 200])[0] / [20, 80, 100]
    assert counts[1] == pytest.approx(5, rel=0.15)
    assert max(counts[0], counts[2]) < 1.5


def test_a_burst_that_fits_is_whole() -> None:
    window = cut_window(scenario(arrivals=BURSTS | {"peak_s": 60}), None, None, 200)
    assert window.words == "3 minutes around the peak"


def test_a_recording_is_taken_at_its_busiest() -> None:
    arrivals_s = np.sort(np.concatenate([np.linspace(0, 3000, 300), np.linspace(2000, 2020, 200)]))
    chosen = scenario(arrivals={"process": "trace", "trace": "t"})
    window = cut_window(chosen, Trace(arrivals_s, output_tokens=np.arange(500.0)), None, 100)
    assert window.jobs > 200
    assert window.trace.output_tokens is not None
    kept = window.trace.output_tokens.astype(int)
    assert np.allclose(np.diff(arrivals_s[kept]), np.diff(window.trace.arrivals_s))


def test_an_outage_is_in_the_window_by_its_clock() -> None:
    outage = Outage(start_s=500, length_s=30)
    window = cut_window(scenario(provider={"outages": [outage.model_dump()]}, jobs=4000), None, None, 100)
    (shifted,) = window.scenario.provider.outages
    assert (shifted.start_s, shifted.length_s) == (pytest.approx(10), pytest.approx(30))


def test_a_hanging_outage_hangs_in_the_window_too() -> None:
    window = WindowCut(start_s=100.0, length_s=50.0)
    (inside,) = window.outages((Outage(start_s=90.0, length_s=30.0, mode="hang"),))
    assert inside == Outage(start_s=0.0, length_s=20.0, mode="hang")


def test_a_short_workload_is_run_whole() -> None:
    window = cut_window(scenario(jobs=20), None, None, 1000)
    assert (window.jobs, window.words) == (20, "the whole workload")


def test_of_a_workload_that_goes_on_the_beginning_is_run() -> None:
    assert cut_window(scenario(), None, None, 100).words == "the first 100 seconds"
    assert cut_window(scenario(duration_s=50), None, None, 100).words == "the whole workload"
    often = {"process": "bursts", "rate_per_s": 1, "peak_to_mean": 5, "peak_s": 5, "every_s": 60}
    assert cut_window(scenario(arrivals=often), None, None, 100).words == "a whole cycle of 60 seconds"


def test_the_busiest_moment_stays_under_what_the_machine_carries() -> None:
    limit = limit_of(
        scenario(
            arrivals={"process": "regular", "rate_per_s": 10}, service={"distribution": "deterministic", "mean_s": 60}
        )
    )
    assert limit.speed == pytest.approx(machine_capacity.current().jobs_per_s / 10, rel=0.1)
    assert "jobs a second" in limit.reason


def test_each_subscriber_counts_as_work() -> None:
    alone = scenario(
        arrivals={"process": "regular", "rate_per_s": 10}, service={"distribution": "deterministic", "mean_s": 60}
    )
    with_others = alone.model_copy(update={"subscribers": alone.subscribers.model_copy(update={"count": 4})})
    assert limit_of(with_others).speed < limit_of(alone).speed / 3


@pytest.mark.parametrize("design", ["event_driven", "synchronous"])
def test_each_attempt_counts_as_work(design: str) -> None:
    """Each job fails twice before it is given up: three attempts, in the workers of one design."""
    once = scenario(
        arrivals={"process": "regular", "rate_per_s": 10},
        service={"distribution": "deterministic", "mean_s": 5},
        failures={"transient_percent": 100},
        synchronous={"workers": 4000},
        event_driven={"consumers": 4000},
    )
    again = once.model_copy(update={"retries": once.retries.model_copy(update={"max": 2, "flat_s": 1.0})})
    if design == "event_driven":
        again = again.model_copy(update={"synchronous": again.synchronous.model_copy(update={"inline_retries": 0})})
    limit = limit_of(again)
    assert limit.speed < limit_of(once).speed / 2
    assert "attempts a second" in limit.reason


def test_callers_who_poll_bound_the_speed_too() -> None:
    polling = scenario(event_driven={"consumers": 8, "delivery": {"method": "polling", "interval_s": 0.1}})
    assert "poll" in limit_of(polling).reason


def test_a_speed_beyond_is_refused_on_its_field() -> None:
    with pytest.raises(InvalidInput) as refused:
        limit_of(scenario()).checked(1000)
    assert refused.value.problems[0].path == "speed"

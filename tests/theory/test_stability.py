"""Designs without a steady state, against the growth that theory gives; and those that have one, or cannot show it yet."""

from math import exp
from typing import Any

import numpy as np
import pytest

from simulator.experiment import simulate
from simulator.result import DesignResult
from simulator.scenario import Scenario
from simulator.services import ExponentialService, LognormalService
from simulator.stability import handling_s, load_of, mean_longer_s
from tests.theory.formulas import erlang_c

ONE_SECOND = {"distribution": "exponential", "mean_s": 1.0}


def poisson(rate_per_s: float) -> dict[str, Any]:
    return {"process": "poisson", "rate_per_s": rate_per_s}


def run(given: dict[str, Any], design: str, replications: int = 3) -> DesignResult:
    scenario = Scenario.parse({"jobs": 40_000, "deadline_s": 60, "service": ONE_SECOND} | given)
    result: DesignResult = getattr(simulate(scenario, replications=replications, windows=False), design)
    return result


def growth_of_repeated_calls() -> float:
    """Jobs a second: .7 new ones, each call fails with 1/2 and is repeated up to 3 times; the server makes 1 call a second.

    While the queue grows by g a second, a call that comes at t is made at t (1 + g): repeated calls come that much thinner.
    """
    growth = 0.0
    for _ in range(100):
        growth = 0.7 * sum((0.5 / (1 + growth)) ** calls for calls in range(4)) - 1
    return growth


GROWING: dict[str, tuple[str, dict[str, Any], float]] = {
    "a quota and one call at a time": (
        "event_driven",
        {
            "arrivals": poisson(0.8),
            "provider": {"max_concurrency": 1, "requests_per_minute": 60},
            "synchronous": {"workers": 1},
            "event_driven": {"consumers": 1},
        },
        0.8 - 1 / (1 + exp(-1)),
    ),
    "a quota and several calls at a time": (
        # Without a closed form: both capacities alone would do. An independent simulation of the gaps gives .0497 a second (see below).
        "synchronous",
        {
            "arrivals": poisson(0.95),
            "service": {"distribution": "exponential", "mean_s": 2.0},
            "provider": {"max_concurrency": 2, "requests_per_minute": 60},
            "synchronous": {"workers": 5},
        },
        np.nan,
    ),
    "callers who repeat failed calls": (
        "synchronous",
        {
            "arrivals": poisson(0.7),
            "failures": {"transient_percent": 50},
            "synchronous": {"workers": 1, "client_retries": 3, "client_backoff_s": 1},
        },
        growth_of_repeated_calls(),
    ),
    "subscribers that are called one by one, again if they fail": (
        "synchronous",
        {
            "arrivals": poisson(5),
            "retries": {"max": 4, "base_s": 1, "jitter": "none"},
            "subscribers": {
                "count": 4,
                "handling_p50_s": 0.5,
                "handling_p95_s": 2,
                "failure_percent": 30,
                "inline": "one_by_one",
            },
            "synchronous": {"workers": 20},
        },
        5 - 20 / 6.005,
    ),
    "a bound that is never reached": (
        "synchronous",
        {"arrivals": poisson(5), "synchronous": {"workers": 4, "backlog": 10_000_000}},
        1.0,
    ),
    "a queue that is never full": (
        "event_driven",
        {"arrivals": poisson(5), "event_driven": {"consumers": 4, "max_queue": 10_000_000}},
        1.0,
    ),
}


@pytest.mark.parametrize(
    "given",
    [
        {"failures": {"transient_percent": 30, "poison_percent": 5, "failure_s": 0.2}},
        {"failures": {"transient_percent": 20, "poison_percent": 5}, "provider": {"call_timeout_s": 1.5}},
        {"failures": {"transient_percent": 20, "failure_s": 9}, "provider": {"call_timeout_s": 1.5}},
    ],
    ids=["failures that are quick", "a call timeout", "failures that last until the call timeout"],
)
@pytest.mark.parametrize("design", ["synchronous", "event_driven"])
def test_the_load_is_the_time_that_servers_were_seen_at_work(design: str, given: dict[str, Any]) -> None:
    scenario = Scenario.parse(
        {
            "jobs": 60_000,
            "arrivals": poisson(1),
            "service": {"distribution": "exponential", "mean_s": 1.0},
            "retries": {"max": 2, "base_s": 0.5, "jitter": "none"},
            "synchronous": {"workers": 20, "client_retries": 1},
            "event_driven": {"consumers": 20, "dispatch_s": 0.1},
        }
        | given
    )
    seen: DesignResult = getattr(simulate(scenario, replications=2, windows=False), design)
    assert load_of(scenario, design, None, None).servers == pytest.approx(seen.utilisation, rel=0.02)


@pytest.mark.parametrize(("failure_s", "stable"), [(0.1, True), (None, False)])
def test_failures_that_are_known_early_leave_room_for_more(failure_s: float | None, stable: bool) -> None:
    """Half of the calls fail: of .8 a second each takes 1.875 attempts of 1 s, of which .875 last only .1 s if failures are early."""
    given = {
        "arrivals": poisson(0.8),
        "failures": {"transient_percent": 50, "failure_s": failure_s},
        "retries": {"max": 3},
        "event_driven": {"consumers": 1},
        "synchronous": {"workers": 1, "backlog": 0},
    }
    assert run(given, "event_driven").stable is stable


def starts_a_second(jobs: int = 400_000) -> float:
    """Of 2 calls at a time, 2 s on average, at least 1 s apart: an independent simulation of the saturated system."""
    services = np.random.default_rng(1).exponential(2.0, jobs)
    ends = [0.0, 0.0]
    start = 0.0
    for service in services:
        start = max(start + 1.0, ends[0])
        ends = sorted([ends[1], start + service])
    return jobs / start


@pytest.mark.parametrize("kind", GROWING)
def test_a_design_that_cannot_keep_up_has_growth_and_no_percentiles(kind: str) -> None:
    design, given, growth = GROWING[kind]
    if np.isnan(growth):
        growth = 0.95 - starts_a_second()
    result = run(given, design)
    assert not result.stable
    assert result.growth_per_min == pytest.approx(60 * growth, rel=0.08)
    assert result.wait_s.p95 is None and result.latency_s.p50 is None


def test_consumers_that_a_circuit_breaker_stops_too_often_cannot_keep_up() -> None:
    """Each 5 failures in a row (one in 2^6 - 2 = 62 calls) stop the 20 consumers for 10 s: half of 2 a second needs 4 calls a second."""
    given = {
        "arrivals": poisson(2),
        "failures": {"transient_percent": 50},
        "retries": {"max": 5, "base_s": 1},
        "synchronous": {"workers": 20},
        "event_driven": {"consumers": 20, "circuit_breaker": True},
    }
    broken = run(given, "event_driven")
    assert not broken.stable and broken.growth_per_min is not None and 10 < broken.growth_per_min < 60
    assert run(given | {"event_driven": {"consumers": 20}}, "event_driven").stable


def test_subscribers_called_together_hold_a_worker_as_long_as_the_longest() -> None:
    """Ten lognormals of median .5 s and 95th percentile 2 s: the mean of the largest, from draws, is far beyond one's mean of .71 s."""
    subscribers = {"count": 11, "handling_p50_s": 0.5, "handling_p95_s": 2, "inline": "together"}
    given = {"arrivals": poisson(5), "subscribers": subscribers, "synchronous": {"workers": 16}}
    scenario = Scenario.parse({"service": ONE_SECOND} | given)
    sigma = np.log(4) / 1.6448536269514722
    largest = 0.5 * np.exp(sigma * np.random.default_rng(1).normal(size=(200_000, 10)).max(axis=1)).mean()
    assert handling_s(scenario) == pytest.approx(largest, rel=0.01)
    growing = run(given | {"synchronous": {"workers": 11}}, "synchronous")
    assert not growing.stable
    assert growing.growth_per_min == pytest.approx(60 * (5 - 11 / (1 + largest)), rel=0.08)
    assert run(given | {"synchronous": {"workers": 20}}, "synchronous").stable


def test_the_longest_of_subscribers_that_fail_is_that_of_draws() -> None:
    given: dict[str, Any] = {
        "arrivals": poisson(1),
        "service": ONE_SECOND,
        "retries": {"max": 2, "base_s": 1, "jitter": "none"},
        "subscribers": {
            "count": 4,
            "handling_p50_s": 0.5,
            "handling_p95_s": 2,
            "failure_percent": 30,
            "inline": "together",
        },
    }
    draws = np.random.default_rng(1)
    once = 0.5 * np.exp(np.log(4) / 1.6448536269514722 * draws.normal(size=(400_000, 3)))
    failed = (draws.random((400_000, 3)) < 0.3).astype(int)
    twice = failed * (draws.random((400_000, 3)) < 0.3)
    longest = (once * (1 + failed + twice) + 1.0 * failed + 2.0 * twice).max(axis=1).mean()
    assert handling_s(Scenario.parse(given)) == pytest.approx(longest, rel=0.01)


@pytest.mark.parametrize("gap_s", [0.2, 1.0, 5.0])
def test_the_mean_of_the_longer_of_service_and_gap_is_that_of_draws(gap_s: float) -> None:
    draws = np.random.default_rng(1)
    exponential = ExponentialService(distribution="exponential", mean_s=1)
    assert mean_longer_s(exponential, gap_s) == pytest.approx(
        np.maximum(draws.exponential(1, 400_000), gap_s).mean(), rel=0.01
    )
    lognormal = LognormalService(distribution="lognormal", p50_s=0.5, p95_s=2)
    drawn = 0.5 * np.exp(np.log(4) / 1.6448536269514722 * draws.normal(size=400_000))
    assert mean_longer_s(lognormal, gap_s) == pytest.approx(np.maximum(drawn, gap_s).mean(), rel=0.01)


@pytest.mark.parametrize("load", [0.9, 0.97])
def test_a_design_that_keeps_up_is_stable_and_waits_as_theory_says(load: float) -> None:
    design = run({"jobs": 200_000, "arrivals": poisson(4 * load), "synchronous": {"workers": 4}}, "synchronous", 5)
    assert design.stable and design.growth_per_min is None and design.jobs_to_settle is None
    assert design.wait_s.mean == pytest.approx(erlang_c(4, 4 * load) / (4 - 4 * load), rel=0.25)


def test_a_run_that_is_too_short_for_its_load_says_how_many_jobs_it_takes() -> None:
    """4 / (1 - load)^2 jobs is the memory of the queue, and ten times that show it."""
    design = run({"arrivals": poisson(3.996), "synchronous": {"workers": 4}}, "synchronous")
    assert design.stable and design.jobs_to_settle == pytest.approx(40_000_000, rel=0.01)


def test_a_bound_that_turns_work_away_makes_a_design_stable() -> None:
    design = run({"arrivals": poisson(5), "synchronous": {"workers": 4, "backlog": 100}}, "synchronous")
    assert design.stable and design.rejected > 0 and design.jobs_to_settle is None


def test_whole_cycles_of_peaks_are_no_growth_and_longer_ones_are() -> None:
    peaks = {"process": "bursts", "peak_to_mean": 2, "peak_s": 100, "every_s": 1000}
    steady = run({"arrivals": peaks | {"rate_per_s": 3.6}, "synchronous": {"workers": 4}}, "synchronous")
    assert steady.stable and steady.jobs_to_settle is None
    given = {"arrivals": peaks | {"rate_per_s": 4.2}, "synchronous": {"workers": 4, "backlog": 10_000_000}}
    growing = run(given, "synchronous")
    assert not growing.stable and growing.growth_per_min == pytest.approx(12, rel=0.15)

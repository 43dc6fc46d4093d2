"""Callers without a rate limiter, against a bucket of tokens that is filled and emptied in steps, on the same draws."""

import heapq
from itertools import islice
from typing import Any

import pytest

from simulator.replications import Runner
from simulator.scenario import Scenario
from simulator.tally import Tally
from tests.fakes.naive_draws import Draws

JOBS = 3000


def scenario_of(arrivals: dict[str, Any], **provider: Any) -> Scenario:
    """A job takes 50 ms at the model, and there is a server for each: only quotas matter."""
    return Scenario.parse(
        {
            "jobs": JOBS,
            "arrivals": arrivals,
            "service": {"distribution": "deterministic", "mean_s": 0.05},
            "provider": {"pacing": "none", **provider},
            "retries": {"max": 2, "flat_s": 1.0},
            "synchronous": {"workers": 3000},
            "event_driven": {"consumers": 3000},
        }
    )


def both(scenario: Scenario) -> list[Tally]:
    runner = Runner(scenario, None, None, {"synchronous": True, "event_driven": True})
    runner.run(1)
    return [tallies[0] for tallies in runner.tallies.values()]


def refusals(scenario: Scenario) -> tuple[int, int]:
    """Calls that were refused, and jobs whose every call was."""
    provider = scenario.provider
    per_s = (provider.requests_per_minute or 0) / 60 * (1 - provider.others_percent / 100)
    level, filled_at, refused, given_up = float(provider.burst_requests), 0.0, 0, 0
    calls = [(at, job, 0) for job, at in enumerate(islice(Draws(scenario, 0).arrivals(), JOBS))]
    while calls:
        at, job, attempt = heapq.heappop(calls)
        level, filled_at = min(provider.burst_requests, level + (at - filled_at) * per_s), at
        if level >= 1 - 1e-9:
            level -= 1
            continue
        refused += 1
        if provider.failed_calls_count:
            level = max(0.0, level - 1)
        retry_after_s = (1 - level) / per_s if provider.retry_after == "honoured" else 0.0
        if attempt < scenario.retries.max:
            heapq.heappush(calls, (at + max(1.0, retry_after_s), job, attempt + 1))
        else:
            given_up += 1
    return refused, given_up


@pytest.mark.parametrize("retry_after", ["honoured", "ignored"])
@pytest.mark.parametrize("failed_calls_count", [False, True])
@pytest.mark.parametrize("given", [{"burst_requests": 10}, {"others_percent": 40.0}])
def test_as_many_calls_are_refused_as_a_bucket_of_tokens_refuses(
    retry_after: str, failed_calls_count: bool, given: dict[str, Any]
) -> None:
    scenario = scenario_of(
        {"process": "poisson", "rate_per_s": 8},
        requests_per_minute=300.0,
        retry_after=retry_after,
        failed_calls_count=failed_calls_count,
        **given,
    )
    refused, given_up = refusals(scenario)
    assert min(refused, given_up) > 500
    synchronous, event_driven = both(scenario)
    assert (synchronous.provider_429, synchronous.counts["failed"]) == (refused, given_up)
    assert (event_driven.provider_429, event_driven.counts["dead_lettered"]) == (refused, given_up)
    for tally in (synchronous, event_driven):
        assert tally.provider_calls == JOBS - given_up + refused


@pytest.mark.parametrize(("failed_calls_count", "admitted"), [(False, JOBS // 3), (True, 1)])
def test_of_regular_calls_that_come_faster_than_the_quota_each_third_is_admitted_or_none_at_all(
    failed_calls_count: bool, admitted: int
) -> None:
    """A call every 0.4 s, a quota of one a second. If refused calls count, the bucket never fills again."""
    scenario = scenario_of(
        {"process": "regular", "rate_per_s": 2.5}, requests_per_minute=60.0, failed_calls_count=failed_calls_count
    )
    at_once = Scenario.parse(scenario.model_dump(by_alias=True) | {"retries": {"max": 0}})
    for tally in both(at_once):
        assert (tally.counts["completed"], tally.provider_429) == (admitted, JOBS - admitted)


def test_a_call_over_the_concurrency_is_refused_as_in_erlangs_loss_system() -> None:
    """Erlang B: of 4 calls' worth of load on 5 places 19.9 % are lost."""
    scenario = Scenario.parse(
        {
            "jobs": 100_000,
            "arrivals": {"process": "poisson", "rate_per_s": 4},
            "service": {"distribution": "exponential", "mean_s": 1},
            "provider": {"pacing": "none", "max_concurrency": 5},
            "synchronous": {"workers": 100},
            "event_driven": {"consumers": 100},
        }
    )
    for tally in both(scenario):
        assert tally.provider_429 / 100_000 == pytest.approx(0.1991, abs=0.006)
        assert tally.counts["completed"] == 100_000 - tally.provider_429

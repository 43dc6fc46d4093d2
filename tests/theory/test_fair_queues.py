"""Queues that share consumers or a provider's limit: first come first served, or by their shares."""

from itertools import islice
from typing import Any

import pytest

from simulator.replications import Runner
from simulator.scenario import Scenario
from simulator.tally import Tally
from tests.fakes.naive_draws import Draws
from tests.theory.formulas import mean_wait_s


def event_driven(**given: Any) -> tuple[Scenario, Tally]:
    scenario = Scenario.parse(given)
    runner = Runner(scenario, None, None, {"synchronous": True, "event_driven": True})
    runner.run(1)
    return scenario, runner.tallies["event_driven"][0]


@pytest.mark.parametrize("shares", [{"a": 50, "b": 50}, {"a": 20, "b": 70, "c": 10}])
def test_dedicated_consumers_wait_for_the_providers_quota_as_in_one_first_come_first_served_queue(
    shares: dict[str, int],
) -> None:
    """One call a second is let through, and no consumer is busy for long: the quota is an M/D/1 queue (Lindley's recursion)."""
    scenario, tally = event_driven(
        jobs=20_000,
        arrivals={"process": "poisson", "rate_per_s": 0.95},
        service={"distribution": "deterministic", "mean_s": 1},
        provider={"requests_per_minute": 60},
        event_driven={"consumers": 400, "queues": shares, "discipline": "dedicated"},
    )
    draws, free, waits = Draws(scenario, 0), 0.0, [0.0] * len(shares)
    for job, arrived in enumerate(islice(draws.arrivals(), 20_000)):
        starts = max(arrived, free)
        free = starts + 1
        waits[draws.place(job)] += starts - arrived
    assert sum(waits) > 100_000
    assert [one.wait.sum_s for one in tally.classes] == pytest.approx(waits, rel=1e-6)


@pytest.mark.parametrize(
    "shares", [{"a": 60, "b": 25, "c": 15}, {"a": 20, "b": 80}, {"a": 5, "b": 15, "c": 30, "d": 50}]
)
@pytest.mark.parametrize("limit", [{}, {"provider": {"max_concurrency": 3}}])
def test_weighted_queues_that_are_never_empty_are_served_by_their_shares(
    shares: dict[str, float], limit: dict[str, Any]
) -> None:
    """Twice as many jobs come as can be served. Fair queueing is off by no more than a job or two of each queue, however long it goes on."""
    _, tally = event_driven(
        duration_s=2000,
        arrivals={"process": "poisson", "rate_per_s": 10},
        service={"distribution": "deterministic", "mean_s": 1},
        event_driven={"consumers": 5 if not limit else 50, "queues": shares, "discipline": "weighted"},
        **limit,
    )
    completed = [one.counts["completed"] for one in tally.classes]
    assert sum(completed) == pytest.approx(2000 * (3 if limit else 5), rel=0.01)
    expected = [sum(completed) * share / 100 for share in shares.values()]
    assert completed == pytest.approx(expected, abs=12)  # until no queue is empty any more


def test_queues_with_given_consumers_are_queues_of_poisson_arrivals_each_by_erlang_c() -> None:
    """Poisson arrivals that are split are Poisson arrivals."""
    _, tally = event_driven(
        jobs=400_000,
        arrivals={"process": "poisson", "rate_per_s": 2},
        service={"distribution": "exponential", "mean_s": 1},
        event_driven={"queues": {"a": 35, "b": 65}, "discipline": "dedicated", "queue_consumers": {"b": 2, "a": 1}},
    )
    waits = [one.wait.sum_s / one.wait.total for one in tally.classes]
    assert waits == pytest.approx([mean_wait_s(0.7, 1, 1), mean_wait_s(1.3, 1, 2)], rel=0.06)

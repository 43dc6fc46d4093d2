"""Subscribers with a number of consumers against the queues that they are, and subscribers that fail a call in line."""

from typing import Any

import pytest

from simulator.experiment import simulate
from simulator.result import Result
from simulator.scenario import Scenario
from tests.theory.formulas import erlang_c


def run(rate: float, jobs: int = 30_000, retries: dict[str, Any] | None = None, **fields: Any) -> Result:
    """Work takes no time worth mentioning: subscribers get Poisson results. Handling is constant."""
    scenario = {
        "jobs": jobs,
        "deadline_s": 1000.0,
        "arrivals": {"process": "poisson", "rate_per_s": rate},
        "service": {"distribution": "deterministic", "mean_s": 1e-6},
        "retries": retries or {},
        "synchronous": fields.pop("synchronous", {"workers": 300}),
        "event_driven": {"consumers": 300, "delivery": {"method": "none"}},
        "subscribers": {"count": 1, "handling_p50_s": 1.0} | fields,
    }
    return simulate(Scenario.parse(scenario), replications=4)


def test_one_consumer_is_a_queue_with_constant_times() -> None:
    """M/D/1: a wait of load / (2 (1 - load)). In line the worker waits as long as the result does by event."""
    result = run(0.7, consumers=1)
    expected = 1 + 0.7 / (2 * 0.3)
    by_event = result.event_driven.subscribers["subscriber_1"].latency_s.mean
    assert by_event == pytest.approx(expected, rel=0.04)
    assert result.synchronous.latency_s.mean == pytest.approx(by_event, rel=1e-3)
    assert result.event_driven.latency_s.mean == pytest.approx(1e-6, rel=0.01)


def test_two_consumers_halve_the_load_of_each() -> None:
    """M/D/2 lies between half of the wait of M/M/2 and 15 % above it (Kingman; Cosmetatos)."""
    waits = run(1.4, consumers=2).event_driven.subscribers["subscriber_1"].latency_s.mean
    half = erlang_c(2, 1.4) / (2 - 1.4) / 2
    assert waits is not None and half * 0.97 <= waits - 1 <= half * 1.15


@pytest.mark.parametrize(("retries", "fails"), [(0, 0.3), (1, 0.09)])
def test_a_subscriber_that_gives_up_fails_the_call_if_that_is_said(retries: int, fails: float) -> None:
    given = {"failure_percent": 30.0, "inline_failure": "fails_the_call", "retries": {"max": retries, "flat_s": 0.0}}
    result = run(2.0, **given)
    assert result.synchronous.failed / result.synchronous.offered == pytest.approx(fails, abs=0.01)
    assert result.event_driven.completed == result.event_driven.offered
    assert run(2.0, jobs=2000, failure_percent=30.0).synchronous.failed == 0


def test_a_caller_whose_call_a_subscriber_failed_calls_again_with_new_luck() -> None:
    design = {"workers": 300, "client_retries": 1, "client_backoff_s": 1}
    result = run(2.0, failure_percent=30.0, inline_failure="fails_the_call", synchronous=design)
    assert result.synchronous.failed / result.synchronous.offered == pytest.approx(0.09, abs=0.01)
    assert result.synchronous.client_calls / result.synchronous.offered == pytest.approx(1.3, abs=0.01)


def test_subscribers_that_are_too_few_make_the_system_grow() -> None:
    result = run(1.4, jobs=3000, consumers=1)
    assert not result.synchronous.stable and not result.event_driven.stable

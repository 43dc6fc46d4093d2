"""A failed probe of the circuit breaker is no attempt of its job, as in the kernel."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from simulator.live.system import tasks
from simulator.live.system.provider_client import Reply
from simulator.scenario import Outage, Provider

ALWAYS_OUT = (Outage(start_s=0.0, length_s=10.0),)


class Limits:
    """Allows every call; the first `probes` calls are probes."""

    def __init__(self, probes: int) -> None:
        self.left, self.is_probe = probes, False
        self.ended: list[tuple[bool, bool]] = []

    def enter(self, *_: float, priority: int) -> bool:
        self.is_probe = self.left > 0
        self.left -= 1
        return False

    def leave(self, *, failed: bool, providers_fault: bool) -> None:
        self.ended.append((failed, providers_fault))


def called(
    statuses: list[int], probes: int, *, poison: bool = False, outages: tuple[Outage, ...] = ALWAYS_OUT
) -> tuple[int, list[tuple[int, int]], Limits]:
    """The status that an attempt comes to, its calls (attempt and failed probes before), and what the limits were told."""
    limits, calls, answers = Limits(probes), [], iter(statuses)

    @contextmanager
    def limiter() -> Iterator[Limits]:
        yield limits

    def call(job: int, attempt: int, failed_probes: int) -> Reply:
        calls.append((attempt, failed_probes))
        return Reply(next(answers))

    app: Any = SimpleNamespace(
        journal=SimpleNamespace(write=lambda *_: None),
        jobs=SimpleNamespace(input_tokens=[0.0], output_tokens=[0.0], place=[0], poison=[poison]),
        config=SimpleNamespace(priority_of=lambda _: 0, scenario=SimpleNamespace(provider=Provider(outages=outages))),
        clock=SimpleNamespace(now_s=lambda: 5.0),
        provider=SimpleNamespace(call=call),
        limiter=limiter,
    )
    return tasks._call(app, 0, 3).status, calls, limits


def test_a_probe_that_is_refused_without_an_outage_ends_the_attempt() -> None:
    status, calls, _ = called([429, 200], probes=2, outages=())
    assert (status, calls) == (429, [(3, 0)])


def test_after_failed_probes_the_same_attempt_calls_again_with_other_draws() -> None:
    status, calls, limits = called([503, 0, 200], probes=2)
    assert (status, calls) == (200, [(3, 0), (3, 1), (3, 2)])
    assert limits.ended == [(True, True), (True, True), (False, False)]


def test_a_probe_that_is_given_up_without_an_outage_ends_the_attempt() -> None:
    """Its job takes too long at every attempt: another probe by it would be given up as well."""
    status, calls, _ = called([0, 200], probes=2, outages=())
    assert (status, calls) == (0, [(3, 0)])


@pytest.mark.parametrize(("status", "probes", "poison"), [(503, 0, False), (500, 1, True)])
def test_a_failure_that_is_no_probes_or_not_the_providers_ends_the_attempt(
    status: int, probes: int, poison: bool
) -> None:
    answered, calls, _ = called([status, 200], probes=probes, poison=poison)
    assert (answered, calls) == (status, [(3, 0)])

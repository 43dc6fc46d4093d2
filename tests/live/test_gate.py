"""The provider's gate: quotas, the line, the circuit breaker, and a gate that goes on where another one ended."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from simulator.live.system.clock import RunClock
from simulator.live.system.rate_limiter import BREAKER_PAUSE_S, BREAKER_STREAK, Circuit, Permit, RateLimiter
from simulator.scenario import Provider

SPEED = 100.0
"""Scenario seconds that pass in a real one."""


def at_a_gate(play: Callable[[RateLimiter], Awaitable[None]], circuit: Circuit | None = None, **limits: Any) -> None:
    async def run() -> None:
        clock = RunClock(time.monotonic_ns(), SPEED)
        await asyncio.wait_for(play(RateLimiter(Provider.model_validate(limits), clock, circuit)), 20)

    asyncio.run(run())


async def entered(gate: RateLimiter, *tokens: tuple[float, float]) -> list[float]:
    """Calls that never leave, all asking at once: when each was let through, in Scenario seconds from the first, in the order in which they asked."""

    async def enter(given: tuple[float, float]) -> float:
        await gate.enter(*given)
        return time.monotonic_ns() / 1e9 * SPEED

    at_s = await asyncio.gather(*(enter(given) for given in tokens))
    return [at - at_s[0] for at in at_s]


def test_requests_a_minute_let_a_burst_through_and_then_one_a_unit() -> None:
    """60 a minute, 3 at once: the fourth after a second, the sixth after three."""

    async def play(gate: RateLimiter) -> None:
        at_s = await entered(gate, *[(0.0, 0.0)] * 6)
        assert at_s[2] < 1
        assert all(at >= least - 0.2 for at, least in zip(at_s[3:], (1, 2, 3), strict=True))

    at_a_gate(play, requests_per_minute=60, burst_requests=3)


@pytest.mark.parametrize("quota", ["input_tokens_per_minute", "output_tokens_per_minute"])
def test_a_call_waits_for_as_many_tokens_as_it_wants(quota: str) -> None:
    """6,000 a minute flow in at 100 a second; the bucket is full at first. A small call behind a large one does not overtake it."""
    limits: dict[str, Any] = {quota: 6000}
    large, small = (4000.0, 200.0) if quota.startswith("input") else (200.0, 4000.0), (1.0, 1.0)

    async def play(gate: RateLimiter) -> None:
        at_s = await entered(gate, large, large, small)
        assert at_s[1] >= 20 - 0.5
        assert at_s[2] >= at_s[1]

    at_a_gate(play, **limits)


def test_a_call_that_fails_gives_its_quota_back_where_failed_calls_burn_none() -> None:
    async def play(gate: RateLimiter) -> None:
        first = await gate.enter(0, 0)
        gate.leave(first, gives_back=True)
        assert not (await gate.enter(0, 0)).waited

    at_a_gate(play, requests_per_minute=1, burst_requests=1)


def test_who_leaves_the_line_lets_the_next_one_up() -> None:
    """One call at a time; the first in line goes away, and the second gets the place, not he who has gone."""

    async def play(gate: RateLimiter) -> None:
        first = await gate.enter(0, 0)
        goes, stays = (asyncio.create_task(gate.enter(0, 0)) for _ in range(2))
        await asyncio.sleep(0)
        goes.cancel()
        gate.leave(first, gives_back=False)
        assert (await stays).waited
        assert goes.cancelled()

    at_a_gate(play, max_concurrency=1)


def test_who_goes_holds_nobody_up() -> None:
    """The first in line wants all of a minute's tokens; when it goes, the next, which wants one, need not wait for the first one's time."""

    async def play(gate: RateLimiter) -> None:
        await gate.enter(600, 0)
        goes = asyncio.create_task(gate.enter(600, 0))
        stays = asyncio.create_task(gate.enter(1, 0))
        await asyncio.sleep(0)
        goes.cancel()
        await asyncio.wait_for(stays, 0.5 * 60 / SPEED)

    at_a_gate(play, input_tokens_per_minute=600)


async def fail(gate: RateLimiter, times: int) -> None:
    for _ in range(times):
        gate.leave(await gate.enter(0, 0), gives_back=False, providers_fault=True)


def test_a_streak_of_failures_opens_the_circuit_and_one_probe_closes_it() -> None:
    circuit = Circuit()

    async def play(gate: RateLimiter) -> None:
        await fail(gate, BREAKER_STREAK - 1)
        gate.leave(await gate.enter(0, 0), gives_back=False)
        await fail(gate, BREAKER_STREAK)
        opened_s = time.monotonic_ns() / 1e9 * SPEED
        probe = await gate.enter(0, 0)
        assert time.monotonic_ns() / 1e9 * SPEED - opened_s >= BREAKER_PAUSE_S - 0.5
        assert probe == Permit(0, 0, waited=True, probe=True)
        second = asyncio.create_task(gate.enter(0, 0))
        await asyncio.sleep(0.02)
        assert not second.done()
        gate.leave(probe, gives_back=False)
        assert await second == Permit(0, 0, waited=True)
        assert circuit.state == "closed"

    at_a_gate(play, circuit)


def test_a_call_from_before_it_opened_decides_nothing() -> None:
    """As in the kernel: only the probe closes the circuit."""
    circuit = Circuit()

    async def play(gate: RateLimiter) -> None:
        old = await gate.enter(0, 0)
        await fail(gate, BREAKER_STREAK)
        gate.leave(old, gives_back=False, providers_fault=False)
        assert circuit.state == "open"

    at_a_gate(play, circuit)


def test_a_probe_that_nobody_comes_back_from_is_followed_by_another() -> None:
    async def play(gate: RateLimiter) -> None:
        await fail(gate, BREAKER_STREAK)
        gate.leave(await gate.enter(0, 0), gives_back=False, providers_fault=None)
        assert (await gate.enter(0, 0)).probe

    at_a_gate(play, Circuit())


@pytest.mark.parametrize("limits", [{"max_concurrency": 1}, {"requests_per_minute": 1, "burst_requests": 1}])
def test_another_gate_goes_on_where_the_last_one_ended(limits: dict[str, Any]) -> None:
    """The one call under way, or the minute's one request, is not forgotten. The state goes through JSON, as in the broker."""

    async def play(gate: RateLimiter) -> None:
        call = await gate.enter(0, 0)
        heir = RateLimiter(Provider.model_validate(limits), RunClock(time.monotonic_ns(), SPEED))
        heir.resume(json.loads(json.dumps(gate.state())), 1, probing=False)
        waits = asyncio.create_task(heir.enter(0, 0))
        await asyncio.sleep(0.02)
        assert not waits.done()
        heir.leave(call, gives_back=True)
        assert (await waits).waited

    at_a_gate(play, **limits)


def test_an_heir_whose_probe_is_lost_probes_again() -> None:
    async def play(gate: RateLimiter) -> None:
        await fail(gate, BREAKER_STREAK)
        assert (await gate.enter(0, 0)).probe
        heir = RateLimiter(Provider(), RunClock(time.monotonic_ns(), SPEED), Circuit())
        heir.resume(json.loads(json.dumps(gate.state())), 0, probing=False)
        assert (await heir.enter(0, 0)).probe

    at_a_gate(play, Circuit())

"""The rate limiter: quotas, the line and the circuit breaker."""

import asyncio
import math
import selectors
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from random import Random
from typing import Any

import pytest

from simulator.live.system.clock import RunClock
from simulator.live.system.rate_limiter import Circuit, Permit, RateLimiter
from simulator.scenario import CircuitBreaker, Provider
from tests.live.fakes_ticks import TICK_S, TickLimits, random_provider

BREAKER = CircuitBreaker()
SPEED = 100.0
"""Scenario seconds that pass in a real one."""


def with_rate_limiter(
    play: Callable[[RateLimiter], Awaitable[None]], circuit: Circuit | None = None, **limits: Any
) -> None:
    async def run() -> None:
        clock = RunClock(time.monotonic_ns(), SPEED)
        await asyncio.wait_for(play(RateLimiter(Provider.model_validate(limits), clock, circuit)), 60)

    asyncio.run(run())


async def entered(limiter: RateLimiter, *tokens: tuple[float, float]) -> list[float]:
    """Calls that never leave, all asking at once: when each was let through, in Scenario seconds from the first, in the order in which they asked."""

    async def enter(given: tuple[float, float]) -> float:
        await limiter.enter(*given)
        return time.monotonic_ns() / 1e9 * SPEED

    at_s = await asyncio.gather(*(enter(given) for given in tokens))
    return [at - at_s[0] for at in at_s]


def test_requests_a_minute_allow_a_burst_and_then_one_a_unit() -> None:
    """60 a minute, 3 at once: the fourth after a second, the sixth after three."""

    async def play(limiter: RateLimiter) -> None:
        at_s = await entered(limiter, *[(0.0, 0.0)] * 6)
        assert at_s[2] < 1
        assert all(at >= least - 0.2 for at, least in zip(at_s[3:], (1, 2, 3), strict=True))

    with_rate_limiter(play, requests_per_minute=60, burst_requests=3)


@pytest.mark.parametrize("quota", ["input_tokens_per_minute", "output_tokens_per_minute"])
def test_a_call_waits_for_as_many_tokens_as_it_wants(quota: str) -> None:
    """6,000 a minute flow in at 100 a second; the bucket is full at first. A small call behind a large one does not overtake it."""
    limits: dict[str, Any] = {quota: 6000}
    large, small = (4000.0, 200.0) if quota.startswith("input") else (200.0, 4000.0), (1.0, 1.0)

    async def play(limiter: RateLimiter) -> None:
        at_s = await entered(limiter, large, large, small)
        assert at_s[1] >= 20 - 0.5
        assert at_s[2] >= at_s[1]

    with_rate_limiter(play, **limits)


def test_a_call_that_fails_gives_its_quota_back_where_failed_calls_burn_none() -> None:
    async def play(limiter: RateLimiter) -> None:
        first = await limiter.enter(0, 0)
        limiter.leave(first, gives_back=True)
        assert not (await limiter.enter(0, 0)).waited

    with_rate_limiter(play, requests_per_minute=1, burst_requests=1)


def test_a_call_that_leaves_the_line_gives_its_place_to_the_next() -> None:
    """One call at a time; the first in line is cancelled, and the second is allowed."""

    async def play(limiter: RateLimiter) -> None:
        first = await limiter.enter(0, 0)
        goes, stays = (asyncio.create_task(limiter.enter(0, 0)) for _ in range(2))
        await asyncio.sleep(0)
        goes.cancel()
        limiter.leave(first, gives_back=False)
        assert (await stays).waited
        assert goes.cancelled()

    with_rate_limiter(play, max_concurrency=1)


def test_a_call_that_is_cancelled_delays_no_other() -> None:
    """The first in line wants all of a minute's tokens; when it goes, the next, which wants one, need not wait for the first one's time."""

    async def play(limiter: RateLimiter) -> None:
        await limiter.enter(600, 0)
        goes = asyncio.create_task(limiter.enter(600, 0))
        stays = asyncio.create_task(limiter.enter(1, 0))
        await asyncio.sleep(0)
        goes.cancel()
        await asyncio.wait_for(stays, 0.5 * 60 / SPEED)

    with_rate_limiter(play, input_tokens_per_minute=600)


class VirtualClock:
    def __init__(self) -> None:
        clock = self

        class Selector(selectors.DefaultSelector):
            def select(self, timeout: float | None = None) -> Any:
                clock.at_s += timeout or 0.0
                return super().select(0)

        self.at_s = 0.0
        self.loop = asyncio.SelectorEventLoop(Selector())
        self.loop.time = lambda: self.at_s  # type: ignore[method-assign]

    def now_s(self) -> float:
        return self.at_s

    def real_s(self, scenario_s: float) -> float:
        return scenario_s


Asking = tuple[int, int, int, int, int, bool]
"""A call: the tick at which it comes, its priority, its tokens in and out, the ticks that it takes, whether it gives back."""


def passed_at(provider: Provider, calls: list[Asking]) -> list[float]:
    clock: Any = VirtualClock()
    limiter, passed_s = RateLimiter(provider, clock), [0.0] * len(calls)

    async def call(number: int) -> None:
        tick, priority, tokens_in, tokens_out, takes, gives_back = calls[number]
        await asyncio.sleep(tick * TICK_S)
        permit = await limiter.enter(tokens_in, tokens_out, priority)
        passed_s[number] = clock.at_s
        await asyncio.sleep(takes * TICK_S)
        limiter.leave(permit, gives_back=gives_back)

    async def run() -> None:
        await asyncio.gather(*map(call, range(len(calls))))

    with closing(clock.loop):
        clock.loop.run_until_complete(run())
    return passed_s


def counted_at(provider: Provider, calls: list[Asking], *, come_first: bool) -> list[float]:
    """The same, tick by tick; `come_first`: before others leave at the same tick."""
    limits, passed_s = TickLimits(provider), [math.inf] * len(calls)
    line: list[tuple[int, int]] = []
    ends: dict[int, list[int]] = {}
    tick = 0

    def come() -> None:
        line.extend((call[1], number) for number, call in enumerate(calls) if call[0] == tick)

    def serve() -> None:
        while line and limits.admit(*calls[min(line)[1]][2:4]):
            number = min(line)[1]
            line.remove(min(line))
            passed_s[number] = tick * TICK_S
            ends.setdefault(tick + calls[number][4], []).append(number)

    while math.inf in passed_s:
        limits.tick()
        if come_first:
            come()
        serve()
        for number in ends.pop(tick, []):
            limits.release(*calls[number][2:4], refund=calls[number][5])
            serve()
        if not come_first:
            come()
            serve()
        tick += 1
    return passed_s


def test_calls_pass_when_a_count_of_every_tick_lets_them_pass() -> None:
    """The line is first in, first out in a class, the most urgent class first; cases that hang on the order within a tick are left out."""
    waited = compared = 0
    for seed in range(120):
        draws = Random(seed)
        provider = random_provider(draws)
        ticks = sorted(draws.sample(range(600), 40))
        classes = draws.choice([1, 3])
        calls = [
            (tick, draws.randrange(classes), draws.choice([0, 1, 20, 150]), draws.choice([0, 1, 20]), draws.randint(1, 60), draws.random() < 0.2)
            for tick in ticks
        ]  # fmt: skip
        expected = counted_at(provider, calls, come_first=True)
        if expected == counted_at(provider, calls, come_first=False):
            compared += 1
            waited += sum(at_s > call[0] * TICK_S + TICK_S / 2 for at_s, call in zip(expected, calls, strict=True))
            assert passed_at(provider, calls) == pytest.approx(expected, abs=1e-6), (seed, provider)
    assert compared > 60
    assert waited > 500


def test_an_urgent_call_passes_before_those_that_came_before_it() -> None:
    calls = [(tick, priority, 0, 0, 50, False) for tick, priority in enumerate((0, 2, 1, 2, 0, 1))]
    passed_s = passed_at(Provider(max_concurrency=1), calls)
    assert sorted(range(6), key=passed_s.__getitem__) == [0, 4, 2, 5, 1, 3]


def test_the_circuit_breaker_has_the_scenarios_parameters() -> None:
    circuit = Circuit(CircuitBreaker(failures=2, pause_s=3.0))
    circuit.record_result(True, 0.0, probe=False)
    assert circuit.opens_in_s(0.0) == 0
    circuit.record_result(True, 1.0, probe=False)
    assert circuit.opens_in_s(1.0) == 3


async def fail(limiter: RateLimiter, times: int) -> None:
    for _ in range(times):
        limiter.leave(await limiter.enter(0, 0), gives_back=False, providers_fault=True)


def test_a_streak_of_failures_opens_the_circuit_and_one_probe_closes_it() -> None:
    circuit = Circuit()

    async def play(limiter: RateLimiter) -> None:
        await fail(limiter, BREAKER.failures - 1)
        limiter.leave(await limiter.enter(0, 0), gives_back=False)
        await fail(limiter, BREAKER.failures)
        opened_s = time.monotonic_ns() / 1e9 * SPEED
        probe = await limiter.enter(0, 0)
        assert time.monotonic_ns() / 1e9 * SPEED - opened_s >= BREAKER.pause_s - 0.5
        assert probe == Permit(0, 0, waited=True, probe=True)
        second = asyncio.create_task(limiter.enter(0, 0))
        await asyncio.sleep(0.02)
        assert not second.done()
        limiter.leave(probe, gives_back=False)
        assert await second == Permit(0, 0, waited=True)
        assert circuit.state == "closed"

    with_rate_limiter(play, circuit)


def test_a_call_from_before_it_opened_decides_nothing() -> None:
    """As in the kernel: only the probe closes the circuit."""
    circuit = Circuit()

    async def play(limiter: RateLimiter) -> None:
        old = await limiter.enter(0, 0)
        await fail(limiter, BREAKER.failures)
        limiter.leave(old, gives_back=False, providers_fault=False)
        assert circuit.state == "open"

    with_rate_limiter(play, circuit)


def test_a_probe_without_a_result_is_followed_by_another() -> None:
    async def play(limiter: RateLimiter) -> None:
        await fail(limiter, BREAKER.failures)
        limiter.leave(await limiter.enter(0, 0), gives_back=False, providers_fault=None)
        assert (await limiter.enter(0, 0)).probe

    with_rate_limiter(play, Circuit())

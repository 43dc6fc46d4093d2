"""The rate limiter before the provider: calls wait in line for its limits, as in the kernel, and are allowed one after the other."""

import asyncio
import heapq
from dataclasses import dataclass, field
from itertools import count
from math import floor, inf
from typing import Literal

from core.units import DAY_S
from simulator.kernel.layout import ROUNDING_S
from simulator.live.system.clock import RunClock
from simulator.scenario import CircuitBreaker, Provider


@dataclass(frozen=True)
class Permit:
    input_tokens: float
    output_tokens: float
    waited: bool = False
    probe: bool = False
    """It is the one call that an open circuit allowed; its result decides whether the circuit closes."""


@dataclass(order=True)
class Waiter:
    priority: int
    number: int
    input_tokens: float = field(compare=False)
    output_tokens: float = field(compare=False)
    permit: asyncio.Future[Permit] = field(
        compare=False, default_factory=lambda: asyncio.get_running_loop().create_future()
    )


@dataclass
class CallQuota:
    """A quota in the kernel's form: the state is the instant at which it will be full again.

    Source: ITU-T I.371, the virtual scheduling algorithm.
    """

    unit_s: float
    size: float
    full_s: float = -inf

    def opens_s(self, wanted: float) -> float:
        """From when the quota holds `wanted`, or is full if that is more than it can hold."""
        return self.full_s - (self.size - min(wanted, self.size)) * self.unit_s

    def take(self, wanted: float, now_s: float) -> None:
        self.full_s = max(self.full_s, now_s) + wanted * self.unit_s

    def give_back(self, wanted: float, now_s: float) -> None:
        self.full_s -= wanted * self.unit_s


@dataclass
class DayQuota:
    """Calls a day, in windows of 24 hours from the run's start."""

    size: int
    day: int = 0
    used: float = 0.0

    def opens_s(self, wanted: float) -> float:
        return (self.day + 1) * DAY_S if self.used >= self.size else -inf

    def take(self, wanted: float, now_s: float) -> None:
        day = floor((now_s + ROUNDING_S) / DAY_S)
        if day != self.day:
            self.day, self.used = day, 0.0
        self.used = max(0.0, self.used + wanted)

    def give_back(self, wanted: float, now_s: float) -> None:
        self.take(-wanted, now_s)


@dataclass
class Circuit:
    settings: CircuitBreaker = field(default_factory=CircuitBreaker)
    streak: int = 0
    open_until_s: float = -inf
    state: Literal["closed", "open", "probing"] = "closed"

    def opens_in_s(self, now_s: float) -> float:
        """How long no call is allowed; infinite while a probe is under way."""
        if self.state == "closed":
            return 0.0
        return inf if self.state == "probing" else max(0.0, self.open_until_s - now_s)

    def allow(self) -> bool:
        if self.state != "open":
            return False
        self.state = "probing"
        return True

    def record_result(self, failed: bool, now_s: float, *, probe: bool) -> None:
        """Count a call's result. A poisoned job is no failure of the provider. Calls from before the circuit opened decide nothing."""
        self.streak = self.streak + 1 if failed else 0
        if self.state != "closed" and not probe:
            return
        opens = failed if probe else self.streak >= self.settings.failures
        self.state = "open" if opens else "closed"
        if opens:
            self.open_until_s = now_s + self.settings.pause_s

    def abandon_probe(self) -> None:
        if self.state == "probing":
            self.state = "open"


class RateLimiter:
    """The limits of one provider, kept by one event loop; of unpaced calls the circuit alone. Times are Scenario seconds."""

    def __init__(self, provider: Provider, clock: RunClock, circuit: Circuit | None = None) -> None:
        provider = Provider() if provider.is_unpaced else provider
        self._most_calls, self._calls = provider.max_concurrency, 0
        self._quotas: dict[int, CallQuota | DayQuota] = {
            place: CallQuota(60 / quota[0], quota[1])
            for place, quota in enumerate(provider.own_quotas)
            if quota is not None
        }
        if provider.own_requests_per_day is not None:
            self._quotas[len(provider.own_quotas)] = DayQuota(provider.own_requests_per_day)
        self._clock, self._circuit = clock, circuit
        self._line: list[Waiter] = []
        self._numbers = count()
        self._timer: asyncio.TimerHandle | None = None

    async def enter(self, input_tokens: float, output_tokens: float, priority: int = 0) -> Permit:
        """Return when the call may go; 0 is the most urgent priority, calls of the same priority go in the order they came.

        A call that is cancelled leaves the line.
        """
        permit = None if self._line else self._allow(input_tokens, output_tokens, waited=False)
        if permit is not None:
            return permit
        waiter = Waiter(priority, next(self._numbers), input_tokens, output_tokens)
        heapq.heappush(self._line, waiter)
        self._serve()
        try:
            return await waiter.permit
        except asyncio.CancelledError:
            self._cancel(waiter)
            raise

    def leave(self, call: Permit, *, gives_back: bool, providers_fault: bool | None = False) -> None:
        """End a call; `gives_back`: it failed, and failed calls cost no quota.

        `providers_fault`: whether the circuit breaker counts it as failed; None if its result is not known.
        """
        if self._circuit is not None and providers_fault is not None:
            self._circuit.record_result(providers_fault, self._clock.now_s(), probe=call.probe)
        elif self._circuit is not None and call.probe:
            self._circuit.abandon_probe()
        self._calls -= 1
        if gives_back:
            now_s, wanted = self._clock.now_s(), _wanted(call.input_tokens, call.output_tokens)
            for place, quota in self._quotas.items():
                quota.give_back(wanted[place], now_s)
        self._serve()

    def _allow(self, input_tokens: float, output_tokens: float, *, waited: bool) -> Permit | None:
        """Charge the call if it may go; otherwise set a timer, if time alone will allow it."""
        now_s, wanted = self._clock.now_s(), _wanted(input_tokens, output_tokens)
        wait_s = self._circuit.opens_in_s(now_s) if self._circuit is not None else 0.0
        if wait_s <= 0:
            if self._most_calls is not None and self._calls >= self._most_calls:
                return None
            wait_s = max((quota.opens_s(wanted[place]) - now_s for place, quota in self._quotas.items()), default=0.0)
            if wait_s <= ROUNDING_S:
                for place, quota in self._quotas.items():
                    quota.take(wanted[place], now_s)
                self._calls += 1
                probe = self._circuit is not None and self._circuit.allow()
                return Permit(input_tokens, output_tokens, waited, probe)
        if wait_s < inf:
            self._serve_in(self._clock.real_s(wait_s))
        return None

    def _serve_in(self, real_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(real_s, self._serve)

    def _serve(self) -> None:
        while self._line:
            first = self._line[0]
            if not first.permit.cancelled():
                permit = self._allow(first.input_tokens, first.output_tokens, waited=True)
                if permit is None:
                    return
                first.permit.set_result(permit)
            heapq.heappop(self._line)

    def _cancel(self, waiter: Waiter) -> None:
        if waiter.permit.cancelled():
            self._serve()
        else:
            self.leave(waiter.permit.result(), gives_back=True, providers_fault=None)


def _wanted(input_tokens: float, output_tokens: float) -> tuple[float, ...]:
    """What a call uses of each quota: requests, input tokens, output tokens, and requests of the day."""
    return 1.0, input_tokens, output_tokens, 1.0

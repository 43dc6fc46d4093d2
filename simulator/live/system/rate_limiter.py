"""The provider's gate: whoever is about to call waits in line for its limits, first come first served, as the kernel has it."""

import asyncio
from collections import deque
from dataclasses import asdict, dataclass, field
from math import inf
from typing import Any, Literal

from simulator.kernel.layout import ROUNDING_S
from simulator.live.system.clock import RunClock
from simulator.live.system.endpoint.limits import Limits
from simulator.scenario import Provider

BREAKER_STREAK = 5
BREAKER_PAUSE_S = 10.0
"""The kernel's own (`kernel.event_driven`), which the parts do not import."""


@dataclass(frozen=True)
class Permit:
    """A call that was let through: what it was charged, and what is to be known when it leaves."""

    input_tokens: float
    output_tokens: float
    waited: bool = False
    probe: bool = False
    """It is the one call that an open circuit let through, and decides whether the circuit closes."""


@dataclass(frozen=True, eq=False)
class Waiter:
    """A call that waits, with what it wants of the quotas."""

    input_tokens: float
    output_tokens: float
    through: asyncio.Future[Permit] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


@dataclass
class Circuit:
    """A circuit breaker, as the kernel has it: a streak of failed calls opens it, after a pause one probe goes through, and decides."""

    streak: int = 0
    open_until_s: float = -inf
    state: Literal["closed", "open", "probing"] = "closed"

    def opens_in_s(self, now_s: float) -> float:
        """How long no call goes through; infinite while a probe is under way."""
        if self.state == "closed":
            return 0.0
        return inf if self.state == "probing" else max(0.0, self.open_until_s - now_s)

    def lets(self) -> bool:
        """A call goes through; whether it is the probe."""
        if self.state != "open":
            return False
        self.state = "probing"
        return True

    def hears(self, failed: bool, now_s: float, *, probe: bool) -> None:
        """How a call went; a job's own poison says nothing of the provider, and is no failure here. Calls from before it opened decide nothing."""
        self.streak = self.streak + 1 if failed else 0
        if self.state != "closed" and not probe:
            return
        opens = failed if probe else self.streak >= BREAKER_STREAK
        self.state = "open" if opens else "closed"
        if opens:
            self.open_until_s = now_s + BREAKER_PAUSE_S

    def misses(self) -> None:
        """Nobody will ever say how the probe went: the next call is another."""
        if self.state == "probing":
            self.state = "open"


class RateLimiter:
    """The limits of one provider, kept by one event loop. Times are Scenario seconds."""

    def __init__(self, provider: Provider, clock: RunClock, circuit: Circuit | None = None) -> None:
        self._limits, self._clock, self._circuit = Limits(provider), clock, circuit
        self._line: deque[Waiter] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def enter(self, input_tokens: float, output_tokens: float) -> Permit:
        """Returns when the call may go. One that is cancelled leaves the line."""
        passed = None if self._line else self._let_through(input_tokens, output_tokens, waited=False)
        if passed is not None:
            return passed
        waiter = Waiter(input_tokens, output_tokens)
        self._line.append(waiter)
        self._serve()
        try:
            return await waiter.through
        except asyncio.CancelledError:
            self._give_up(waiter)
            raise

    def leave(self, call: Permit, *, gives_back: bool, providers_fault: bool | None = False) -> None:
        """A call is done; `gives_back`: it failed, and failed calls burn no quota. `providers_fault`: what the circuit hears of it; None where
        nobody knows how it went.
        """
        if self._circuit is not None and providers_fault is not None:
            self._circuit.hears(providers_fault, self._clock.now_s(), probe=call.probe)
        elif self._circuit is not None and call.probe:
            self._circuit.misses()
        self._limits.leave(call.input_tokens, call.output_tokens, gives_back=gives_back)
        self._serve()

    def state(self) -> dict[str, Any]:
        """What another gate goes on from, all but the calls under way."""
        buckets = [bucket.full_s for _, bucket in self._limits.buckets]
        return {"buckets": buckets, "circuit": asdict(self._circuit) if self._circuit is not None else None}

    def resume(self, state: dict[str, Any], under_way: int, *, probing: bool) -> None:
        """Go on from another gate's `state`, with so many calls under way; `probing`: a probe is among them."""
        self._limits.under_way = under_way
        for (_, bucket), full_s in zip(self._limits.buckets, state["buckets"], strict=True):
            bucket.full_s = full_s
        if self._circuit is not None:
            self._circuit = Circuit(**state["circuit"])
            if not probing:
                self._circuit.misses()

    def _let_through(self, input_tokens: float, output_tokens: float, *, waited: bool) -> Permit | None:
        """Charges the call where it may go; where time alone will let it through, a timer is set."""
        closed_s = self._circuit.opens_in_s(self._clock.now_s()) if self._circuit is not None else 0.0
        if closed_s > 0:
            if closed_s < inf:
                self._look_again(self._clock.real_s(closed_s))
            return None
        refusal = self._limits.enter(input_tokens, output_tokens, self._clock.now_s(), 0.0)
        if refusal is None:
            probe = self._circuit is not None and self._circuit.lets()
            return Permit(input_tokens, output_tokens, waited, probe)
        if refusal.retry_after_s > ROUNDING_S:
            self._look_again(self._clock.real_s(refusal.retry_after_s))
        return None

    def _look_again(self, real_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(real_s, self._serve)

    def _serve(self) -> None:
        while self._line:
            first = self._line[0]
            if first.through.cancelled():
                self._line.popleft()
                continue
            passed = self._let_through(first.input_tokens, first.output_tokens, waited=True)
            if passed is None:
                return
            self._line.popleft().through.set_result(passed)

    def _give_up(self, waiter: Waiter) -> None:
        """A call that has gone: those behind it come up, and where it was let through just now, it is as if it had not been."""
        if waiter.through.cancelled():
            self._serve()
        else:
            self.leave(waiter.through.result(), gives_back=True, providers_fault=None)

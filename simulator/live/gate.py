"""The provider's gate: whoever is about to call waits in line for its limits, first come first served, as the kernel has it."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from math import inf
from typing import Literal

from simulator.kernel.layout import ROUNDING_S
from simulator.live.clock import RunClock
from simulator.live.endpoint.limits import Limits
from simulator.scenario import Provider

BREAKER_STREAK = 5
BREAKER_PAUSE_S = 10.0
"""The kernel's own (`kernel.event_driven`), which the parts do not import."""


@dataclass(frozen=True, eq=False)
class Waiter:
    """A call that waits, with what it wants of the quotas."""

    input_tokens: float
    output_tokens: float
    through: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


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

    def lets(self) -> None:
        """A call goes through: where the circuit was open, it is the probe."""
        if self.state == "open":
            self.state = "probing"

    def hears(self, failed: bool, now_s: float) -> None:
        """How a call went; a job's own poison says nothing of the provider, and is no failure here."""
        self.streak = self.streak + 1 if failed else 0
        opens = failed if self.state == "probing" else self.streak >= BREAKER_STREAK
        self.state = "open" if opens else "closed"
        if opens:
            self.open_until_s = now_s + BREAKER_PAUSE_S


class Gate:
    """The limits of one provider, kept by one event loop. Times are Scenario seconds."""

    def __init__(self, provider: Provider, clock: RunClock, circuit: Circuit | None = None) -> None:
        self._limits, self._clock, self._circuit = Limits(provider), clock, circuit
        self._line: deque[Waiter] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def enter(self, input_tokens: float, output_tokens: float) -> bool:
        """Returns when the call may go; whether it had to wait."""
        if not self._line and self._lets_through(input_tokens, output_tokens):
            return False
        waiter = Waiter(input_tokens, output_tokens)
        self._line.append(waiter)
        self._serve()
        await waiter.through
        return True

    def leave(
        self, input_tokens: float, output_tokens: float, *, gives_back: bool, providers_fault: bool = False
    ) -> None:
        """A call is done; `gives_back`: it failed, and failed calls burn no quota. `providers_fault`: the circuit hears of it."""
        if self._circuit is not None:
            self._circuit.hears(providers_fault, self._clock.now_s())
        self._limits.leave(input_tokens, output_tokens, gives_back=gives_back)
        self._serve()

    def _lets_through(self, input_tokens: float, output_tokens: float) -> bool:
        """Charges the call where it does; where time alone will let it through, a timer is set."""
        closed_s = self._circuit.opens_in_s(self._clock.now_s()) if self._circuit is not None else 0.0
        if closed_s > 0:
            if closed_s < inf:
                self._look_again(self._clock.real_s(closed_s))
            return False
        refusal = self._limits.enter(input_tokens, output_tokens, self._clock.now_s(), 0.0)
        if refusal is None:
            if self._circuit is not None:
                self._circuit.lets()
            return True
        if refusal.retry_after_s > ROUNDING_S:
            self._look_again(self._clock.real_s(refusal.retry_after_s))
        return False

    def _look_again(self, real_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(real_s, self._serve)

    def _serve(self) -> None:
        while self._line and self._lets_through(self._line[0].input_tokens, self._line[0].output_tokens):
            self._line.popleft().through.set_result(None)

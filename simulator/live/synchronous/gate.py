"""The provider's gate: workers wait in line for its limits before they call, first come first served, as the kernel has it."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

from simulator.kernel.layout import ROUNDING_S
from simulator.live.clock import RunClock
from simulator.live.endpoint.limits import Limits
from simulator.scenario import Provider


@dataclass(frozen=True, eq=False)
class Waiter:
    """A call that waits, with what it wants of the quotas."""

    input_tokens: float
    output_tokens: float
    through: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Gate:
    """The limits of one provider, kept by one event loop. Times are Scenario seconds."""

    def __init__(self, provider: Provider, clock: RunClock) -> None:
        self._limits, self._clock = Limits(provider), clock
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

    def leave(self, input_tokens: float, output_tokens: float, *, gives_back: bool) -> None:
        """A call is done; `gives_back`: it failed, and failed calls burn no quota."""
        self._limits.leave(input_tokens, output_tokens, gives_back=gives_back)
        self._serve()

    def _lets_through(self, input_tokens: float, output_tokens: float) -> bool:
        """Charges the call where it does; where time alone will let it through, a timer is set."""
        refusal = self._limits.enter(input_tokens, output_tokens, self._clock.now_s(), 0.0)
        if refusal is None:
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

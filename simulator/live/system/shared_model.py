"""The sample endpoint's model: each call takes its own time or, if the model slows with the calls in flight, they share it."""

import asyncio
from heapq import heapify, heappop, heappush
from itertools import count

from simulator.live.system.jobs import Jobs
from simulator.scenario import Scenario
from simulator.slowdown import CallTime


def slowing_of(scenario: Scenario, jobs: Jobs) -> CallTime | None:
    """How the time of a call grows with the calls in flight; None if it does not. Its first point has the mean of the Scenario's service."""
    slowdown = scenario.provider.slowdown
    if slowdown is None or not len(jobs):
        return None
    mean_s = scenario.mean_time_s(float(jobs.output_tokens.mean()), jobs.service_s)
    return CallTime.from_points(slowdown.measured_in_flight, mean_s, slowdown.high_in_flight, slowdown.high_mean_s)


class SharedModel:
    """For one event loop. Work is in real seconds at the measured number of calls in flight; `_progress` is what each call has received."""

    def __init__(self, slowing: CallTime | None) -> None:
        self._slowing, self._progress, self._at = slowing, 0.0, 0.0
        self._failing = 0
        """Calls in flight that will fail, whatever work they receive."""
        self._calls: list[tuple[float, int, asyncio.Future[None]]] = []
        """A heap of the calls in flight: the progress at which each is done first."""
        self._serial = count()
        self._timer: asyncio.TimerHandle | None = None

    async def work(self, seconds: float, begun: float) -> None:
        """Return when the model has worked for `seconds` on a call that came in at `begun` (of the loop's clock, `time.monotonic`).

        A call that is cancelled is no longer in flight.
        """
        loop = asyncio.get_running_loop()
        if self._slowing is None:
            await asyncio.sleep(max(0.0, begun + seconds - loop.time()))
            return
        done: asyncio.Future[None] = loop.create_future()
        self._advance()
        heappush(self._calls, (self._progress + seconds, next(self._serial), done))
        self._plan()
        try:
            await done
        except asyncio.CancelledError:
            self._advance()
            self._calls = [call for call in self._calls if call[2] is not done]
            heapify(self._calls)
            self._plan()
            raise

    async def fail_after(self, seconds: float) -> None:
        """Keep a call in flight for `seconds`, until its failure is known."""
        self._advance()
        self._failing += 1
        self._plan()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._advance()
            self._failing -= 1
            self._plan()

    def _s_for_work(self, seconds: float) -> float:
        """Seconds that it takes to do `seconds` of work on each call in flight."""
        assert self._slowing is not None  # noqa: S101  nothing is shared otherwise
        return seconds * self._slowing.mean_s(len(self._calls) + self._failing) / self._slowing.measured_s

    def _advance(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._calls:
            self._progress += (now - self._at) / self._s_for_work(1.0)
        else:
            self._progress = 0.0
        self._at = now

    def _plan(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._calls:
            left = max(0.0, self._calls[0][0] - self._progress)
            self._timer = asyncio.get_running_loop().call_later(self._s_for_work(left), self._finish)

    def _finish(self) -> None:
        self._advance()
        while self._calls and self._calls[0][0] <= self._progress:
            _, _, done = heappop(self._calls)
            if not done.done():
                done.set_result(None)
        self._plan()

"""A caller of the event-driven design: its job is accepted, or refused; then it learns of the result as the delivery says."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from math import ceil

import aiohttp

from simulator.live.system.clients.ends import Outcomes
from simulator.live.system.clients.push import Streams
from simulator.live.system.clock import RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import Journal, What
from simulator.scenario import PollingDelivery

ACCEPTED, REFUSED, READY, GONE = 202, 503, 200, 0
JSON = {"Content-Type": "application/json"}
LAST_INDEX = 2**15 - 1
"""That a journal's row has room for."""


class Caller:
    """All callers of one run."""

    def __init__(
        self,
        plan: ProcessConfig,
        jobs: Jobs,
        clock: RunClock,
        session: aiohttp.ClientSession,
        journal: Journal,
        ends: Outcomes,
    ) -> None:
        self._url = f"{plan.service}/jobs"
        self._jobs, self._clock, self._session, self._journal, self._ends = jobs, clock, session, journal, ends
        delivery = plan.scenario.event_driven.delivery
        self._interval_s = delivery.interval_s if isinstance(delivery, PollingDelivery) else 0.0
        streams = Streams(plan, clock, session, journal, ends)
        follow: dict[str, Callable[[int], Awaitable[None]]] = {
            "polling": self._poll if self._interval_s > 0 else streams.events,
            "sse": streams.events,
            "websocket": streams.socket,
        }
        self._follow = follow.get(delivery.method)

    async def __call__(self, job: int) -> None:
        """Until the job's end is known; where the caller is called back, only until it is accepted."""
        self._journal.write(What.SENT, job)
        status = await self._post(job)
        if status == ACCEPTED:
            if self._follow is not None:
                await self._follow(job)
        else:
            self._ends.settle(job, What.TOLD_REFUSED if status == REFUSED else What.TOLD_FAILED)

    async def _post(self, job: int) -> int:
        try:
            body = b'{"job": %d, "call": 0}' % job
            async with self._session.post(self._url, data=body, headers=JSON) as response:
                await response.read()
                return response.status
        except aiohttp.ClientError as error:
            print(f"job {job}: {error!r}", file=sys.stderr)
            return GONE

    async def _poll(self, job: int) -> None:
        """At the job's phase, then at every interval, as the kernel's callers do; a poll that takes longer skips those it overlaps."""
        first_s = self._clock.now_s() + self._interval_s * float(self._jobs.phase_u[job])
        place = calls = 0
        while True:
            await asyncio.sleep(max(0.0, self._clock.real_until_s(first_s + place * self._interval_s)))
            status, state = await self._ask(job)
            self._journal.write(What.DELIVERY_CALL, job, min(calls, LAST_INDEX), status)
            if status == READY:
                self._ends.settle(job, What.IN_HAND if state == "done" else What.TOLD_FAILED)
                return
            calls += 1
            place = max(place + 1, ceil((self._clock.now_s() - first_s) / self._interval_s))

    async def _ask(self, job: int) -> tuple[int, str]:
        """The status, and the job's state where it is final. A service that is away for a moment is asked again."""
        try:
            async with self._session.get(f"{self._url}/{job}") as response:
                told = await response.json()
                return response.status, told["state"]
        except aiohttp.ClientError as error:
            print(f"job {job}, poll: {error!r}", file=sys.stderr)
            return GONE, ""

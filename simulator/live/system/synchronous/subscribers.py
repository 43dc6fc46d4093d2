"""The subscribers that are called in line before the answer: one by one, or together; each attempt a real call."""

import asyncio
from types import TracebackType
from typing import Self

import aiohttp

from simulator.live.system.clock import RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.http import authorization
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import Journal, What


class Subscribers:
    """All subscribers beside the caller."""

    def __init__(self, plan: ProcessConfig, jobs: Jobs, clock: RunClock, journal: Journal) -> None:
        self._url, self._token = f"{plan.clients}/subscribers", plan.token
        self._together = plan.scenario.subscribers.inline == "together"
        self._jobs, self._clock, self._journal = jobs, clock, journal

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None),
            headers=authorization(self._token),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def hand(self, job: int) -> None:
        """Returns when every subscriber has handled the job's result or given up."""
        if self._together:
            await asyncio.gather(*(self._hand(job, subscriber) for subscriber in range(self._jobs.subscribers)))
            return
        for subscriber in range(self._jobs.subscribers):
            await self._hand(job, subscriber)

    async def _hand(self, job: int, subscriber: int) -> None:
        for attempt, pause_s in enumerate([0.0, *self._jobs.subscriber_pauses_s(job, subscriber)]):
            await asyncio.sleep(self._clock.real_s(pause_s))
            async with self._session.post(
                f"{self._url}/{subscriber}", json={"job": job, "attempt": attempt}
            ) as response:
                await response.read()
                if response.status == 200:
                    self._journal.write(What.HANDLED, job, subscriber)
                    return
        self._journal.write(What.UNHANDLED, job, subscriber)

"""A caller of the synchronous design: it waits as long as its patience lasts, and calls again while it may.

A listen backlog that drops connections (`overflow: drop`) cannot be had at more than life's speed: the intervals between SYNs are the kernel's.
So the caller plays its TCP: a 503 stands for a SYN without an answer, and the caller posts again when the next SYN would be due.
"""

import asyncio
import sys
import time
from math import isfinite

import aiohttp

from simulator.live.system.clients.ends import Outcomes
from simulator.live.system.clock import RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import Journal, What
from simulator.plan import syns_s

DONE, REFUSED, GONE = 200, 503, 0
JSON = {"Content-Type": "application/json"}


class Caller:
    """All callers of one run. Semantics are the kernel's: patience from each call's sending, the same backoff before each call."""

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
        self._session, self._journal, self._ends = session, journal, ends
        design = plan.scenario.synchronous
        self._retries = design.client_retries
        self._syns_s = tuple(map(clock.real_s, syns_s(design))) if design.overflow == "drop" else None
        self._backoff_s = clock.real_s(design.client_backoff_s)
        self._patience_s = clock.real_s(jobs.patience_s) if isfinite(jobs.patience_s) else None

    async def __call__(self, job: int) -> None:
        """Until the result is in hand, or the last call has failed."""
        for call in range(self._retries + 1):
            if call > 0:
                await asyncio.sleep(self._backoff_s)
            self._journal.write(What.SENT, job, call)
            last = call == self._retries
            try:
                async with asyncio.timeout(self._patience_s):
                    status = await self._call(job, call)
            except TimeoutError:
                if not last:
                    self._journal.write(What.TIMED_OUT, job, call)
                    continue
                self._ends.settle(job, What.TIMED_OUT, call, 1)
                return
            if status == DONE:
                self._ends.settle(job, What.IN_HAND, call)
                return
            if last:
                self._ends.settle(job, What.TOLD_REFUSED if status == REFUSED else What.TOLD_FAILED, call)

    async def _call(self, job: int, call: int) -> int:
        """The status of the answer.

        Raises:
            TimeoutError: the connection has failed; a full backlog dropped each of its SYNs.
        """
        first = time.monotonic()
        status = await self._post(job, call)
        if self._syns_s is None:
            return status
        *syns_s, fails_s = self._syns_s
        for after_s in syns_s:
            if status != REFUSED:
                return status
            await asyncio.sleep(first + after_s - time.monotonic())
            status = await self._post(job, call)
        if status == REFUSED:
            await asyncio.sleep(first + fails_s - time.monotonic())
            raise TimeoutError
        return status

    async def _post(self, job: int, call: int) -> int:
        """The status of the answer, once all of it is there. Whoever is cancelled here has closed the connection."""
        try:
            body = b'{"job": %d, "call": %d}' % (job, call)
            async with self._session.post(self._url, data=body, headers=JSON) as response:
                await response.read()
                return response.status
        except aiohttp.ClientError as error:
            print(f"job {job}, call {call}: {error!r}", file=sys.stderr)
            return GONE

"""A caller of the synchronous design: it waits as long as its patience lasts, and calls again while it may.

A listen backlog that drops connections (`overflow: drop`) cannot be had at more than life's speed: the intervals between SYNs are the kernel's.
So the caller plays its TCP: a 503 means a SYN without an answer, and the caller posts again when the next SYN would be due.
"""

import asyncio
import time
from math import isfinite
from typing import Any

from simulator.live.system.clients.caller import OK, REFUSED, Caller
from simulator.live.system.config import ProcessConfig
from simulator.live.system.journal import What
from simulator.plan import syns_s


class SynchronousCaller(Caller):
    """Semantics are the kernel's: patience from each call's sending, the same backoff before each call."""

    def __init__(self, config: ProcessConfig, *given: Any) -> None:
        super().__init__(config, *given)
        design, real_s = config.scenario.synchronous, self._clock.real_s
        self._retries = design.client_retries
        self._syns_s = tuple(map(real_s, syns_s(design))) if design.overflow == "drop" else None
        self._backoff_s = real_s(design.client_backoff_s)
        self._patience_s = real_s(self._jobs.patience_s) if isfinite(self._jobs.patience_s) else None

    async def __call__(self, job: int) -> None:
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
                self._outcomes.settle(job, What.TIMED_OUT, call, 1)
                return
            if status == OK:
                self._outcomes.settle(job, What.IN_HAND, call)
                return
            if last:
                self._outcomes.settle(job, What.CLIENT_REFUSED if status == REFUSED else What.CLIENT_FAILED, call)

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

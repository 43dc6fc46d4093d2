"""What has become of each job, as its client knows it, and when the clients are done."""

import asyncio
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import EventType, Journal, Reader

OUTCOMES_LOOK_S = 0.1
NOT_REPORTED = (EventType.GAVE_UP, EventType.EXPIRED, EventType.UNDELIVERED, EventType.LOST)
"""Outcomes that a client with a webhook never learns."""


class Outcomes:
    """Each job has one outcome, and it is written once. `all_known` is set when every job has its own."""

    def __init__(self, jobs: Jobs, journal: Journal) -> None:
        self.journal = journal
        self._open = set(range(len(jobs)))
        self._awaited: dict[int, asyncio.Event] = {}
        self.all_known = asyncio.Event()
        if not self._open:
            self.all_known.set()

    def settle(self, job: int, what: EventType, index: int = 0, value: float = 0.0) -> None:
        if job in self._open:
            self.journal.write(what, job, index, value)
            self.close(job)

    def close(self, job: int) -> None:
        self._open.discard(job)
        if job in self._awaited:
            self._awaited.pop(job).set()
        if not self._open:
            self.all_known.set()

    async def wait_for(self, job: int) -> None:
        if job in self._open:
            await self._awaited.setdefault(job, asyncio.Event()).wait()

    async def watch(self, reader: Reader, kinds: tuple[EventType, ...]) -> None:
        while not self.all_known.is_set():
            rows = reader.more()
            for job in rows["job"][np.isin(rows["what"], kinds)]:
                self.close(int(job))
            await asyncio.sleep(OUTCOMES_LOOK_S)

    async def wait_for_subscribers(self, reader: Reader, subscribers: int) -> None:
        await self.all_known.wait()
        handled: set[tuple[int, int]] = set()
        computed: set[int] = set()
        while True:
            rows = reader.more()
            computed.update(rows["job"][rows["what"] == EventType.COMPUTED].tolist())
            done = rows[np.isin(rows["what"], (EventType.HANDLED, EventType.UNHANDLED))]
            handled.update(zip(done["job"].tolist(), done["index"].tolist(), strict=True))
            if len(handled) >= subscribers * len(computed):
                return
            await asyncio.sleep(OUTCOMES_LOOK_S)

    async def wait_for_work(self, reader: Reader, count_unfinished: Callable[[NDArray[np.void]], int]) -> None:
        await self.all_known.wait()
        unfinished = count_unfinished(reader.more())
        while unfinished > 0:
            await asyncio.sleep(OUTCOMES_LOOK_S)
            unfinished += count_unfinished(reader.more())

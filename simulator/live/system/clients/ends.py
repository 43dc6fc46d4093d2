"""What has become of each job, as its client has it; and when the clients are done."""

import asyncio

import numpy as np

from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import Journal, Reader, What

LOOK_S = 0.1
UNTOLD = (What.GAVE_UP, What.EXPIRED, What.UNDELIVERED)
"""Ends that nobody tells a caller who is only called back."""


class Outcomes:
    """Each job has one end, and it is written once. `all_there` is set when every job has its."""

    def __init__(self, jobs: Jobs, journal: Journal) -> None:
        self._journal = journal
        self._open = set(range(len(jobs)))
        self.all_there = asyncio.Event()
        if not self._open:
            self.all_there.set()

    def settle(self, job: int, what: What, index: int = 0, value: float = 0.0) -> None:
        """The job's end, as its client learns it; a second one is not an end any more."""
        if job in self._open:
            self._journal.write(what, job, index, value)
            self.close(job)

    def close(self, job: int) -> None:
        """The job has ended, and nobody tells its client."""
        self._open.discard(job)
        if not self._open:
            self.all_there.set()

    async def watch(self, reader: Reader, kinds: tuple[What, ...]) -> None:
        """Close jobs whose end stands in another part's journal, until all are there."""
        while not self.all_there.is_set():
            rows = reader.more()
            for job in rows["job"][np.isin(rows["what"], kinds)]:
                self.close(int(job))
            await asyncio.sleep(LOOK_S)

    async def all_handled(self, reader: Reader, subscribers: int) -> None:
        """Returns when every job has its end and every result has been handled, or given up, by each subscriber: their part of the run, too."""
        await self.all_there.wait()
        handled: set[tuple[int, int]] = set()
        computed: set[int] = set()
        while True:
            rows = reader.more()
            computed.update(rows["job"][rows["what"] == What.COMPUTED].tolist())
            done = rows[np.isin(rows["what"], (What.HANDLED, What.UNHANDLED))]
            handled.update(zip(done["job"].tolist(), done["index"].tolist(), strict=True))
            if len(handled) >= subscribers * len(computed):
                return
            await asyncio.sleep(LOOK_S)

"""The open-loop load: every job arrives at its instant, whatever has become of those before it, so that no wait goes unseen."""

import asyncio
from collections.abc import Callable, Coroutine

from simulator.live.system.clock import RunClock
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import Journal, What

Call = Callable[[int], Coroutine[None, None, None]]


async def arrive(jobs: Jobs, clock: RunClock, journal: Journal, call: Call, group: asyncio.TaskGroup) -> None:
    """Start a caller for each job at its arrival; how late that was is written with it, in real seconds. Returns after the last."""
    for job, at_s in enumerate(jobs.arrival_s.tolist()):
        await asyncio.sleep(max(0.0, clock.real_until_s(at_s)))
        journal.write(What.ARRIVED, job, value=max(0.0, -clock.real_until_s(at_s)))
        group.create_task(call(job))

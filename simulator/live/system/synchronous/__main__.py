"""`python -m simulator.live.system.synchronous PLAN.json`: the synchronous service of one live run."""

import asyncio
import sys
from pathlib import Path

from simulator.live.system.clock import RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.http import listening_socket, raise_file_limit, serve
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import Journal
from simulator.live.system.parent_watch import Leash
from simulator.live.system.provider_client import AsyncProvider
from simulator.live.system.synchronous.service import Service
from simulator.live.system.synchronous.subscribers import Subscribers


async def run(plan: ProcessConfig) -> None:
    """Answers until the leash ends it."""
    raise_file_limit()
    jobs, leash = Jobs.read(plan.path / "jobs.npz"), Leash()
    with Journal(plan.journal("service")) as journal:
        service = Service(plan, jobs, journal)
        await serve(service.app(), listening_socket(), notices_leavers=True)
        leash.ready()
        started_ns = await leash.begun()
        clock = RunClock(started_ns, plan.speed)
        async with Subscribers(plan, jobs, clock, journal) as subscribers:
            await service.work(clock, AsyncProvider(plan, started_ns), subscribers)


if __name__ == "__main__":
    asyncio.run(run(ProcessConfig.read(Path(sys.argv[1]))))

"""The process of the synchronous service."""

import asyncio

from simulator.live.system.clock import RunClock
from simulator.live.system.http import raise_file_limit, serve
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import Journal
from simulator.live.system.process import ProcessContext
from simulator.live.system.provider_client import AsyncProvider
from simulator.live.system.synchronous.service import Service
from simulator.live.system.synchronous.subscribers import Subscribers


def run(context: ProcessContext) -> None:
    """Answer until the controller ends the process."""
    asyncio.run(_answer(context))


async def _answer(context: ProcessContext) -> None:
    raise_file_limit()
    plan = context.config
    jobs = Jobs.read(plan.path / "jobs.npz")
    assert context.listener is not None  # noqa: S101  the controller gives it one
    with Journal(plan.journal("service")) as journal:
        service = Service(plan, jobs, journal)
        await serve(service.app(), context.listener, notices_leavers=True)
        context.ready()
        clock = RunClock(await context.started(), plan.speed)
        async with Subscribers(plan, jobs, clock, journal) as subscribers:
            await service.work(clock, AsyncProvider(plan, context.api_key), subscribers)

"""The process of the sample AI endpoint."""

import asyncio

from simulator.live.system.clock import RunClock
from simulator.live.system.endpoint.server import Endpoint
from simulator.live.system.http import raise_file_limit, serve
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import Journal
from simulator.live.system.process import ProcessContext


def run(context: ProcessContext) -> None:
    """Answer until the controller ends the process."""
    asyncio.run(_answer(context))


async def _answer(context: ProcessContext) -> None:
    raise_file_limit()
    plan = context.config
    assert context.listener is not None  # noqa: S101  the controller gives it one
    with Journal(plan.journal("endpoint")) as journal:
        endpoint = Endpoint(plan, Jobs.read(plan.path / "jobs.npz"), journal)
        await serve(endpoint.app(), context.listener)
        context.ready()
        endpoint.clock = RunClock(await context.started(), plan.speed)
        await asyncio.Event().wait()

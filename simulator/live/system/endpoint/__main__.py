"""`python -m simulator.live.system.endpoint PLAN.json`: the sample AI endpoint of one live run."""

import asyncio
import sys
from pathlib import Path

from simulator.live.system.clock import RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.endpoint.server import Endpoint
from simulator.live.system.http import listening_socket, raise_file_limit, serve
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import Journal
from simulator.live.system.parent_watch import Leash


async def run(plan: ProcessConfig) -> None:
    """Answers until the leash ends it."""
    raise_file_limit()
    with Journal(plan.journal("endpoint")) as journal:
        endpoint = Endpoint(plan, Jobs.read(plan.path / "jobs.npz"), journal)
        await serve(endpoint.app(), listening_socket())
        leash = Leash()
        leash.ready()
        endpoint.clock = RunClock(await leash.begun(), plan.speed)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(ProcessConfig.read(Path(sys.argv[1]))))

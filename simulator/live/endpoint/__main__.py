"""`python -m simulator.live.endpoint PLAN.json`: the sample AI endpoint of one live run."""

import asyncio
import sys
from pathlib import Path

from simulator.live.clock import RunClock
from simulator.live.endpoint.server import Endpoint
from simulator.live.jobs import Jobs
from simulator.live.journal import Journal
from simulator.live.leash import Leash
from simulator.live.listening import listening_socket, raise_file_limit, serve
from simulator.live.plan import LivePlan


async def run(plan: LivePlan) -> None:
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
    asyncio.run(run(LivePlan.read(Path(sys.argv[1]))))

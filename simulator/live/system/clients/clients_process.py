"""The process of the clients: they call the design, and receive its webhooks. It ends when every job has its end."""

import asyncio
from contextlib import suppress

import aiohttp

from simulator.live.system.clients import event_driven, synchronous
from simulator.live.system.clients.ends import UNTOLD, Outcomes
from simulator.live.system.clients.load import arrive
from simulator.live.system.clients.receiver import Receiver
from simulator.live.system.clock import RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.http import authorization, raise_file_limit, serve
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import Journal, Reader, What
from simulator.live.system.process import ProcessContext

KEPT_ALIVE_S = 15.0
"""An idle connection is given up before the service does so: a call must not meet one that is just being closed."""


def run(context: ProcessContext) -> None:
    """Return when every job has its end and its subscribers have theirs, or when the run is cut."""
    asyncio.run(_call_and_receive(context))


async def _call_and_receive(context: ProcessContext) -> None:
    raise_file_limit()
    plan = context.config
    assert context.listener is not None  # noqa: S101  webhooks arrive there
    jobs = Jobs.read(plan.path / "jobs.npz")
    with Journal(plan.journal("clients")) as journal:
        ends = Outcomes(jobs, journal)
        runner = await serve(Receiver(plan, jobs, ends).app(), context.listener)
        context.ready()
        clock = RunClock(await context.started(), plan.speed)
        async with session(plan.token) as calls:
            await go(plan, jobs, clock, calls, journal, ends)
        await runner.cleanup()


def session(token: str) -> aiohttp.ClientSession:
    """As many connections as there are calls under way, and no timeout but the callers' own."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_ALIVE_S)
    timeout = aiohttp.ClientTimeout(total=None)
    return aiohttp.ClientSession(connector=connector, timeout=timeout, headers=authorization(token))


async def go(
    plan: ProcessConfig, jobs: Jobs, clock: RunClock, calls: aiohttp.ClientSession, journal: Journal, ends: Outcomes
) -> None:
    """All callers, from the first arrival to the last end."""
    caller = event_driven.Caller if plan.design == "event_driven" else synchronous.Caller
    call = caller(plan, jobs, clock, calls, journal, ends)
    with suppress(TimeoutError):
        async with asyncio.timeout(jobs.left_s(clock, plan.drain_limit_s)), asyncio.TaskGroup() as group:
            group.create_task(ends.all_there.wait())
            told_by_others = _told_by_others(plan)
            if told_by_others:
                group.create_task(ends.watch(Reader(plan.path), told_by_others))
            if plan.design == "event_driven" and jobs.subscribers:
                group.create_task(ends.all_handled(Reader(plan.path), jobs.subscribers))
            await arrive(jobs, clock, journal, call, group)


def _told_by_others(plan: ProcessConfig) -> tuple[What, ...]:
    """Ends that these callers do not see themselves."""
    method = plan.scenario.event_driven.delivery.method
    if plan.design == "synchronous" or method not in ("webhook", "none"):
        return ()
    return UNTOLD if method == "webhook" else (*UNTOLD, What.COMPUTED)

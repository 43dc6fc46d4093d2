"""The process of the clients: they call the design, and receive its webhooks. It ends when every job has its outcome."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from core.closed_sets import complete_table
from simulator.deliveries import Delivery
from simulator.live.system.clients.caller import Caller
from simulator.live.system.clients.event_driven import EventDrivenCaller
from simulator.live.system.clients.outcomes import NOT_REPORTED, Outcomes
from simulator.live.system.clients.receiver import Receiver
from simulator.live.system.clients.synchronous import SynchronousCaller
from simulator.live.system.clock import RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.http import client_session, serve
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import Journal, Reader, What
from simulator.live.system.process import ProcessContext

WATCHED: Mapping[str, tuple[What, ...]] = complete_table(
    Delivery,
    {
        "polling": (),
        "webhook": NOT_REPORTED,
        "sse": (),
        "websocket": (),
        "none": (*NOT_REPORTED, What.COMPUTED),
    },
)
"""By delivery method: the outcomes that are read from the journals, because no response contains them."""


def run(context: ProcessContext) -> None:
    asyncio.run(_call_and_receive(context))


async def _call_and_receive(context: ProcessContext) -> None:
    config, jobs = context.config, context.jobs
    with Journal(config.journal("clients")) as journal:
        outcomes = Outcomes(jobs, journal)
        runner = await serve(Receiver(config, jobs, outcomes).app(), context.listener)
        context.ready()
        await call_all(config, jobs, await context.started(), outcomes)
        await runner.cleanup()


async def call_all(config: ProcessConfig, jobs: Jobs, clock: RunClock, outcomes: Outcomes) -> None:
    is_event_driven = config.design == "event_driven"
    class_ = EventDrivenCaller if is_event_driven else SynchronousCaller
    with suppress(TimeoutError):
        async with (
            client_session(config.token) as session,
            asyncio.timeout(jobs.left_s(clock, config.drain_limit_s)),
            asyncio.TaskGroup() as group,
        ):
            group.create_task(outcomes.all_known.wait())
            kinds = WATCHED[config.scenario.event_driven.delivery.method]
            if is_event_driven and kinds:
                group.create_task(outcomes.watch(Reader(config.path), kinds))
            if jobs.subscribers:  # those of the synchronous design are called in this process
                reader = Reader(config.path)
                group.create_task(
                    outcomes.wait_for_subscribers(reader, jobs.subscribers)
                    if is_event_driven
                    else outcomes.wait_for_service(reader)
                )
            await _arrive(jobs, clock, outcomes.journal, class_(config, jobs, clock, session, outcomes), group)


async def _arrive(jobs: Jobs, clock: RunClock, journal: Journal, caller: Caller, group: asyncio.TaskGroup) -> None:
    """Open-loop load: each job arrives at its instant, whatever has become of those before it. The row has its lateness."""
    for job, at_s in enumerate(jobs.arrival_s.tolist()):
        await asyncio.sleep(max(0.0, clock.real_until_s(at_s)))
        journal.write(What.ARRIVED, job, value=max(0.0, -clock.real_until_s(at_s)))
        group.create_task(caller(job))

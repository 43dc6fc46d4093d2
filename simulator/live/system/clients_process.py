"""The process of the clients: they call the design, and receive its webhooks. It ends when every job has its outcome."""

import asyncio
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress

from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from core.closed_sets import complete_table
from simulator.arrivals import ClosedArrivals
from simulator.deliveries import Delivery, WebhookDelivery
from simulator.live.system.callers import Caller, EventDrivenCaller, SynchronousCaller
from simulator.live.system.clock import RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.http import (
    client_session,
    error_response,
    make_application,
    read_job,
    read_number,
    read_object,
    serve,
)
from simulator.live.system.jobs import SUBSCRIBER_ATTEMPTS, Jobs
from simulator.live.system.journal import EventType, Journal, Reader, unfinished_calls, unfinished_deliveries
from simulator.live.system.outcomes import NOT_REPORTED, Outcomes
from simulator.live.system.process import ProcessContext

LARGEST_WEBHOOK = 2**20
LEAST_DISTANCE_S = 0.001
"""Scenario seconds between two requests of a client that does not think."""
MESSAGE = re.compile(r"job-(\d{1,9})")


class Receiver:
    def __init__(self, config: ProcessConfig, jobs: Jobs, outcomes: Outcomes) -> None:
        self._jobs, self._outcomes, self._speed, self._token = jobs, outcomes, config.speed, config.token
        self._webhook = Webhook(config.webhook_secret)
        delivery = config.scenario.event_driven.delivery
        self._failing = delivery.failure_percent / 100 if isinstance(delivery, WebhookDelivery) else 0.0
        self._calls: Counter[int] = Counter()

    def app(self) -> web.Application:
        app = make_application(self._token, client_max_size=LARGEST_WEBHOOK)
        app.router.add_post("/webhooks", self._receive)
        app.router.add_post("/subscribers/{subscriber:\\d{1,3}}", self._handle)
        return app

    async def _receive(self, request: web.Request) -> web.Response:
        """401 for an invalid signature, 500 if the job's draw says so, else the result is in hand."""
        body = await request.read()
        try:
            self._webhook.verify(body, dict(request.headers), json_parse=False)
        except (WebhookVerificationError, ValueError) as error:
            print(f"webhook refused: {error!r}", file=sys.stderr)
            return error_response(401, "the signature does not hold")
        named = MESSAGE.fullmatch(request.headers["webhook-id"])
        if named is None or not 0 <= (job := int(named[1])) < len(self._jobs):
            raise web.HTTPNotFound(text="the run has no such job")
        call = self._calls[job]
        self._calls[job] += 1
        if call < self._jobs.webhook_u.shape[1] and self._jobs.webhook_u[job, call] < self._failing:
            return web.Response(status=500)
        self._outcomes.settle(job, EventType.IN_HAND, call)
        return web.Response(status=204)

    async def _handle(self, request: web.Request) -> web.Response:
        given = await read_object(request)
        job, subscriber = read_job(given, len(self._jobs)), int(request.match_info["subscriber"])
        attempt = read_number(given, "attempt", SUBSCRIBER_ATTEMPTS)
        call = read_number({"call": 0} | given, "call", self._jobs.client_retries + 1)
        if subscriber >= self._jobs.subscribers:
            raise web.HTTPNotFound(text="the run has no such subscriber")
        await asyncio.sleep(float(self._jobs.handling_s[job, subscriber]) / self._speed)
        refuses = self._jobs.refuses(job, subscriber, attempt, call)
        return web.Response(status=500 if refuses else 200)


WATCHED: Mapping[str, tuple[EventType, ...]] = complete_table(
    Delivery,
    {
        "polling": (),
        "webhook": NOT_REPORTED,
        "sse": (),
        "websocket": (),
        "none": (*NOT_REPORTED, EventType.COMPUTED),
    },
)
"""By delivery method: the outcomes that are read from the journals, because no response contains them."""


async def run_clients(context: ProcessContext) -> None:
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
                    else outcomes.wait_for_work(reader, unfinished_calls)
                )
            if is_event_driven and config.scenario.event_driven.redelivers:  # work goes on after its lease
                group.create_task(outcomes.wait_for_work(Reader(config.path), unfinished_deliveries))
            caller = class_(config, jobs, clock, session, outcomes)
            arrivals = config.scenario.arrivals
            if isinstance(arrivals, ClosedArrivals):
                numbers = iter(range(len(jobs)))
                for client in range(arrivals.clients):
                    group.create_task(_send_one_by_one(client, numbers, arrivals, jobs, clock, outcomes, caller))
            else:
                await _arrive(jobs, clock, outcomes.journal, caller, group)


async def _send_one_by_one(
    client: int,
    numbers: Iterator[int],
    arrivals: ClosedArrivals,
    jobs: Jobs,
    clock: RunClock,
    outcomes: Outcomes,
    caller: Caller,
) -> None:
    """Closed-loop load: a client sends its next request after it has thought about the answer to the one before."""
    sends_s = jobs.think_s(arrivals, client, first=True)
    while True:
        await asyncio.sleep(max(0.0, clock.real_until_s(sends_s)))
        job = next(numbers, None)
        if job is None:
            return
        outcomes.journal.write(EventType.ARRIVED, job, value=max(0.0, -clock.real_until_s(sends_s)))
        await caller(job)
        await outcomes.wait_for(job)
        sends_s = max(clock.now_s() + jobs.think_s(arrivals, job), sends_s + LEAST_DISTANCE_S)


async def _arrive(jobs: Jobs, clock: RunClock, journal: Journal, caller: Caller, group: asyncio.TaskGroup) -> None:
    """Open-loop load: each job arrives at its instant, whatever has become of those before it. The row has its lateness."""
    for job, at_s in enumerate(jobs.arrival_s.tolist()):
        await asyncio.sleep(max(0.0, clock.real_until_s(at_s)))
        journal.write(EventType.ARRIVED, job, value=max(0.0, -clock.real_until_s(at_s)))
        group.create_task(caller(job))

"""The event-driven design's service: accepts jobs (202), keeps their events in memory, reports their state, and delivers their results."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from http import HTTPStatus
from math import ceil
from typing import Any, assert_never

import aiohttp
import redis.asyncio
from aiohttp import web
from standardwebhooks.webhooks import Webhook

from simulator.arrivals import ClosedArrivals
from simulator.deliveries import NoDelivery, PollingDelivery, PushDelivery, WebhookDelivery
from simulator.live.system.clock import RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.http import (
    LAST_EVENT_ID,
    NO_ANSWER,
    client_session,
    error_response,
    make_application,
    read_job,
    read_number,
    read_object,
    serve,
)
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import EventType, Journal
from simulator.live.system.process import ProcessContext
from simulator.live.system.queues import EVENTS, RunQueues, read_event

FINAL_EVENTS = frozenset({"done", "failed", "dead_lettered", "expired"})


@dataclass(frozen=True)
class JobEvent:
    number: int
    name: str
    text: str = ""

    @property
    def final(self) -> bool:
        return self.name in FINAL_EVENTS


@dataclass(eq=False)
class JobEvents:
    events: list[JobEvent] = field(default_factory=list)
    more: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0

    def add(self, name: str, text: str = "") -> None:
        self.events.append(JobEvent(len(self.events) + 1, name, text))
        self.more.set()
        self.more = asyncio.Event()

    @property
    def state(self) -> JobEvent:
        return self.events[-1] if self.events else JobEvent(0, "queued")

    async def after(self, number: int) -> AsyncIterator[JobEvent]:
        while True:
            more = self.more
            for event in self.events[number:]:
                yield event
                number = event.number
                if event.final:
                    return
            await more.wait()


WEBHOOK_TIMEOUT_S = 15.0


class Webhooks:
    def __init__(self, config: ProcessConfig, jobs: Jobs, clock: RunClock, journal: Journal) -> None:
        self._url, self._signer = f"{config.clients}/webhooks", Webhook(config.webhook_secret)
        self._jobs, self._clock, self._journal = jobs, clock, journal
        delivery = config.scenario.event_driven.delivery
        self._latency_s = delivery.latency_s if isinstance(delivery, WebhookDelivery) else 0.0
        self._session = client_session(config.token, WEBHOOK_TIMEOUT_S)

    async def deliver(self, job: int, text: str) -> None:
        """Call until the answer is 2xx; UNDELIVERED if the schedule is exhausted or the address has been removed (410)."""
        body = json.dumps({"type": "job.done", "data": {"job": job, "text": text}})
        for call, pause_s in enumerate(self._jobs.webhook_pauses_s.tolist()):
            await asyncio.sleep(self._clock.real_s(pause_s + (self._latency_s if call == 0 else 0.0)))
            status = await self._call(job, body)
            self._journal.write(EventType.DELIVERY_CALL, job, call, status)
            if 200 <= status < 300:
                return
            if status == HTTPStatus.GONE:
                break
        self._journal.write(EventType.UNDELIVERED, job)

    async def _call(self, job: int, body: str) -> int:
        identity, now = f"job-{job}", datetime.now(UTC)
        headers = {
            "webhook-id": identity,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(identity, now, body),
            "Content-Type": "application/json",
        }
        try:
            async with self._session.post(self._url, data=body, headers=headers) as response:
                await response.read()
                return response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            print(f"webhook of job {job}: {error!r}", file=sys.stderr)
            return NO_ANSWER


READ_BLOCK_MS, READ_AT_ONCE = 1000, 500


class Accept:
    def __init__(self, config: ProcessConfig, jobs: Jobs, journal: Journal, queues: RunQueues) -> None:
        self._config, self._jobs, self._journal, self._queues = config, jobs, journal, queues
        self._design, self._is_closed = (
            config.scenario.event_driven,
            isinstance(config.scenario.arrivals, ClosedArrivals),
        )
        self._clock = RunClock(0, config.speed)  # for durations alone
        self._push, interval_s = PushDelivery(method="sse"), 1.0
        self._webhooks: Webhooks | None = None
        delivery = self._design.delivery
        match delivery:
            case PollingDelivery():
                interval_s = delivery.interval_s
            case WebhookDelivery():
                self._webhooks = Webhooks(config, jobs, self._clock, journal)
            case PushDelivery():
                self._push = delivery
            case NoDelivery():
                pass
            case _:
                assert_never(delivery)
        self._retry_after = str(max(1, ceil(self._clock.real_s(interval_s))))
        self._events: dict[int, JobEvents] = {}
        self._enqueuing = ThreadPoolExecutor(1, thread_name_prefix="enqueue")  # one: jobs are enqueued in order
        self._delivering: set[asyncio.Task[None]] = set()

    @cached_property
    def _run_clock(self) -> RunClock:
        return self._config.clock()

    def app(self) -> web.Application:
        app = make_application(self._config.token)
        app.router.add_post("/jobs", self._accept)
        app.router.add_get("/jobs/{job:\\d{1,9}}", self._report)
        app.router.add_get("/jobs/{job:\\d{1,9}}/events", self._stream)
        app.router.add_get("/jobs/{job:\\d{1,9}}/socket", self._socket)
        return app

    async def _accept(self, request: web.Request) -> web.Response:
        """202 once the job is in its queue; 503 if the queues are full; 409 if it has come before."""
        given = await read_object(request)
        job, call = (
            read_job(given, len(self._jobs)),
            read_number({"call": 0} | given, "call", self._jobs.client_retries + 1),
        )
        called_s = self._run_clock.now_s() if call or self._is_closed else None
        if job in self._events:
            return error_response(409, f"job {job} has been accepted before")
        self._events[job] = JobEvents()
        await asyncio.sleep(self._clock.real_s(self._design.accept_s))
        if not await asyncio.get_running_loop().run_in_executor(self._enqueuing, self._enqueue, job, called_s):
            del self._events[job]
            self._journal.write(EventType.REFUSED, job)
            return error_response(503, "the queues are full", {"Retry-After": self._retry_after})
        headers = {"Location": f"/jobs/{job}", "Retry-After": self._retry_after}
        return web.json_response({"job": job, "state": "queued"}, status=202, headers=headers)

    def _enqueue(self, job: int, called_s: float | None) -> bool:
        if self._design.max_queue is not None and self._queues.waiting() >= self._design.max_queue:
            return False
        self._journal.write(EventType.ACCEPTED, job)
        self._queues.accept(job, called_s)
        self._journal.write(EventType.QUEUED, job)
        return True

    def _events_of(self, request: web.Request) -> tuple[int, JobEvents]:
        job = int(request.match_info["job"])
        if job not in self._events:
            raise web.HTTPNotFound
        return job, self._events[job]

    async def _report(self, request: web.Request) -> web.Response:
        """200 with the outcome, 202 before it."""
        job, events = self._events_of(request)
        event = events.state
        if not event.final:
            body = {"job": job, "state": event.name}
            return web.json_response(body, status=202, headers={"Retry-After": self._retry_after})
        return web.json_response({"job": job, "state": event.name, "text": event.text})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        job, events = self._events_of(request)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)

        async def send(event: JobEvent) -> None:
            data = json.dumps({"job": job, "text": event.text})
            await response.write(f"id: {event.number}\nevent: {event.name}\ndata: {data}\n\n".encode())

        await self._follow(job, events, request, send)
        return response

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        job, events = self._events_of(request)
        response = web.WebSocketResponse()
        await response.prepare(request)

        async def send(event: JobEvent) -> None:
            await response.send_json({"id": event.number, "event": event.name, "job": job, "text": event.text})

        await self._follow(job, events, request, send)
        await response.close()
        return response

    async def _follow(
        self, job: int, events: JobEvents, request: web.Request, send: Callable[[JobEvent], Awaitable[None]]
    ) -> None:
        """Send events to the last. If the job's draw says so, its first connection is lost before the outcome is sent."""
        events.connections += 1
        is_first = events.connections == 1
        lost = is_first and self._jobs.reconnect_u[job] < self._push.reconnect_percent / 100
        last = request.headers.get(LAST_EVENT_ID, "")
        async for event in events.after(int(last) if last.isascii() and last.isdigit() else 0):
            if event.final and is_first:
                await asyncio.sleep(self._clock.real_s(self._push.latency_s))
                if lost:
                    if request.transport is not None:
                        request.transport.abort()
                    return
            await send(event)

    async def read_events(self) -> None:
        """Read what the tasks publish, until the run ends."""
        stream: Any = redis.asyncio.Redis.from_url(self._config.broker)
        last: Any = "0"
        while True:
            read = await stream.xread({EVENTS: last}, count=READ_AT_ONCE, block=READ_BLOCK_MS)
            for _, entries in read or []:
                for entry, fields in entries:
                    last = entry
                    self._add_event(*read_event(fields))

    def _add_event(self, job: int, name: str, text: str) -> None:
        self._events[job].add(name, text)
        if name == "done" and self._webhooks is not None:
            task = asyncio.get_running_loop().create_task(self._webhooks.deliver(job, text))
            self._delivering.add(task)
            task.add_done_callback(self._delivering.discard)


async def run_accept(context: ProcessContext) -> None:
    config, jobs = context.config, context.jobs
    queues = RunQueues(config, jobs)
    queues.connection.ping()
    with Journal(config.journal("accept")) as journal:
        accept = Accept(config, jobs, journal, queues)
        await serve(accept.app(), context.listener)
        context.ready()
        await accept.read_events()

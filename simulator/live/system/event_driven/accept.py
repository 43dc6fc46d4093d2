"""The event-driven design's service: takes jobs in with 202, reports their state, and delivers their results.

It keeps the jobs' events in memory and is not restarted: a run ends with it, as with its broker.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from typing import Any, assert_never

import redis.asyncio
from aiohttp import web

from simulator.deliveries import NoDelivery, PollingDelivery, PushDelivery, WebhookDelivery
from simulator.live.system.clock import RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.event_driven.job_events import Event, JobEvents
from simulator.live.system.event_driven.queues import EVENTS, RunQueues, read_event
from simulator.live.system.event_driven.webhooks import Webhooks
from simulator.live.system.http import application, error_response, read_job, read_object, serve
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import Journal, What
from simulator.live.system.process import ProcessContext

LAST_EVENT_ID = "Last-Event-ID"
READ_BLOCK_MS, READ_AT_ONCE = 1000, 500


class Accept:
    def __init__(self, config: ProcessConfig, jobs: Jobs, journal: Journal, queues: RunQueues) -> None:
        self._config, self._jobs, self._journal, self._queues = config, jobs, journal, queues
        self._design = config.scenario.event_driven
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

    def app(self) -> web.Application:
        app = application(self._config.token)
        app.router.add_post("/jobs", self._accept)
        app.router.add_get("/jobs/{job:\\d{1,9}}", self._report)
        app.router.add_get("/jobs/{job:\\d{1,9}}/events", self._stream)
        app.router.add_get("/jobs/{job:\\d{1,9}}/socket", self._socket)
        return app

    async def _accept(self, request: web.Request) -> web.Response:
        """202 once the job is in its queue; 503 if the queues are full; 409 if it has come before."""
        job = read_job(await read_object(request), len(self._jobs))
        if job in self._events:
            return error_response(409, f"job {job} has been accepted before")
        self._events[job] = JobEvents()
        await asyncio.sleep(self._clock.real_s(self._design.accept_s))
        if not await asyncio.get_running_loop().run_in_executor(self._enqueuing, self._enqueue, job):
            del self._events[job]
            self._journal.write(What.REFUSED, job)
            return error_response(503, "the queues are full", {"Retry-After": self._retry_after})
        headers = {"Location": f"/jobs/{job}", "Retry-After": self._retry_after}
        return web.json_response({"job": job, "state": "queued"}, status=202, headers=headers)

    def _enqueue(self, job: int) -> bool:
        if self._design.max_queue is not None and self._queues.waiting() >= self._design.max_queue:
            return False
        self._journal.write(What.ACCEPTED, job)
        self._queues.enqueue(job)
        self._journal.write(What.QUEUED, job)
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

        async def send(event: Event) -> None:
            data = json.dumps({"job": job, "text": event.text})
            await response.write(f"id: {event.number}\nevent: {event.name}\ndata: {data}\n\n".encode())

        await self._follow(job, events, request, send)
        return response

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        job, events = self._events_of(request)
        response = web.WebSocketResponse()
        await response.prepare(request)

        async def send(event: Event) -> None:
            await response.send_json({"id": event.number, "event": event.name, "job": job, "text": event.text})

        await self._follow(job, events, request, send)
        await response.close()
        return response

    async def _follow(
        self, job: int, events: JobEvents, request: web.Request, send: Callable[[Event], Awaitable[None]]
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


def run(context: ProcessContext) -> None:
    asyncio.run(_run(context))


async def _run(context: ProcessContext) -> None:
    config, jobs = context.config, context.jobs
    queues = RunQueues(config, jobs)
    queues.connection.ping()
    with Journal(config.journal("accept")) as journal:
        accept = Accept(config, jobs, journal, queues)
        await serve(accept.app(), context.listener)
        context.ready()
        await accept.read_events()

"""The process that takes jobs in with 202, says how they stand, and delivers their results.

A run stands or falls with this part, as with its broker: it is never started again. It may therefore keep what it knows of the jobs, and when
webhooks are due again, in its memory; and it writes down what the others, who may die at any moment, have told.
"""

import asyncio
import json
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from typing import Any

import redis.asyncio
from aiohttp import web

from simulator.live.system.clock import RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.event_driven.desk import EVENTS, Desk
from simulator.live.system.event_driven.followers import Event, Followed
from simulator.live.system.event_driven.webhooks import Webhooks
from simulator.live.system.http import raise_file_limit, serve
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import Journal, What
from simulator.live.system.process import ProcessContext
from simulator.scenario import PollingDelivery, PushDelivery, WebhookDelivery

LARGEST_BODY = 2**16
LAST_EVENT_ID = "Last-Event-ID"
TOLD_TO_NOBODY = frozenset({"handled", "unhandled"})
READ_BLOCK_MS, READ_AT_ONCE = 1000, 500


class Accept:
    """The service that callers know. It owns no queue: the broker does, and its event stream says what has become of each job."""

    def __init__(self, plan: ProcessConfig, jobs: Jobs, clock: RunClock, journal: Journal, desk: Desk) -> None:
        self._plan, self._jobs, self._clock, self._journal, self._desk = plan, jobs, clock, journal, desk
        self._design = plan.scenario.event_driven
        delivery = self._design.delivery
        self._push = delivery if isinstance(delivery, PushDelivery) else PushDelivery(method="sse")
        interval_s = delivery.interval_s if isinstance(delivery, PollingDelivery) else 1.0
        self._retry_after = str(max(1, ceil(clock.real_s(interval_s))))
        self._followed: dict[int, Followed] = defaultdict(Followed)
        self._enqueuing = ThreadPoolExecutor(1, thread_name_prefix="enqueue")  # one: jobs stand in the order they came
        self._webhooks = Webhooks(plan, jobs, clock, journal) if isinstance(delivery, WebhookDelivery) else None
        self._delivering: set[asyncio.Task[None]] = set()

    def app(self) -> web.Application:
        """Its routes."""
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_post("/jobs", self._take)
        app.router.add_get("/jobs/{job:\\d{1,9}}", self._tell)
        app.router.add_get("/jobs/{job:\\d{1,9}}/events", self._stream)
        app.router.add_get("/jobs/{job:\\d{1,9}}/socket", self._socket)
        return app

    async def _take(self, request: web.Request) -> web.Response:
        """202 once the job stands in its queue; 503 where the queues are full."""
        job = json.loads(await request.read())["job"]
        if not await asyncio.get_running_loop().run_in_executor(self._enqueuing, self._enqueue, job):
            self._journal.write(What.REFUSED, job)
            return web.json_response({"error": "full"}, status=503, headers={"Retry-After": self._retry_after})
        self._followed[job]  # known from now on: its caller may be back before the broker's stream tells of it
        headers = {"Location": f"/jobs/{job}", "Retry-After": self._retry_after}
        return web.json_response({"job": job, "state": "queued"}, status=202, headers=headers)

    def _enqueue(self, job: int) -> bool:
        if self._design.max_queue is not None and self._desk.waiting() >= self._design.max_queue:
            return False
        self._journal.write(What.ACCEPTED, job)
        self._desk.enqueue(job, 0)
        return True

    def _job(self, request: web.Request) -> int:
        job = int(request.match_info["job"])
        if job not in self._followed:
            raise web.HTTPNotFound
        return job

    async def _tell(self, request: web.Request) -> web.Response:
        """200 with the end, 202 before it."""
        job = self._job(request)
        event = self._followed[job].state
        if not event.final:
            told = {"job": job, "state": event.name}
            return web.json_response(told, status=202, headers={"Retry-After": self._retry_after})
        return web.json_response({"job": job, "state": event.name, "text": event.text})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events, from the one after Last-Event-ID on."""
        job = self._job(request)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)

        async def send(event: Event) -> None:
            data = json.dumps({"job": job, "text": event.text})
            await response.write(f"id: {event.number}\nevent: {event.name}\ndata: {data}\n\n".encode())

        await self._follow(job, request, send)
        return response

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        """The same as messages of a WebSocket."""
        job = self._job(request)
        response = web.WebSocketResponse()
        await response.prepare(request)

        async def send(event: Event) -> None:
            await response.send_json({"id": event.number, "event": event.name, "job": job, "text": event.text})

        await self._follow(job, request, send)
        await response.close()
        return response

    async def _follow(self, job: int, request: web.Request, send: Any) -> None:
        """Send events to the last. Where the job's draw says so, its first connection is lost before the result is sent."""
        followed = self._followed[job]
        followed.connections += 1
        lost = followed.connections == 1 and self._jobs.reconnect_u[job] < self._push.reconnect_percent / 100
        last = request.headers.get(LAST_EVENT_ID, "")
        async for event in followed.after(int(last) if last.isascii() and last.isdigit() else 0):
            if event.final and followed.connections == 1:
                await asyncio.sleep(self._clock.real_s(self._push.latency_s))
                if lost:
                    if request.transport is not None:
                        request.transport.abort()
                    return
            await send(event)

    async def listen(self) -> None:
        """Follows the broker's event stream, for good."""
        stream: Any = redis.asyncio.Redis.from_url(self._plan.broker)
        last: Any = "0"
        while True:
            told = await stream.xread({EVENTS: last}, count=READ_AT_ONCE, block=READ_BLOCK_MS)
            for _, entries in told or []:
                for entry, fields in entries:
                    last = entry
                    self._hear({name.decode(): value.decode() for name, value in fields.items()})

    def _hear(self, told: dict[str, str]) -> None:
        """Write it down, and tell it to who follows the job. This part alone writes these rows: they are complete whoever dies beside it."""
        job, name, index, at_ns = int(told["job"]), told["event"], int(told["index"]), int(told["at_ns"])
        for what, value in self._rows(job, name, float(told.get("pause_s", 0.0))):
            self._journal.write(what, job, index, value, at_ns)
        if name in TOLD_TO_NOBODY:
            return
        self._followed[job].add(name, told.get("text", ""))
        if name == "done" and self._webhooks is not None:
            task = asyncio.get_running_loop().create_task(self._webhooks.deliver(job, told["text"]))
            self._delivering.add(task)
            task.add_done_callback(self._delivering.discard)

    def _rows(self, job: int, event: str, pause_s: float) -> tuple[tuple[What, float], ...]:
        """Its consumer may not live to say that it is free; where it does, its own row is the later one, and counts."""
        match event:
            case "queued":
                return ((What.QUEUED, float(self._jobs.place[job])),)
            case "retrying":
                return (What.BACKED_OFF, pause_s), (What.FREED, 0.0)
            case "done":
                return (What.COMPUTED, 0.0), (What.FREED, 0.0)
            case "dead_lettered" | "failed":
                return (What.GAVE_UP, float(event == "dead_lettered")), (What.FREED, 0.0)
            case "expired":
                return ((What.EXPIRED, 0.0),)
            case "handled" | "unhandled":
                return ((What.HANDLED if event == "handled" else What.UNHANDLED, 0.0),)
        return ()


def run(context: ProcessContext) -> None:
    """Answer until the controller ends the process."""
    asyncio.run(_answer(context))


async def _answer(context: ProcessContext) -> None:
    raise_file_limit()
    plan = context.config
    jobs = Jobs.read(plan.path / "jobs.npz")
    assert context.listener is not None  # noqa: S101  the controller gives it one
    desk = Desk(plan, jobs)
    desk.connection.ping()
    with Journal(plan.journal("accept")) as journal:
        clock = RunClock(0, plan.speed)  # durations alone: instants are the clients' and the journals' affair
        accept = Accept(plan, jobs, clock, journal, desk)
        await serve(accept.app(), context.listener)
        context.ready()
        await accept.listen()

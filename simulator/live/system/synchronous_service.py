"""The synchronous service: a call gets a worker, waits in the backlog, or is refused. Work goes on if the client closes the connection."""

import asyncio
import time
from collections import deque
from contextlib import nullcontext
from dataclasses import dataclass, field
from http import HTTPStatus

import aiohttp
from aiohttp import web

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
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import EventType, Journal
from simulator.live.system.process import ProcessContext
from simulator.live.system.provider_client import AsyncProviderClient, Reply
from simulator.live.system.rate_limiter import RateLimiter

LARGEST_CALL = 2**16
RETRY_AFTER_S = "1"


@dataclass(eq=False)
class Call:
    job: int
    number: int
    abandoned: bool = False
    taken_ns: int | None = None
    """When it was accepted, if a worker was idle then: it has not waited, even if others are accepted before the worker takes it."""
    answer: asyncio.Future[Reply] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class SubscriberCalls:
    def __init__(
        self, config: ProcessConfig, jobs: Jobs, clock: RunClock, journal: Journal, session: aiohttp.ClientSession
    ) -> None:
        self._url, self._session = f"{config.clients}/subscribers", session
        design = config.scenario.subscribers
        self._together, self._decide = design.inline == "together", design.inline_failure == "fails_the_call"
        self._consumers = [
            nullcontext() if design.consumers is None else asyncio.Semaphore(design.consumers)
            for _ in range(jobs.subscribers)
        ]
        """Of each subscriber: a call in line waits for one, and has it until it is handled, through retries and pauses."""
        self._jobs, self._clock, self._journal = jobs, clock, journal

    async def hand(self, job: int, call: int) -> bool:
        """Call each subscriber. Returns whether the client's call succeeds."""
        number = call if self._decide else 0
        handing = [self._hand(job, subscriber, number) for subscriber in range(self._jobs.subscribers)]
        handled = await asyncio.gather(*handing) if self._together else [await one for one in handing]
        return all(handled) or not self._decide

    async def _hand(self, job: int, subscriber: int, call: int) -> bool:
        async with self._consumers[subscriber]:
            for attempt, pause_s in enumerate([0.0, *self._jobs.subscriber_pauses_s(job, subscriber, call)]):
                await asyncio.sleep(self._clock.real_s(pause_s))
                body = {"job": job, "attempt": attempt, "call": call}
                async with self._session.post(f"{self._url}/{subscriber}", json=body) as response:
                    await response.read()
                    if response.status == HTTPStatus.OK:
                        self._journal.write(EventType.HANDLED, job, subscriber)
                        return True
        self._journal.write(EventType.UNHANDLED, job, subscriber)
        return False


class SynchronousService:
    def __init__(self, config: ProcessConfig, jobs: Jobs, journal: Journal) -> None:
        self._token, self._jobs, self._journal = config.token, jobs, journal
        self._design, self._provider_limits = config.scenario.synchronous, config.scenario.provider
        self._idle = self._design.workers
        self._backlog: deque[Call] = deque()
        self._wake = asyncio.Semaphore(0)
        self._answered: set[tuple[int, int]] = set()
        """Calls that must not come again, by job and number. A dropped connection does: its client's TCP sends the SYN again."""

    def app(self) -> web.Application:
        app = make_application(self._token, client_max_size=LARGEST_CALL)
        app.router.add_post("/jobs", self._take)
        return app

    async def _take(self, request: web.Request) -> web.Response:
        """The answer when the work is done; 503 if there is no place (to callers whose connections are dropped, it means a SYN without an answer)."""
        given = await read_object(request)
        job = read_job(given, len(self._jobs))
        call = Call(job, read_number(given, "call", self._design.client_retries + 1))
        if (call.job, call.number) in self._answered:
            raise web.HTTPConflict(text="this call has been made before")
        admitted = self._admit(call)
        if admitted or self._design.overflow == "refuse":
            self._answered.add((call.job, call.number))
        if not admitted:
            self._journal.write(EventType.REFUSED, call.job, call.number)
            return error_response(503, "busy", {"Retry-After": RETRY_AFTER_S})
        self._journal.write(EventType.ACCEPTED, call.job, call.number)
        call.taken_ns = time.monotonic_ns() if len(self._backlog) <= self._idle else None
        try:
            reply = await asyncio.shield(call.answer)
        except asyncio.CancelledError:
            call.abandoned = True
            raise
        if reply.succeeded:
            return web.json_response({"job": call.job, "text": reply.text})
        return error_response(500, reply.reason or f"the model answered {reply.status}")

    def _admit(self, call: Call) -> bool:
        """A worker, or a place in the backlog. An idle worker counts until it has taken its call, so that no two calls get the same one."""
        places = self._design.backlog
        if len(self._backlog) - self._idle >= (float("inf") if places is None else places):
            return False
        self._backlog.append(call)
        self._wake.release()
        return True

    async def work(self, clock: RunClock, provider: AsyncProviderClient, subscribers: SubscriberCalls) -> None:
        self._clock, self._provider, self._subscribers = clock, provider, subscribers
        self._limiter = RateLimiter(self._provider_limits, clock)
        async with asyncio.TaskGroup() as group:
            for _ in range(self._design.workers):
                group.create_task(self._worker())

    async def _worker(self) -> None:
        while True:
            await self._wake.acquire()
            call = self._backlog.popleft()
            if call.abandoned:
                self._journal.write(EventType.ABANDONED, call.job, call.number, float(self._design.drops_abandoned))
                if self._design.drops_abandoned:
                    continue
            self._idle -= 1
            place = float(self._jobs.place[call.job])
            self._journal.write(EventType.STARTED, call.job, call.number, place, at_ns=call.taken_ns)
            reply = await self._serve(call)
            if reply.succeeded:
                if self._jobs.subscribers and not await self._subscribers.hand(call.job, call.number):
                    reply = Reply(HTTPStatus.BAD_GATEWAY, reason="a subscriber gave up")
                else:
                    self._journal.write(EventType.COMPUTED, call.job, call.number)
            self._journal.write(EventType.FREED, call.job, call.number)
            self._idle += 1
            if not call.answer.done():
                call.answer.set_result(reply)

    async def _serve(self, call: Call) -> Reply:
        first = call.number * (self._jobs.retries + 1)
        reply = await self._call(call.job, first)
        for attempt, pause_s in enumerate(self._jobs.pauses_s(call.job, first), start=first):
            if reply.succeeded:
                break
            pause_real_s = self._clock.real_s(max(pause_s, reply.retry_after_s))
            self._journal.write(EventType.BACKED_OFF, call.job, attempt, pause_real_s)
            await asyncio.sleep(pause_real_s)
            reply = await self._call(call.job, attempt + 1)
        return reply

    async def _call(self, job: int, attempt: int) -> Reply:
        tokens = float(self._jobs.input_tokens[job]), float(self._jobs.output_tokens[job])
        ready_ns = time.monotonic_ns()
        permit = await self._limiter.enter(*tokens)
        if permit.waited:
            self._journal.write(EventType.WAITED_FOR_PROVIDER, job, attempt, (time.monotonic_ns() - ready_ns) / 1e9)
        self._journal.write(EventType.CALLED, job, attempt)
        reply = await self._provider.call(job, attempt)
        self._journal.write(EventType.ANSWERED, job, attempt, reply.status)
        self._limiter.leave(permit, gives_back=not reply.succeeded and not self._provider_limits.failed_calls_count)
        return reply


async def run_service(context: ProcessContext) -> None:
    config, jobs = context.config, context.jobs
    with Journal(config.journal("service")) as journal:
        service = SynchronousService(config, jobs, journal)
        await serve(service.app(), context.listener, notices_leavers=True)
        context.ready()
        clock = await context.started()
        async with client_session(config.token) as session:
            subscribers = SubscriberCalls(config, jobs, clock, journal, session)
            await service.work(clock, AsyncProviderClient(config, context.api_key), subscribers)

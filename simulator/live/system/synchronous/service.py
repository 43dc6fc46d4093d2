"""The service itself: a call is taken by a worker, waits in the backlog, or is refused; the work goes on whether or not its client does."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field

from aiohttp import web

from simulator.live.system.clock import RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.http import application, error_response, read_job, read_number, read_object
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import Journal, What
from simulator.live.system.provider_client import AsyncProvider, Reply
from simulator.live.system.rate_limiter import RateLimiter
from simulator.live.system.synchronous.subscribers import Subscribers

LARGEST_BODY = 2**16
RETRY_AFTER_S = "1"


@dataclass(eq=False)
class Call:
    """One client's call."""

    job: int
    number: int
    """The client's calls before this one."""
    abandoned: bool = False
    taken_ns: int | None = None
    """When it was accepted, where a worker was idle then: it has not waited, even if others are accepted before the worker comes to it."""
    answer: asyncio.Future[Reply] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Service:
    """W workers, one queue, no other state."""

    def __init__(self, plan: ProcessConfig, jobs: Jobs, journal: Journal) -> None:
        self._plan, self._jobs, self._journal = plan, jobs, journal
        self._design, self._provider_limits = plan.scenario.synchronous, plan.scenario.provider
        self._workers = plan.scenario.synchronous.workers
        self._idle = self._workers
        self._backlog: deque[Call] = deque()
        self._wake = asyncio.Semaphore(0)
        self._answered: set[tuple[int, int]] = set()
        """Calls that must not come again, by job and number. A dropped connection does: its client's TCP sends the SYN again."""

    def app(self) -> web.Application:
        """Its one route."""
        app = application(self._plan.token, client_max_size=LARGEST_BODY)
        app.router.add_post("/jobs", self._take)
        return app

    async def _take(self, request: web.Request) -> web.Response:
        """The answer when the work is done; 503 where there is no place (a SYN without an answer, to callers whose connections are dropped).
        A client that goes leaves its call behind."""
        given = await read_object(request)
        job = read_job(given, len(self._jobs))
        call = Call(job, read_number(given, "call", self._design.client_retries + 1))
        if (call.job, call.number) in self._answered:
            raise web.HTTPConflict(text="this call has been made before")
        admitted = self._admit(call)
        if admitted or self._design.overflow == "refuse":
            self._answered.add((call.job, call.number))
        if not admitted:
            self._journal.write(What.REFUSED, call.job, call.number)
            return error_response(503, "busy", {"Retry-After": RETRY_AFTER_S})
        self._journal.write(What.ACCEPTED, call.job, call.number)
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
        """A worker, or a place in the backlog. An idle worker counts until it has taken its call, so that nobody is promised it twice."""
        places = self._design.backlog
        if len(self._backlog) - self._idle >= (float("inf") if places is None else places):
            return False
        self._backlog.append(call)
        self._wake.release()
        return True

    async def work(self, clock: RunClock, provider: AsyncProvider, subscribers: Subscribers) -> None:
        """Runs the workers, for good."""
        gate = RateLimiter(self._provider_limits, clock)
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._worker(clock, gate, provider, subscribers))

    async def _worker(
        self, clock: RunClock, gate: RateLimiter, provider: AsyncProvider, subscribers: Subscribers
    ) -> None:
        while True:
            await self._wake.acquire()
            call = self._backlog.popleft()
            if call.abandoned:
                self._journal.write(What.ABANDONED, call.job, call.number, float(self._design.drops_abandoned))
                if self._design.drops_abandoned:
                    continue
            self._idle -= 1
            place = float(self._jobs.place[call.job])
            self._journal.write(What.STARTED, call.job, call.number, place, at_ns=call.taken_ns)
            reply = await self._serve(call, clock, gate, provider)
            if reply.succeeded:
                if self._jobs.subscribers:
                    await subscribers.hand(call.job)
                self._journal.write(What.COMPUTED, call.job, call.number)
            self._journal.write(What.FREED, call.job, call.number)
            self._idle += 1
            if not call.answer.done():
                call.answer.set_result(reply)

    async def _serve(self, call: Call, clock: RunClock, gate: RateLimiter, provider: AsyncProvider) -> Reply:
        """Attempts in line, the pauses between them included: all of it holds the worker."""
        first = call.number * (self._jobs.retries + 1)
        reply = await self._call(call.job, first, gate, provider)
        for attempt, pause_s in enumerate(self._jobs.pauses_s(call.job, first), start=first):
            if reply.succeeded:
                break
            self._journal.write(What.BACKED_OFF, call.job, attempt, clock.real_s(pause_s))
            await asyncio.sleep(clock.real_s(pause_s))
            reply = await self._call(call.job, attempt + 1, gate, provider)
        return reply

    async def _call(self, job: int, attempt: int, gate: RateLimiter, provider: AsyncProvider) -> Reply:
        tokens = float(self._jobs.input_tokens[job]), float(self._jobs.output_tokens[job])
        ready_ns = time.monotonic_ns()
        passed = await gate.enter(*tokens)
        if passed.waited:
            self._journal.write(What.WAITED_FOR_PROVIDER, job, attempt, (time.monotonic_ns() - ready_ns) / 1e9)
        self._journal.write(What.CALLED, job, attempt)
        reply = await provider.call(job, attempt)
        self._journal.write(What.ANSWERED, job, attempt, reply.status)
        gate.leave(passed, gives_back=not reply.succeeded and not self._provider_limits.failed_calls_count)
        return reply

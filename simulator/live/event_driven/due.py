"""`python -m simulator.live.event_driven.due PLAN.json`: the run's own scheduler and pacer.

It rings retries when their pauses are over, to the millisecond; lets calls through to the provider in the order in which they asked; and
puts back into its queue what a process that died was working on.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import redis.asyncio

from simulator.live.clock import RunClock
from simulator.live.event_driven.desk import ALIVE, ASKS, ATTEMPT, DUE, GO, HANDLING, RUNNING, Desk, Letter
from simulator.live.gate import Circuit, Gate
from simulator.live.jobs import Jobs
from simulator.live.journal import Journal, What
from simulator.live.leash import Leash
from simulator.live.plan import LivePlan

GO_FOR_MS = 60_000
LOOK_S = 0.5
DEATHS_ALLOWED = 2
"""How often a job's process may die with it before the job is dead-lettered."""
AT_ONCE = 200


class Scheduler:
    """One event loop, one connection for what is asked of it, and the desk for what it does."""

    def __init__(self, plan: LivePlan, jobs: Jobs, clock: RunClock, journal: Journal) -> None:
        self._plan, self._jobs, self._journal = plan, jobs, journal
        self._desk = Desk(plan, jobs)
        self._asked: redis.asyncio.Redis = redis.asyncio.Redis.from_url(plan.broker)
        circuit = Circuit() if plan.scenario.event_driven.circuit_breaker else None
        self._gate = Gate(plan.scenario.provider, clock, circuit)
        self._held: dict[str, tuple[float, float, str]] = {}
        """Calls under way by their tickets: their tokens, and the process that makes them."""
        self._asking: set[str] = set()
        self._deaths: Counter[int] = Counter()
        self._unclaimed: set[bytes] = set()

    async def run(self) -> None:
        """For good."""
        for told, due_ns in self._desk.connection.zrange(DUE, 0, -1, withscores=True):
            job, _, attempt = told.decode().partition("-")
            self._ring_at(int(job), int(attempt), int(due_ns))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(group))
            group.create_task(self._watch())

    async def _listen(self, group: asyncio.TaskGroup) -> None:
        while True:
            asked = await self._asked.blpop([ASKS], timeout=1)
            if asked is None:
                continue
            more = await self._asked.lpop(ASKS, AT_ONCE) or []
            for message in [asked[1], *more]:
                self._hear(json.loads(message), group)

    def _hear(self, message: list[Any], group: asyncio.TaskGroup) -> None:
        match message:
            case ["due", job, attempt, due_ns]:
                self._ring_at(job, attempt, due_ns)
            case ["enter", ticket, tokens_in, tokens_out, process]:
                if ticket not in self._asking and ticket not in self._held:
                    self._asking.add(ticket)
                    group.create_task(self._let_through(ticket, tokens_in, tokens_out, process))
            case ["leave", ticket, failed, providers_fault]:
                self._leave(ticket, failed=failed, providers_fault=providers_fault)

    async def _let_through(self, ticket: str, tokens_in: float, tokens_out: float, process: str) -> None:
        waited = await self._gate.enter(tokens_in, tokens_out)
        self._asking.discard(ticket)
        self._held[ticket] = (tokens_in, tokens_out, process)
        async with self._asked.pipeline(transaction=False) as pipeline:
            pipeline.rpush(GO + ticket, "waited" if waited else "at once")
            pipeline.pexpire(GO + ticket, GO_FOR_MS)
            await pipeline.execute()

    def _leave(self, ticket: str, *, failed: bool, providers_fault: bool) -> None:
        held = self._held.pop(ticket, None)
        if held is not None:
            gives_back = failed and not self._plan.scenario.provider.failed_calls_count
            self._gate.leave(held[0], held[1], gives_back=gives_back, providers_fault=providers_fault)

    def _ring_at(self, job: int, attempt: int, due_ns: int) -> None:
        wait_s = max(0.0, (due_ns - time.monotonic_ns()) / 1e9)
        asyncio.get_running_loop().call_later(wait_s, self._ring, job, attempt)

    def _ring(self, job: int, attempt: int) -> None:
        """The scheduler's own list forgets it only once it stands in its queue: a scheduler that dies between the two rings again."""
        self._queue(job, attempt)
        self._desk.connection.zrem(DUE, f"{job}-{attempt}")

    def _queue(self, job: int, attempt: int) -> None:
        self._journal.write(What.QUEUED, job, attempt, float(self._jobs.place[job]))
        self._desk.enqueue(job, attempt)

    async def _watch(self) -> None:
        """What a process that died has left: calls at the provider, attempts under way, and jobs that it had taken but not begun."""
        while True:
            await asyncio.sleep(LOOK_S)
            running = self._desk.connection.hgetall(RUNNING)
            processes = {told.decode().partition(" ")[2] for told in running.values()}
            processes |= {process for _, _, process in self._held.values()}
            handling = self._desk.connection.hgetall(HANDLING)
            processes |= {name.decode() for name in handling.values()}
            dead = {name for name in processes if not self._desk.connection.exists(ALIVE + name)}
            for ticket in [ticket for ticket, held in self._held.items() if held[2] in dead]:
                self._leave(ticket, failed=True, providers_fault=False)
            for job, told in running.items():
                attempt, _, name = told.decode().partition(" ")
                if name in dead:
                    self._take_up(int(job), int(attempt))
            for handed, name in handling.items():
                if name.decode() in dead and self._desk.connection.hdel(HANDLING, handed):
                    job, _, subscriber = handed.decode().partition("-")
                    self._desk.hand(int(job), int(subscriber))
            self._find_unclaimed({int(job) for job in running})

    def _take_up(self, job: int, attempt: int) -> None:
        """Try the attempt again; a job that kills whoever works on it is given up."""
        self._desk.connection.hdel(RUNNING, str(job))
        self._deaths[job] += 1
        if self._deaths[job] <= DEATHS_ALLOWED:
            self._queue(job, attempt)
            return
        kept = self._plan.scenario.event_driven.dead_letter
        if self._desk.finish(job, "dead_lettered" if kept else "failed"):
            if kept:
                self._desk.bury(Letter(job, self._desk.queue_of(job).name, attempt + 1, "its consumer died each time"))
            self._journal.write(What.GAVE_UP, job, attempt, float(kept))

    def _find_unclaimed(self, running: set[int]) -> None:
        """rq keeps a job in an intermediate list between taking it and starting it. One that stays there for two looks has lost its worker."""
        found = set()
        for name in self._plan.scenario.event_driven.queues:
            queue = self._desk.queue_named(name)
            for entry in self._desk.connection.lrange(queue.intermediate_queue_key, 0, -1):
                kind, job, _ = entry.decode().rsplit("-", 2)
                if kind != ATTEMPT.rpartition(".")[2] or int(job) in running or self._desk.is_done(int(job)):
                    continue
                if entry in self._unclaimed:
                    self._desk.connection.lrem(queue.intermediate_queue_key, 1, entry.decode())
                    self._desk.connection.rpush(queue.key, entry)
                else:
                    found.add(entry)
        self._unclaimed = found


async def run(plan: LivePlan) -> None:
    """Works until the leash ends it."""
    jobs, leash = Jobs.read(plan.path / "jobs.npz"), Leash()
    leash.ready()
    clock = RunClock(await leash.begun(), plan.speed)
    with Journal(plan.journal("due")) as journal:
        await Scheduler(plan, jobs, clock, journal).run()


if __name__ == "__main__":
    asyncio.run(run(LivePlan.read(Path(sys.argv[1]))))

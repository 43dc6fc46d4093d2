"""The process of the run's own scheduler.

It rings retries when their pauses are over, to the millisecond; hears for the pacer who wants to call the provider, and who has; and puts back
into its queue what a process that died was working on. All that it must not forget lies in the broker: one that is started anew goes on
where the last one was.
"""

import asyncio
import json
import time
from typing import Any

import redis.asyncio

from simulator.live.system.clock import RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.event_driven.desk import (
    ALIVE,
    ASKS,
    CALLING,
    DEATHS,
    DUE,
    GATE,
    RUNNING,
    WAITING,
    Desk,
    Task,
    held,
)
from simulator.live.system.event_driven.pacer import Pacer
from simulator.live.system.jobs import Jobs
from simulator.live.system.process import ProcessContext
from simulator.live.system.rate_limiter import Permit

LOOK_S = 0.5
UNCLAIMED_S = 1.0
"""How long a task may be taken from its queue and in nobody's hands, before it is put back."""
DEATHS_ALLOWED = 2
"""How often a job's process may die with it before the job is dead-lettered."""
AT_ONCE = 200


class Scheduler:
    """One event loop, one connection for what is asked of it, and the desk for what it does."""

    def __init__(self, plan: ProcessConfig, jobs: Jobs, clock: RunClock) -> None:
        self._desk = Desk(plan, jobs)
        self._pacer = Pacer(plan, self._desk, clock)
        self._asked: redis.asyncio.Redis = redis.asyncio.Redis.from_url(plan.broker)
        self._taken_ns: dict[bytes, int] = {}

    async def run(self) -> None:
        """For good."""
        async with asyncio.TaskGroup() as group:
            self._go_on(group)
            group.create_task(self._listen(group))
            group.create_task(self._watch())

    def _go_on(self, group: asyncio.TaskGroup) -> None:
        """Where another scheduler has been. What was asked meanwhile stands in the line and among the pauses, too, all but the ends of calls."""
        with self._desk.connection.pipeline() as step:
            step.get(GATE).hvals(CALLING).lrange(ASKS, 0, -1).delete(ASKS)
            step.zrange(WAITING, 0, -1).zrange(DUE, 0, -1, withscores=True)
            state, calling, asked, _, waiting, due = step.execute()
        ends = [message for message in map(json.loads, asked) if message[0] == "leave"]
        self._pacer.go_on(state, calling, ends)
        for message in [*ends, *map(json.loads, waiting)]:
            self._hear(message, group)
        for name, due_ns in due:
            group.create_task(self._ring_at(Task.named(name.decode()), int(due_ns)))

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
                group.create_task(self._ring_at(Task("attempt", job, attempt), due_ns))
            case ["enter", *_]:
                self._pacer.enter(message, group)
            case ["leave", passed, failed, providers_fault]:
                self._pacer.leave(Permit(*passed), failed=failed, providers_fault=providers_fault)

    async def _ring_at(self, task: Task, due_ns: int) -> None:
        await asyncio.sleep(max(0.0, (due_ns - time.monotonic_ns()) / 1e9))
        step = self._desk.step()
        step.zrem(DUE, str(task))
        self._desk.put(step, task)
        self._desk.move(step)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()

    def look(self) -> None:
        """For what a process that died has left: calls at the provider or in line, tasks in its hands, and what it had taken and not yet begun."""
        members = [member.decode().partition(" ") for member in self._desk.connection.smembers(RUNNING)]
        in_hands = [(name, process) for name, _, process in members]
        dead = self._dead({process for _, process in in_hands} | self._pacer.processes())
        self._pacer.forget(dead)
        for name, process in in_hands:
            if process in dead:
                self._take_up(Task.named(name), process)
        self._put_back()

    def _dead(self, processes: set[str]) -> set[str]:
        return {process for process in processes if not self._desk.connection.exists(ALIVE + process)}

    def _take_up(self, task: Task, process: str) -> None:
        """Back to the head of its queue; a task that kills whoever works on it is given up."""
        deaths = 1 + int(self._desk.connection.hget(DEATHS, str(task)) or 0)
        step = self._desk.step()
        step.srem(RUNNING, held(task, process))
        step.hset(DEATHS, str(task), deaths)
        if deaths <= DEATHS_ALLOWED:
            self._desk.put(step, task, at_front=True)
        elif task.is_attempt:
            self._desk.give_up(step, task.job, task.index, "its consumer died each time")
        else:
            self._desk.tell(step, task.job, "unhandled", task.index)
        self._desk.move(step)

    def _put_back(self) -> None:
        """rq keeps what a worker has taken in a list until the worker has it in hand. What stays there has lost its worker."""
        now_ns, before, self._taken_ns = time.monotonic_ns(), self._taken_ns, {}
        for queue in self._desk.queues:
            for entry in self._desk.connection.lrange(queue.intermediate_queue_key, 0, -1):
                since_ns = before.get(entry, now_ns)
                if now_ns - since_ns < UNCLAIMED_S * 1e9:
                    self._taken_ns[entry] = since_ns
                    continue
                step = self._desk.step()
                step.lrem(queue.intermediate_queue_key, 1, entry)
                self._desk.put(step, Task.named(entry.decode()), at_front=True)
                self._desk.move(step)


def run(context: ProcessContext) -> None:
    """Work until the controller ends the process."""
    asyncio.run(_schedule(context))


async def _schedule(context: ProcessContext) -> None:
    plan = context.config
    jobs = Jobs.read(plan.path / "jobs.npz")
    context.ready()
    clock = RunClock(await context.started(), plan.speed)
    await Scheduler(plan, jobs, clock).run()

"""What the parts of the event-driven design share in the run's own broker: queues, events, what is running, and what has been given up.

Every attempt at a job, and every subscriber's handling of a result, is in one place: a queue, rq's list of what has been taken, `RUNNING`, or
`DUE`. It goes from one to the next in one step of the broker (`Desk.move`), with everything that goes with it: its event, its fan-out, its
dead letter. Whoever dies has therefore either moved it or not; whoever is only thought dead moves nothing any more.

Nobody else's keys are in that broker, and it ends with the run.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import redis
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from simulator.live.system.config import ProcessConfig
from simulator.live.system.jobs import Jobs

EVENTS, ASKS, DUE, RUNNING, DEAD, DEATHS = "x:events", "x:asks", "x:due", "x:running", "x:dead", "x:deaths"
WAITING, CALLING, GATE = "x:waiting", "x:calling", "x:gate"
"""Calls that wait for the pacer, by when they asked; calls that it has let through, by their tickets; its own state."""
ALIVE, GO = "x:alive:", "x:go:"
ATTEMPT = "simulator.live.system.event_driven.consuming.attempt"
HANDLE = "simulator.live.system.event_driven.consuming.handle"
NEVER = -1
MOVE = """
local at = 1
while at <= #ARGV do
    local last = at + ARGV[at]
    local told = redis.call(unpack(ARGV, at + 1, last))
    if at == 1 and told ~= 1 then return 0 end
    at = last + 1
end
return 1
"""
"""The first command takes something from its place; where it was there, the others follow. Each comes after its number of words."""


@dataclass(frozen=True)
class Letter:
    """A dead letter: its job, how often it was tried, why it was given up, and when, by the machine's clock."""

    job: int
    queue: str
    attempts: int
    reason: str
    at_ns: int


@dataclass(frozen=True)
class Task:
    """What an rq worker has to do: `index` is the attempt at the job, or the subscriber that handles its result."""

    kind: str
    job: int
    index: int

    def __str__(self) -> str:
        return f"{self.kind}-{self.job}-{self.index}"

    @property
    def is_attempt(self) -> bool:
        """Else it is a subscriber's handling."""
        return self.kind == "attempt"

    @classmethod
    def named(cls, name: str) -> "Task":
        """Of its own name, or of an rq job's id, which only adds to it."""
        kind, job, index = name.split("-")[:3]
        return cls(kind, int(job), int(index))


class Desk:
    """One connection pool, and the operations on it."""

    def __init__(self, plan: ProcessConfig, jobs: Jobs) -> None:
        self.connection: Any = redis.Redis.from_url(plan.broker)  # its stubs allow text where there are only bytes
        self._names = list(plan.scenario.event_driven.queues)
        self._queues = {name: self._queue(name) for name in self._names}
        self._subscribers = [self._queue(subscriber_queue(place)) for place in range(jobs.subscribers)]
        self._jobs, self._keeps_letters = jobs, plan.scenario.event_driven.dead_letter
        self._move = self.connection.register_script(MOVE)

    def _queue(self, name: str) -> Queue:
        return Queue(name, connection=self.connection, serializer=JSONSerializer)

    @property
    def queues(self) -> tuple[Queue, ...]:
        """Every class's, and every subscriber's."""
        return (*self._queues.values(), *self._subscribers)

    def queue_of(self, job: int) -> Queue:
        """The queue of the job's class."""
        return self._queues[self._names[self._jobs.place[job]]]

    def queue_named(self, name: str) -> Queue:
        """A class's queue, or a subscriber's."""
        return self._queues.get(name) or self._queue(name)

    def waiting(self) -> int:
        """Jobs in the queues of all classes."""
        with self.connection.pipeline(transaction=False) as pipeline:
            for queue in self._queues.values():
                pipeline.llen(queue.key)
            return int(sum(pipeline.execute()))

    def step(self) -> Any:
        """Commands to be filled in, for `move`."""
        return self.connection.pipeline()

    def move(self, step: Any) -> bool:
        """Run all commands at once, where the first finds what it takes away, and none where it does not. Whether they were run."""
        words: list[Any] = []
        for command, _ in step.command_stack:
            words += [len(command), *command]
        step.reset()
        return bool(self._move(args=words))

    def enqueue(self, job: int, attempt: int) -> None:
        """A new job's attempt stands in its queue."""
        with self.connection.pipeline() as step:
            self.put(step, Task("attempt", job, attempt))
            step.execute()

    def put(self, step: Any, task: Task, *, at_front: bool = False) -> None:
        """The task stands in its queue. Each time it is an rq job of its own: rq forgets one that is done, and with it whatever has its id."""
        queue = self.queue_of(task.job) if task.is_attempt else self._subscribers[task.index]
        wanted = Queue.prepare_data(
            ATTEMPT if task.is_attempt else HANDLE,
            args=(task.job, task.index),
            job_id=f"{task}-{uuid4().hex[:12]}",
            timeout=NEVER,
            result_ttl=0,
            failure_ttl=0,
            description="",
            at_front=at_front,
        )
        queue.enqueue_many([wanted], pipeline=step)
        if task.is_attempt:
            self.tell(step, task.job, "queued", task.index)

    def fan_out(self, step: Any, job: int) -> None:
        """The result to every subscriber's queue."""
        for subscriber in range(len(self._subscribers)):
            self.put(step, Task("handle", job, subscriber))

    def tell(self, step: Any, job: int, event: str, index: int, **more: Any) -> None:
        """An event of the job, for whoever follows it, and for the journal: accept writes it down, the one part that nobody kills."""
        fields: dict[Any, Any] = {"job": job, "event": event, "index": index, "at_ns": time.monotonic_ns(), **more}
        step.xadd(EVENTS, fields)

    def retry_at(self, step: Any, job: int, attempt: int, due_ns: int) -> None:
        """The run's own scheduler rings the attempt then, an instant of the machine's clock."""
        step.zadd(DUE, {str(Task("attempt", job, attempt)): due_ns})
        step.rpush(ASKS, json.dumps(["due", job, attempt, due_ns]))

    def give_up(self, step: Any, job: int, attempt: int, reason: str) -> None:
        """That was the last attempt: to the dead letters, where there are any."""
        self.tell(step, job, "dead_lettered" if self._keeps_letters else "failed", attempt)
        if self._keeps_letters:
            step.hset(DEAD, str(job), json.dumps([self.queue_of(job).name, attempt + 1, reason, time.monotonic_ns()]))

    def dead_letters(self) -> Iterator[Letter]:
        """All of them, by job."""
        for job, told in sorted(self.connection.hgetall(DEAD).items(), key=lambda item: int(item[0])):
            yield Letter(int(job), *json.loads(told))


def held(task: Task, process: str) -> str:
    """As `RUNNING` has it: the task in that process's hands."""
    return f"{task} {process}"


def subscriber_queue(place: int) -> str:
    """The name of a subscriber's queue."""
    return f"subscriber-{place}"


def task_of(job: Job) -> Task:
    """What an rq job is about."""
    return Task.named(job.id)

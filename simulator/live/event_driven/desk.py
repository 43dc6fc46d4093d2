"""What the parts of the event-driven design share in the run's own broker: queues, events, what is running, and what has been given up.

Nobody else's keys are in that broker, and it ends with the run.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import redis
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from simulator.live.jobs import Jobs
from simulator.live.plan import LivePlan

EVENTS, ASKS, DUE, RUNNING, DONE, DEAD = "x:events", "x:asks", "x:due", "x:running", "x:done", "x:dead"
HANDLING = "x:handling"
ALIVE, GO = "x:alive:", "x:go:"
ATTEMPT = "simulator.live.event_driven.consuming.attempt"
HANDLE = "simulator.live.event_driven.consuming.handle"
NEVER = -1


@dataclass(frozen=True)
class Letter:
    """A dead letter: its job, how often it was tried, and why it was given up."""

    job: int
    queue: str
    attempts: int
    reason: str


class Desk:
    """One connection pool, and the operations on it."""

    def __init__(self, plan: LivePlan, jobs: Jobs) -> None:
        self.connection: Any = redis.Redis.from_url(plan.broker)  # its stubs allow text where there are only bytes
        self._names = list(plan.scenario.event_driven.queues)
        self._queues = {name: self._queue(name) for name in self._names}
        self._subscribers = [self._queue(subscriber_queue(place)) for place in range(jobs.subscribers)]
        self._jobs = jobs

    def _queue(self, name: str) -> Queue:
        return Queue(name, connection=self.connection, serializer=JSONSerializer)

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

    def enqueue(self, job: int, attempt: int) -> None:
        """The attempt stands in its queue."""
        _enqueue(self.queue_of(job), ATTEMPT, job, attempt)

    def fan_out(self, job: int) -> None:
        """The result to every subscriber's queue."""
        for subscriber in range(len(self._subscribers)):
            self.hand(job, subscriber)

    def hand(self, job: int, subscriber: int) -> None:
        """The result to one subscriber's queue."""
        _enqueue(self._subscribers[subscriber], HANDLE, job, subscriber)

    def claim(self, rq_job: Job, process: str) -> None:
        """A process has it in hand from now on: an attempt at a job, or a subscriber's handling."""
        job, index = numbers_of(rq_job)
        if rq_job.func_name == ATTEMPT:
            self.connection.hset(RUNNING, str(job), f"{index} {process}")
        else:
            self.connection.hset(HANDLING, f"{job}-{index}", process)

    def tell(self, job: int, event: str, **more: Any) -> None:
        """An event of the job, for whoever follows it."""
        fields: dict[Any, Any] = {"job": job, "event": event, **more}
        self.connection.xadd(EVENTS, fields)

    def is_done(self, job: int) -> bool:
        """Whether the job has its end already."""
        return bool(self.connection.hexists(DONE, str(job)))

    def finish(self, job: int, event: str, text: str = "") -> bool:
        """The job's end: the first one counts. Whether this was it."""
        if not self.connection.hsetnx(DONE, str(job), event):
            return False
        self.tell(job, event, text=text)
        return True

    def bury(self, letter: Letter) -> None:
        """To the dead letters."""
        self.connection.hset(DEAD, str(letter.job), json.dumps([letter.queue, letter.attempts, letter.reason]))

    def dead_letters(self) -> Iterator[Letter]:
        """All of them, by job."""
        for job, told in sorted(self.connection.hgetall(DEAD).items(), key=lambda item: int(item[0])):
            yield Letter(int(job), *json.loads(told))


def _enqueue(queue: Queue, function: str, job: int, index: int) -> None:
    queue.enqueue_call(
        function,
        args=(job, index),
        job_id=f"{function.rpartition('.')[2]}-{job}-{index}",
        timeout=NEVER,
        result_ttl=0,
        failure_ttl=0,
        description="",
    )


def subscriber_queue(place: int) -> str:
    """The name of a subscriber's queue."""
    return f"subscriber-{place}"


def numbers_of(job: Job) -> tuple[int, int]:
    """The job and the attempt (or subscriber) of an rq job."""
    first, second = job.args
    return int(first), int(second)

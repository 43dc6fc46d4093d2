"""The rq queues and jobs of one run, with rq's own retries: one queue a class, one a subscriber, and the dead letters."""

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import redis
from rq import Callback, Queue, Retry
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Job
from rq.registry import FailedJobRegistry
from rq.results import Result
from rq.serializers import JSONSerializer

from simulator.live.system.clock import NS_PER_S
from simulator.live.system.config import ProcessConfig
from simulator.live.system.jobs import Jobs
from simulator.live.system.key_order import KeyOrder
from simulator.live.system.redeliveries import JobDeliveries

TASKS = "simulator.live.system.tasks"
EVENTS = "x:events"
"""A stream of the broker: what the tasks publish for those who wait for a job."""
MOST_CONNECTIONS = 2000
"""Of one process. Each rq worker takes two, one of them for commands to it; redis-py allows 100 by default."""
RQ_TIMEOUT_S = 180


@dataclass(frozen=True)
class DeadLetterEntry:
    """A job in rq's registry of failed jobs: how often it was tried, the last error, and when it ended."""

    job: int
    queue: str
    attempts: int
    reason: str
    ended_at: datetime | None


class RunQueues:
    def __init__(self, config: ProcessConfig, jobs: Jobs) -> None:
        self.connection: Any = redis.Redis.from_url(  # its stubs allow text where there are only bytes
            config.broker, max_connections=MOST_CONNECTIONS
        )
        self.names = list(config.scenario.event_driven.queues)
        self._jobs, self._speed = jobs, config.speed
        design = config.scenario.event_driven
        self._order = KeyOrder(self.connection, jobs) if jobs.keys else None
        self.deliveries = JobDeliveries(self.connection, design) if design.redelivers else None
        self._keeps_dead_letters = config.scenario.event_driven.dead_letter
        longest_s = float(jobs.service_s.max(initial=0.0)) / config.speed
        self._timeout_s = round(max(RQ_TIMEOUT_S, 4 * longest_s + config.drain_limit_s))

    @cached_property
    def classes(self) -> list[Queue]:
        return [self._queue(name) for name in self.names]

    def waiting(self) -> int:
        """Jobs in the queues, or waiting for their key."""
        held_back = 0 if self._order is None else len(self._order.held_back())
        with self.connection.pipeline(transaction=False) as pipeline:
            for queue in self.classes:
                pipeline.llen(queue.key)
            return int(sum(pipeline.execute())) + held_back

    def accept(self, job: int, called_s: float | None) -> None:
        """Queue a job, or let it wait for its key. `called_s` as in `enqueue`."""
        if self._order is None or self._order.hold(job, called_s):
            self.enqueue(job, called_s)

    def release_key(self, job: int) -> None:
        """The job is settled."""
        following = None if self._order is None else self._order.release(job)
        if self._order is not None and following is not None:
            self.enqueue(*following)
            queue = self.classes[self._jobs.place[following[0]]]
            self._order.move_into_line(queue.key, rq_id(following[0]), following[0])

    def enqueue(self, job: int, called_s: float | None = None, delivery: int = 0) -> None:
        """`called_s`: when its client called, if not at its arrival. `delivery`: its number, if another one is still under way."""
        pauses_s = [pause_s / self._speed for pause_s in self._jobs.pauses_s(job)]
        intervals: Any = pauses_s  # rq asks for whole numbers, and takes others
        wanted = Queue.prepare_data(
            f"{TASKS}.attempt",
            args=(job, called_s),
            job_id=rq_id(job) if delivery == 0 else f"{rq_id(job)}-{delivery}",
            timeout=self._timeout_s,
            retry=Retry(len(pauses_s), intervals) if pauses_s else None,
            failure_ttl=None if self._keeps_dead_letters else 0,
            on_failure=Callback(f"{TASKS}.record_failure"),
            description="",
        )
        self.classes[self._jobs.place[job]].enqueue_many([wanted])

    def fan_out(self, job: int) -> None:
        with self.connection.pipeline() as pipeline:
            for subscriber in range(self._jobs.subscribers):
                wanted = Queue.prepare_data(
                    f"{TASKS}.handle_for_subscriber",
                    args=(job, subscriber),
                    job_id=f"handle-{job}-{subscriber}",
                    timeout=self._timeout_s,
                    description="",
                )
                self._queue(subscriber_queue(subscriber)).enqueue_many([wanted], pipeline=pipeline)
            pipeline.execute()

    def publish(self, job: int, event: str, text: str = "") -> None:
        self.connection.xadd(EVENTS, {"job": job, "event": event, "text": text})

    def read_dead_letters(self) -> tuple[DeadLetterEntry, ...]:
        """Every job in rq's registries of failed jobs, by job."""
        letters = []
        for registry in self._failed_registries:
            for rq_job in self.fetch(registry.get_job_ids()):
                result = rq_job.latest_result()
                error = (result.exc_string if result is not None else None) or "unknown"
                reason = error.strip().splitlines()[-1].rpartition("AttemptFailed: ")[2]
                attempts = self.index_of(rq_job)
                letters.append(DeadLetterEntry(job_number(rq_job.id), registry.name, attempts, reason, rq_job.ended_at))
        return tuple(sorted(letters, key=lambda letter: letter.job))

    def requeue_dead_letter(self, job: int) -> bool:
        """Let rq requeue it for one more attempt; False if it is none (any more)."""
        if self.deliveries is not None:
            self.deliveries.reopen(job)
        for registry in self._failed_registries:
            for name in registry.get_job_ids():
                if job_number(name) == job:
                    with suppress(InvalidJobOperation, NoSuchJobError):
                        registry.requeue(name)
                        return True
        return False

    def index_of(self, rq_job: Job) -> int:
        """The number of the job's next attempt, or of its next delivery; of a job that has ended how many there were."""
        if self.deliveries is not None:
            return self.deliveries.taken(job_number(rq_job.id))
        return attempt_number(rq_job, self._jobs.retries)

    def delete_dead_letters(self) -> int:
        """Return how many there were."""
        removed = 0
        for registry in self._failed_registries:
            for rq_job in self.fetch(registry.get_job_ids()):
                registry.remove(rq_job, delete_job=True)
                removed += 1
        return removed

    @property
    def _failed_registries(self) -> list[FailedJobRegistry]:
        return [queue.failed_job_registry for queue in self.classes]

    def held_jobs(self) -> set[int]:
        """The jobs that rq still has somewhere: in a queue, with a worker, scheduled for a retry, or in its registry of failed jobs."""
        held: set[str] = set()
        waiting = set[int]() if self._order is None else self._order.held_back()
        for queue in self.classes:
            held.update(queue.get_job_ids())
            held.update(entry.decode() for entry in self.connection.lrange(queue.intermediate_queue_key, 0, -1))
            held.update(queue.started_job_registry.get_job_ids(cleanup=False))
            held.update(queue.scheduled_job_registry.get_job_ids())
            held.update(queue.failed_job_registry.get_job_ids())
        return waiting | {job_number(name) for name in held}

    def waiting_jobs(self) -> list[Job]:
        return self.fetch(name for queue in self.classes for name in queue.get_job_ids())

    def fetch(self, ids: Iterable[str]) -> list[Job]:
        fetched = Job.fetch_many(ids, connection=self.connection, serializer=JSONSerializer)
        return [rq_job for rq_job in fetched if rq_job is not None]

    def _queue(self, name: str) -> Queue:
        return Queue(name, connection=self.connection, serializer=JSONSerializer)


def rq_id(job: int) -> str:
    return f"job-{job}"


def job_number(name: str) -> int:
    return int(name.split("-")[1])


def attempt_number(rq_job: Job, retries: int) -> int:
    """How many attempts there were before, those of a job that was requeued from the failed jobs included."""
    left = rq_job.retries_left or 0
    return retries - left + (Result.count(rq_job) if left == 0 else 0)


def enqueued_ns(rq_job: Job) -> int:
    assert rq_job.enqueued_at is not None  # noqa: S101  it was dequeued
    return monotonic_ns(rq_job.enqueued_at)


def monotonic_ns(instant: datetime) -> int:
    return time.monotonic_ns() - round(time.time_ns() - instant.timestamp() * NS_PER_S)


def subscriber_queue(subscriber: int) -> str:
    return f"subscriber-{subscriber}"


def read_event(fields: dict[bytes, bytes]) -> tuple[int, str, str]:
    return int(fields[b"job"]), fields[b"event"].decode(), fields[b"text"].decode()

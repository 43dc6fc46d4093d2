"""Measures what rq itself takes for a job, by rq's own job hashes, with functions of the standard library on the user's own workers."""

import shlex
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from math import nan
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import redis
from rq import Queue, Retry, registry
from rq.job import Job
from rq.scheduler import RQScheduler
from rq.serializers import resolve_serializer
from rq.suspension import is_suspended
from rq.utils import utcparse
from rq.worker_registration import get_keys

from core.errors import CannotRun
from core.numbers import count

IDLE_JOBS = 20
"""Jobs one at a time, each when its worker has nothing else to do."""
BURST_JOB_S = 0.1
"""How long each job of the burst sleeps: workers that have nothing to wait for would compete for the processor as no others do."""
FEWEST_PAIRS = 10
RETRIES, LOOKS = 8, 4
RETRY_PAUSE_S = 2
RETRY_EVERY_S = 0.7
"""The time between two failing jobs; no divisor of a second, so that failures come at all parts of one."""
ONE_LOOK_S = 0.1
"""Retries that are queued within this time were found by the same look of the scheduler."""
FIRST_JOB_S, LAST_JOB_S = 10.0, 5.0
REST_S = 0.03
"""After a job of its own, a worker is given this time to put it away."""
POLL_S, MANY_POLL_S = 0.002, 0.1
JOB_TTL_S = 600
"""Whatever becomes of the measuring, the broker itself forgets its jobs after this time."""
REGISTRIES = (
    registry.StartedJobRegistry,
    registry.FinishedJobRegistry,
    registry.FailedJobRegistry,
    registry.ScheduledJobRegistry,
    registry.DeferredJobRegistry,
    registry.CanceledJobRegistry,
)
ENDED = frozenset({"finished", "failed", "stopped", "canceled"})
FIELDS = ("status", "enqueued_at", "started_at", "ended_at", "worker_name")

Say = Callable[[str], None]


class CannotMeasure(CannotRun):
    pass


class BadAddress(ValueError):
    pass


class UnknownSerializer(ValueError):
    pass


@dataclass(frozen=True)
class Spread:
    """Of a sample, in seconds."""

    median_s: float
    low_s: float
    """The 5th percentile."""
    high_s: float
    """The 95th percentile."""
    count: int

    @classmethod
    def from_sample(cls, sample: Iterable[float]) -> "Spread":
        values = sorted(sample)
        last = len(values) - 1
        return cls(median(values), values[round(0.05 * last)], values[round(0.95 * last)], len(values))


@dataclass(frozen=True)
class RqCosts:
    """What was measured. A pick-up is None if the clocks differ, a look and a pause are None if no retry came back."""

    workers: int
    enqueue: Spread
    pickup: Spread | None
    dispatch: Spread
    look_s: float | None
    late: Spread | None
    """By how much the pauses before retries were longer than asked; negative: shorter."""
    problems: tuple[str, ...] = ()

    @property
    def accept_s(self) -> float:
        """What delays a job without occupying a worker: enqueueing, and the pick-up without the dispatch."""
        picked = max(0.0, self.pickup.median_s - self.dispatch.median_s) if self.pickup else 0.0
        return round(self.enqueue.median_s + picked, 5)

    @property
    def dispatch_s(self) -> float:
        """What each job takes of a worker's time in addition to its work."""
        return round(self.dispatch.median_s, 5)

    @property
    def retry_tick_s(self) -> float | None:
        return None if self.look_s is None else round(self.look_s, 2)


def shown_address(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


@contextmanager
def connected(url: str) -> Iterator[Any]:
    """A connection to the broker at the URL.

    Raises:
        BadAddress: if that is no such URL.
        CannotMeasure: if no broker answers there, or it ends meanwhile.
    """
    try:
        opened = redis.Redis.from_url(url, socket_connect_timeout=5)
    except ValueError:  # its words may hold a part of the password
        raise BadAddress(
            "must be redis://HOST:PORT/DB, rediss://HOST:PORT/DB or unix://PATH, with %XX for special characters of a password"
        ) from None
    with opened as connection:
        try:
            connection.ping()
            yield connection
        except redis.exceptions.AuthenticationError as error:
            raise CannotMeasure(
                f"The broker at {shown_address(url)} does not accept this user and password."
            ) from error
        except redis.exceptions.ResponseError as error:
            raise CannotMeasure(f"The broker at {shown_address(url)} answers with an error: {error}.") from error
        except redis.exceptions.RedisError as error:
            reason = str(error).rstrip(".")
            raise CannotMeasure(f"The broker at {shown_address(url)} does not answer: {reason}.") from error


def measure_rq(
    connection: Any,
    queue: str,
    *,
    jobs: int,
    timeout_s: float,
    serializer: str | None = None,
    say: Say = lambda _: None,
) -> RqCosts:
    """Measure with `jobs` jobs, which are deleted again whatever happens.

    Raises:
        UnknownSerializer: if there is none of that name.
        CannotMeasure: with the reason.
    """
    try:
        serializing = resolve_serializer(serializer)
    except (ImportError, AttributeError, NotImplementedError, ValueError) as error:
        raise UnknownSerializer(
            f"there is no serializer {serializer!r} with dumps and loads; give json, pickle or a class that can be imported here"
        ) from error
    measuring = _Measuring(
        connection, Queue(queue, connection=connection, serializer=serializing), time.monotonic() + timeout_s, timeout_s
    )
    workers = measuring.require_idle_workers()
    if jobs < 2 * workers:
        raise CannotMeasure(
            f"{count(workers, 'worker')} {'listens' if workers == 1 else 'listen'} on {queue}, and each has to do two jobs or more in a row:"
            f" give --jobs {2 * workers} or more."
        )
    try:
        say("One job at a time")
        enqueue, pickup = measuring.idle()
        say("Jobs in a row")
        dispatch = measuring.burst(jobs)
        say("Retries")
        look_s, late = measuring.retries()
    finally:
        measuring.delete()
    return RqCosts(workers, enqueue, pickup, dispatch, look_s, late, tuple(measuring.problems))


@dataclass
class _Row:
    status: str
    worker: str
    enqueued_at: float
    """Not a number as long as it has not happened; as the two below."""
    started_at: float
    ended_at: float

    @classmethod
    def from_hash(cls, values: Sequence[bytes | None]) -> "_Row":
        status, enqueued, started, ended, worker = (value.decode() if value else "" for value in values)
        instants = (utcparse(text).timestamp() if text else nan for text in (enqueued, started, ended))
        return cls(status, worker, *instants)


@dataclass
class _Measuring:
    connection: Any
    queue: Queue
    deadline: float
    timeout_s: float
    prefix: str = field(default_factory=lambda: f"crossover-measure-{uuid.uuid4().hex}-")
    ids: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.was_unknown = not self.connection.sismember(Queue.redis_queues_keys, self.queue.key)

    def require_idle_workers(self) -> int:
        """How many workers listen on the queue, in which nothing waits.

        Raises:
            CannotMeasure: if there are none, or jobs wait.
        """
        name = self.queue.name
        keys = get_keys(queue=self.queue)
        workers = int(self.connection.exists(*keys)) if keys else 0
        if not workers:
            raise CannotMeasure(
                f"No rq worker listens on the queue {name}: start one (rq worker {shlex.quote(name)}), or give another --queue."
            )
        if is_suspended(self.connection):
            raise CannotMeasure("The rq workers of this broker are suspended: let them go on (rq resume).")
        if waiting := len(self.queue):
            raise CannotMeasure(
                f"{count(waiting, 'job')} {'waits' if waiting == 1 else 'wait'} in the queue {name}: measure when it is empty."
            )
        return workers

    def idle(self) -> tuple[Spread, Spread | None]:
        enqueued, picked, skewed = [], [], []
        for place in range(IDLE_JOBS):
            begun_at, began = time.time(), time.perf_counter()
            [job] = self._enqueue([("time.sleep", (0,))])
            enqueued.append(time.perf_counter() - began)
            row = self._ended([job], FIRST_JOB_S if place == 0 else None)[0]
            seen_at = time.time()
            picked.append(row.started_at - row.enqueued_at)
            skewed.append(max(row.ended_at - seen_at, min(0.0, row.started_at - begun_at)))
            time.sleep(REST_S)
        ahead_s = median(skewed)
        if ahead_s > 0 or ahead_s < 0:
            way = "ahead of" if ahead_s > 0 else "behind"
            self.problems.append(
                f"The workers' clock is at least {1000 * abs(ahead_s):.0f} ms {way} this machine's: the pick-up, which would compare the two,"
                " is left out."
            )
        return Spread.from_sample(enqueued), None if ahead_s else Spread.from_sample(picked)

    def burst(self, jobs: int) -> Spread:
        ids = self._enqueue([("time.sleep", (BURST_JOB_S,))] * jobs)
        by_worker: Mapping[str, list[_Row]] = defaultdict(list)
        for row in self._ended(ids):
            by_worker[row.worker].append(row)
        between = []
        for rows in by_worker.values():
            rows.sort(key=lambda row: row.started_at)
            between += [later.started_at - row.ended_at for row, later in pairwise(rows)]
        if len(between) < FEWEST_PAIRS:
            raise CannotMeasure(
                f"Only {count(len(between), 'job')} followed another on the same worker: give more --jobs."
            )
        return Spread.from_sample(max(0.0, gap) for gap in between)

    def retries(self) -> tuple[float | None, Spread | None]:
        name = self.queue.name
        if not self.connection.exists(RQScheduler.get_locking_key(name)):
            self.problems.append(
                f"No scheduler runs for the queue {name}, so retries after a pause never come back: start a worker with --with-scheduler."
            )
            return None, None
        open_ids: list[str] = []
        failed: dict[str, _Row] = {}
        queued_at: dict[str, float] = {}
        next_at = time.monotonic()
        while len(queued_at) < RETRIES or len(_looks(queued_at.values())) < LOOKS:
            if time.monotonic() > self.deadline:
                break
            if time.monotonic() >= next_at:
                open_ids += self._enqueue([("operator.truediv", (1, 0))], RETRY_PAUSE_S)
                next_at += RETRY_EVERY_S
            for job, row in zip(open_ids, self._rows(open_ids), strict=True):
                if row.status == "scheduled":
                    failed[job] = row
                elif job in failed and row.enqueued_at != failed[job].enqueued_at:
                    queued_at[job] = row.enqueued_at
            open_ids = [job for job in open_ids if job not in queued_at]
            time.sleep(REST_S)
        looks = _looks(queued_at.values())
        if len(looks) < 2:
            self.problems.append(
                f"In {self.timeout_s:g} s the scheduler of the queue {name} brought {count(len(queued_at), 'retry')} back: "
                "it does not run, or looks more rarely. Give a longer --timeout."
            )
            return None, None
        late = Spread.from_sample(queued_at[job] - failed[job].ended_at - RETRY_PAUSE_S for job in queued_at)
        return median(later - look for look, later in pairwise(looks)), late

    def delete(self) -> None:
        """Delete every trace of the jobs. One that a worker has is waited for, or the worker would write it again."""
        until, left = time.monotonic() + LAST_JOB_S, list(self.ids)
        while left:
            taken_back = self._take_back(left)
            rows = zip(left, self._rows(left), strict=True)
            left = [job for job, row in rows if job not in taken_back and row.status not in ENDED]
            if time.monotonic() > until:
                break
            time.sleep(REST_S)
        registries = [self._registry(kind) for kind in REGISTRIES]
        with self.connection.pipeline() as pipeline:
            for job in self.ids:
                seen = self.queue.intermediate_queue.get_first_seen_key(job)
                pipeline.delete(Job.key_for(job), f"rq:results:{job}", seen)
                for key in registries:
                    pipeline.zrem(key, job)
            if self.was_unknown and not self.connection.exists(self.queue.key):
                pipeline.srem(Queue.redis_queues_keys, self.queue.key)
            pipeline.execute()

    def _take_back(self, ids: Sequence[str]) -> set[str]:
        scheduled = self._registry(registry.ScheduledJobRegistry)
        with self.connection.pipeline() as pipeline:
            for job in ids:
                pipeline.zrem(scheduled, job)
                pipeline.lrem(self.queue.key, 1, job)
            removed = pipeline.execute()
        return {job for job, *from_either in zip(ids, removed[::2], removed[1::2], strict=True) if any(from_either)}

    def _registry(self, kind: Any) -> str:
        return str(kind(self.queue.name, connection=self.connection).key)

    def _enqueue(self, calls: Sequence[tuple[str, tuple[Any, ...]]], pause_s: int | None = None) -> list[str]:
        ids = [f"{self.prefix}{len(self.ids) + place}" for place in range(len(calls))]
        self.ids += ids
        self.queue.enqueue_many(
            [
                Queue.prepare_data(
                    function,
                    args=arguments,
                    job_id=job,
                    timeout=60,
                    ttl=JOB_TTL_S,
                    result_ttl=JOB_TTL_S,
                    failure_ttl=JOB_TTL_S,
                    description="Crossover measures what rq takes of a job",
                    retry=None if pause_s is None else Retry(max=1, interval=pause_s),
                )
                for job, (function, arguments) in zip(ids, calls, strict=True)
            ]
        )
        return ids

    def _rows(self, ids: Sequence[str]) -> list[_Row]:
        with self.connection.pipeline(transaction=False) as pipeline:
            for job in ids:
                pipeline.hmget(Job.key_for(job), FIELDS)
            return [_Row.from_hash(values) for values in pipeline.execute()]

    def _ended(self, ids: Sequence[str], within_s: float | None = None) -> list[_Row]:
        """The jobs, once all have ended.

        Raises:
            CannotMeasure: if one has failed, or they do not end in time.
        """
        until = self.deadline if within_s is None else min(self.deadline, time.monotonic() + within_s)
        left, ended = list(ids), dict[str, _Row]()
        while left:
            for job, row in zip(left, self._rows(left), strict=True):
                if row.status == "finished":
                    ended[job] = row
                elif row.status in ENDED:
                    raise CannotMeasure(
                        "A worker could not run time.sleep: does it read another serializer? Give --serializer as the workers have it"
                        " (json, or a class that can be imported here)."
                    )
            left = [job for job in left if job not in ended]
            if left and time.monotonic() > until:
                raise CannotMeasure(self._late(len(ended), len(ids), within_s))
            time.sleep(POLL_S if len(left) < FEWEST_PAIRS else MANY_POLL_S)
        return [ended[job] for job in ids]

    def _late(self, ended: int, jobs: int, within_s: float | None) -> str:
        if within_s is not None:
            return f"No worker of the queue {self.queue.name} did a job within {within_s:g} s: are they busy, or suspended?"
        return f"Only {ended} of {count(jobs, 'job')} ended within {self.timeout_s:g} s: give fewer --jobs, or a longer --timeout."


def _looks(queued_at: Iterable[float]) -> list[float]:
    looks: list[float] = []
    for at in sorted(queued_at):
        if not looks or at - looks[-1] > ONE_LOOK_S:
            looks.append(at)
    return looks

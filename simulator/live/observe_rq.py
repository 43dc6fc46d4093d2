"""Looks at a running rq, without changing anything: what arrives, waits, runs, fails and is tried again in each queue.

Only commands that read, each for at most `MOST_IDS` keys: no scan, no `KEYS`, none that blocks. Jobs are found at the end of their queue, while
they run, and among those that have ended last; what rq's workers count themselves says how many were not found.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, nan
from typing import Any

import numpy as np
from rq import Queue, registry
from rq.job import Job
from rq.utils import parse_composite_key, utcparse
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from core.errors import CannotRun
from core.numbers import count
from simulator.experiment import simulate
from simulator.replications import OnProgress, Progress
from simulator.scenario import Scenario
from simulator.trace_columns import Floats

LOOK_S = 0.5
MOST_IDS = 500
"""Jobs that are asked for at one look, of each queue."""
MOST_FOLLOWED = 5_000
"""Jobs of a queue that are followed until they have ended."""
MOST_QUEUES, MOST_LISTENING = 50, 1_000
FOUND = 0.95
"""With fewer of the jobs found, the rate and the mean service time are those that rq's own counts give."""
WAITING = {
    "started": registry.StartedJobRegistry,
    "scheduled": registry.ScheduledJobRegistry,
    "deferred": registry.DeferredJobRegistry,
    "failed": registry.FailedJobRegistry,
}
_FIELDS = ("status", "created_at", "enqueued_at", "started_at", "ended_at", "retries_left")
COUNTERS = ("successful_job_count", "failed_job_count", "total_working_time", "queues", "state")


class CannotObserve(CannotRun):
    pass


@dataclass(frozen=True)
class Attempt:
    """One execution of a job that has ended; instants by the clocks of rq's own machines (seconds since 1970)."""

    enqueued_at: float
    started_at: float
    ended_at: float
    failed: bool

    @property
    def wait_s(self) -> float:
        return max(0.0, self.started_at - self.enqueued_at)

    @property
    def service_s(self) -> float:
        return self.ended_at - self.started_at


@dataclass(frozen=True)
class QueueObservation:
    name: str
    seconds: float
    arrived_at: Floats
    """When each job that came during the observation and was found was created, in order."""
    attempts: tuple[Attempt, ...]
    arrivals: int
    """By rq's own counts if workers of this queue alone serve it; else those that were found."""
    executions: int
    working_s: float
    """What rq's workers counted, or what was found."""
    workers: int
    most_retries: int
    """That a job found had been given."""
    depths: Floats
    """Jobs waiting, at each look."""
    busy_share: float
    """Of the looks at each worker, those at which it worked."""

    @property
    def rate_per_s(self) -> float:
        return self.arrivals / self.seconds

    @property
    def mean_service_s(self) -> float:
        return self.working_s / self.executions if self.executions else nan

    @property
    def service_s(self) -> Floats:
        return np.array([attempt.service_s for attempt in self.attempts])

    @property
    def wait_s(self) -> Floats:
        return np.array([attempt.wait_s for attempt in self.attempts])

    @property
    def failed_share(self) -> float:
        return float(np.mean([attempt.failed for attempt in self.attempts])) if self.attempts else 0.0

    @property
    def found_share(self) -> float:
        return min(1.0, len(self.attempts) / self.executions) if self.executions else 1.0

    @property
    def is_sampled(self) -> bool:
        return self.found_share < FOUND

    @property
    def load(self) -> float:
        """Of the workers' time, what arrives takes: executions of all attempts for each arrival, at their mean time."""
        repeats = max(1.0, self.executions / max(1, self.arrivals)) if self.most_retries else 1.0
        return self.rate_per_s * repeats * self.mean_service_s / self.workers if self.workers else nan

    @property
    def drain_s(self) -> float | None:
        """How long the present backlog takes to drain; None if it does not."""
        spare_per_s = self.workers / self.mean_service_s * (1 - self.load) if self.executions else 0.0
        return float(self.depths[-1]) / spare_per_s if spare_per_s > 0 else None

    @property
    def interarrival_cv(self) -> float | None:
        """None with fewer than 30 jobs."""
        gaps = np.diff(self.arrived_at)
        return float(gaps.std() / gaps.mean()) if len(gaps) >= 30 and gaps.mean() > 0 else None


def observe(
    connection: Any, names: Sequence[str], seconds: float, on_progress: OnProgress | None = None
) -> list[QueueObservation]:
    """Look for that many seconds at these queues, or at all if none is named.

    Raises:
        CannotObserve: there is no such queue, or there are too many.
    """
    queues = [_Watched(connection, name) for name in names or _all_names(connection)]
    if names:
        _require_known(connection, names)
    begun = time.monotonic()
    for queue in queues:
        queue.begin()
    while (passed := time.monotonic() - begun) < seconds:
        time.sleep(min(LOOK_S, seconds - passed))
        for queue in queues:
            queue.look()
        if on_progress is not None:
            on_progress(Progress("Observing", min(1.0, (time.monotonic() - begun) / seconds)))
    return [queue.end(time.monotonic() - begun) for queue in queues]


def _all_names(connection: Any) -> list[str]:
    key = Queue.redis_queues_keys
    if (known := connection.scard(key)) > MOST_QUEUES:
        raise CannotObserve(f"There are {count(known, 'queue')}, more than {MOST_QUEUES}: give --queue.")
    names = sorted(key.decode().removeprefix(Queue.redis_queue_namespace_prefix) for key in connection.smembers(key))
    if not names:
        raise CannotObserve("There is no rq queue at this address: is it the right database (redis://host/N)?")
    return names


def _require_known(connection: Any, names: Iterable[str]) -> None:
    for name in names:
        key = f"{Queue.redis_queue_namespace_prefix}{name}"
        is_known = connection.sismember(Queue.redis_queues_keys, key) or connection.exists(WORKERS_BY_QUEUE_KEY % name)
        if not is_known:  # rq knows a queue from its first job or worker on
            known = ", ".join(_all_names(connection)[:10])
            raise CannotObserve(f"There is no queue {name} at this address; there are: {known}.")


@dataclass
class _Counts:
    """Of the workers of a queue, and of what waits in it."""

    queued: int = 0
    waiting: Mapping[str, int] = field(default_factory=dict)
    workers: Mapping[str, tuple[int, int, float]] = field(default_factory=dict)
    """Successes, failures and seconds of work of each."""
    busy: int = 0
    is_alone: bool = True
    """Whether no worker listens on other queues, too."""


class _Watched:
    def __init__(self, connection: Any, name: str) -> None:
        self._connection, self._name = connection, name
        self._queue = Queue(name, connection=connection)
        self._keys = {kind: str(made(name, connection=connection).key) for kind, made in WAITING.items()}
        self._finished = str(registry.FinishedJobRegistry(name, connection=connection).key)
        self._followed: dict[str, None] = {}
        self._done: set[str] = set()
        self._created: dict[str, float] = {}
        self._attempts: dict[tuple[str, float], Attempt] = {}
        self._seen: dict[str, set[float]] = {}
        """When the executions of a job that may be tried again were queued."""
        self._retries = 0
        self._depths: list[int] = []
        self._busy: list[float] = []
        self._succeeded = self._failed = 0
        self._working_s = 0.0
        self._begun_at = 0.0

    def begin(self) -> None:
        seconds, microseconds = self._connection.time()
        self._begun_at = seconds + microseconds / 1e6
        self._first = self._last = self._read()
        self._depths.append(self._first.queued)

    def look(self) -> None:
        self._read_jobs()
        counts = self._read()
        for name, (succeeded, failed, working_s) in counts.workers.items():
            before = self._last.workers.get(name, (0, 0, 0.0))  # a worker that has begun meanwhile counts from 0
            if succeeded >= before[0] and failed >= before[1]:
                self._succeeded += succeeded - before[0]
                self._failed += failed - before[1]
                self._working_s += max(0.0, working_s - before[2])
        self._depths.append(counts.queued)
        if counts.workers:
            self._busy.append(counts.busy / len(counts.workers))
        self._last = counts

    def _read(self) -> _Counts:
        names = self._worker_keys()
        with self._connection.pipeline(transaction=False) as pipeline:
            pipeline.llen(self._queue.key)
            for key in self._keys.values():
                pipeline.zcard(key)
            for name in names:
                pipeline.hmget(name, COUNTERS)
            queued, *rest = pipeline.execute()
        sizes, hashes = rest[: len(self._keys)], rest[len(self._keys) :]
        workers, busy, is_alone = {}, 0, True
        for name, (succeeded, failed, working_s, queues, state) in zip(names, hashes, strict=True):
            workers[name] = (int(succeeded or 0), int(failed or 0), float(working_s or 0.0))
            busy += state == b"busy"
            is_alone &= queues is None or queues.decode() == self._name
        return _Counts(queued, dict(zip(self._keys, sizes, strict=True)), workers, busy, is_alone)

    def _worker_keys(self) -> list[str]:
        key = WORKERS_BY_QUEUE_KEY % self._name
        if (listening := self._connection.scard(key)) > MOST_LISTENING:
            raise CannotObserve(f"{count(listening, 'worker')} listen on {self._name}, more than {MOST_LISTENING:,}.")
        return sorted(name.decode() for name in self._connection.smembers(key))

    def _read_jobs(self) -> None:
        with self._connection.pipeline(transaction=False) as pipeline:
            pipeline.lrange(self._queue.key, -MOST_IDS, -1)
            pipeline.zrange(self._keys["started"], 0, MOST_IDS - 1)
            pipeline.zrevrange(self._finished, 0, MOST_IDS - 1)
            pipeline.zrevrange(self._keys["failed"], 0, MOST_IDS - 1)
            pipeline.zrange(self._keys["scheduled"], 0, MOST_IDS - 1)
            queued, started, *others = pipeline.execute()
        seen = [parse_composite_key(entry.decode())[0] for entry in started]
        seen += [entry.decode() for entries in (queued, *others) for entry in entries]
        for job in seen:
            if job not in self._done and len(self._followed) < MOST_FOLLOWED:
                self._followed[job] = None
        ids = list(self._followed)
        for start in range(0, len(ids), MOST_IDS):
            self._read_hashes(ids[start : start + MOST_IDS])

    def _read_hashes(self, ids: Sequence[str]) -> None:
        with self._connection.pipeline(transaction=False) as pipeline:
            for job in ids:
                pipeline.hmget(Job.key_for(job), _FIELDS)
            hashes = pipeline.execute()
        for job, values in zip(ids, hashes, strict=True):
            status, *texts = (value.decode() if value else "" for value in values)
            created_at, enqueued_at, started_at, ended_at = (
                utcparse(text).timestamp() if text else nan for text in texts[:4]
            )
            if created_at >= self._begun_at:
                self._created[job] = created_at
            if ended_at >= started_at and ended_at >= self._begun_at:
                key = (job, started_at)
                before = self._attempts.get(key)
                queued_at = before.enqueued_at if before else enqueued_at
                if queued_at <= started_at:  # else it is queued again already, and when it was before is not known
                    self._attempts[key] = Attempt(queued_at, started_at, ended_at, status != "finished")
            if texts[4].isdigit() and enqueued_at > 0:
                self._seen[job] = {*self._seen.get(job, ()), enqueued_at}
                self._retries = max(self._retries, int(texts[4]) + len(self._seen[job]) - 1)
            if status in ("finished", "failed", "stopped", "canceled", ""):
                del self._followed[job]
                self._done.add(job)

    def end(self, seconds: float) -> QueueObservation:
        self._read_jobs()
        attempts = tuple(sorted(self._attempts.values(), key=lambda attempt: attempt.ended_at))
        arrivals, executions = len(self._created), len(attempts)
        working_s = sum(attempt.service_s for attempt in attempts)
        counted = self._succeeded + self._failed
        if self._last.is_alone and counted and executions < FOUND * counted:
            executions, working_s = counted, self._working_s
            arrivals = max(arrivals, self._succeeded + self._grown())
        return QueueObservation(
            name=self._name,
            seconds=seconds,
            arrived_at=np.array(sorted(self._created.values())),
            attempts=attempts,
            arrivals=arrivals,
            executions=executions,
            working_s=working_s,
            workers=len(self._last.workers),
            most_retries=self._retries,
            depths=np.array(self._depths, dtype=np.float64),
            busy_share=float(np.mean(self._busy)) if self._busy else 0.0,
        )

    def _grown(self) -> int:
        """By how many jobs what waits, runs or has failed for good has grown."""
        return (
            self._last.queued
            - self._first.queued
            + sum(self._last.waiting[kind] - self._first.waiting[kind] for kind in self._keys)
        )


QUANTILE = 0.95
"""Of waits, for the target."""
SIMULATED_JOBS, MOST_SERVERS = 20_000, 4096


def workers_for_wait(observed: QueueObservation, wait_s: float, rate_per_s: float | None = None) -> int | None:
    """The fewest workers with which 95 % of the jobs wait no longer, simulated with the times and the gaps that were observed.

    None: nothing was executed, or more than `MOST_SERVERS` are needed.
    """
    times_s, rate = observed.service_s[observed.service_s > 0], rate_per_s or observed.rate_per_s
    if not len(times_s) or rate <= 0:
        return None
    cv = observed.interarrival_cv
    arrivals = {"process": "poisson"} if cv is None else {"process": "gamma", "cv": min(20.0, max(0.05, cv))}
    scenario = Scenario.parse(
        {
            "jobs": SIMULATED_JOBS,
            "warmup_jobs": SIMULATED_JOBS // 20,
            "arrivals": arrivals | {"rate_per_s": rate},
            "service": {"distribution": "empirical", "path": observed.name},
        }
    )

    def keeps(workers: int) -> bool:
        waits = simulate(scenario.with_servers(workers), durations_s=times_s, replications=3).event_driven.wait_s
        return waits.p95 is not None and waits.p95 <= wait_s

    high = max(1, ceil(rate * float(times_s.mean())))
    while not keeps(high):
        high *= 2
        if high > MOST_SERVERS:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if keeps(middle) else (middle, high)
    return high

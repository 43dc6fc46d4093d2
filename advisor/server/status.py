"""The status of the site, read anew from the database and the broker, so that every web process reports the same."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import django_rq
import redis
from django.conf import settings
from django.db import DatabaseError
from django.db.models import Count, Min
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from rq import Queue
from rq.job import Job
from rq.utils import as_text, utcparse
from rq.worker import BaseWorker
from rq.worker import WorkerStatus as RqWorkerStatus
from rq.worker_registration import get_keys

from advisor.decisions.limits import RECONCILE_EVERY_S
from advisor.decisions.models import Run, State

HEARTBEAT_EVERY_S = 5
ALIVE_WITHIN_S = 3 * HEARTBEAT_EVERY_S
"""A worker whose last heartbeat is older than this counts as dead."""

BrokerError = redis.exceptions.RedisError

SAFE_POLICY = "noeviction"
"""Of Redis's policies for a full memory, the only one that never drops a key."""
RECONCILER_KEY = "crossover:reconciler"
WORKER_KEY = "crossover:worker:{}"
HUNG_BROKER_KEY = "crossover:broker-hung"
HUNG_BROKER_SHOWN = timedelta(days=1)
RECONCILER_LATE_S = 4 * RECONCILE_EVERY_S
HEARTBEAT_KEPT_S = 60


@dataclass(frozen=True)
class QueueStatus:
    name: str
    depth: int
    """Jobs that no worker has taken."""
    lag_s: float
    """Since the job at the head was queued; 0 for an empty queue."""


@dataclass(frozen=True)
class WorkerStatus:
    name: str
    process: str
    """`host:pid`, as in the leases that it holds."""
    heartbeat_age_s: float
    is_busy: bool

    @property
    def is_alive(self) -> bool:
        return self.heartbeat_age_s < ALIVE_WITHIN_S


@dataclass(frozen=True)
class BrokerStatus:
    queues: tuple[QueueStatus, ...]
    workers: tuple[WorkerStatus, ...]
    """All that are registered, those that crashed a moment ago included."""
    reconciler_age_s: float | None
    """Since its last look; None after a minute."""
    memory_bytes: int
    memory_limit_bytes: int
    """0: none."""
    eviction_policy: str
    hung_at: datetime | None
    """When the embedded broker was last started again because it did not answer, within a day."""

    @property
    def workers_alive(self) -> int:
        return sum(worker.is_alive for worker in self.workers)

    @property
    def refusal(self) -> str:
        """Why it takes no more work, or may drop what it has taken; empty if it does neither."""
        if self.memory_limit_bytes and self.memory_bytes >= self.memory_limit_bytes:
            used, limit = filesizeformat(self.memory_bytes), filesizeformat(self.memory_limit_bytes)
            return f"its memory is full, {used} of {limit}: raise its maxmemory".replace("\xa0", " ")
        if self.eviction_policy not in ("", SAFE_POLICY):
            return (
                f"its maxmemory-policy is {self.eviction_policy}, which may drop queued work: set it to {SAFE_POLICY}"
            )
        return ""

    @property
    def is_reconciler_late(self) -> bool:
        return self.reconciler_age_s is None or self.reconciler_age_s > RECONCILER_LATE_S


@dataclass(frozen=True)
class RunStatus:
    by_state: dict[str, int]
    oldest_queued_age_s: float


def broker_status() -> BrokerStatus | None:
    """None where the broker does not answer."""
    queues = [django_rq.get_queue(name) for name in settings.QUEUES]
    first, now = queues[0], timezone.now()
    try:
        memory = first.connection.info("memory")
        return BrokerStatus(
            queues=tuple(QueueStatus(queue.name, queue.count, _lag_s(queue, now)) for queue in queues),
            workers=tuple(registered_workers(first)),
            reconciler_age_s=reconciler_age_s(first.connection),
            memory_bytes=memory["used_memory"],
            memory_limit_bytes=memory.get("maxmemory", 0),
            eviction_policy=memory.get("maxmemory_policy", ""),
            hung_at=_hung_at(first.connection),
        )
    except redis.exceptions.RedisError:
        return None


def _hung_at(connection: redis.Redis) -> datetime | None:
    at = connection.get(HUNG_BROKER_KEY)
    return datetime.fromisoformat(as_text(at)) if at else None


def record_hung_broker(connection: redis.Redis) -> None:
    connection.set(HUNG_BROKER_KEY, timezone.now().isoformat(), ex=HUNG_BROKER_SHOWN)


def _lag_s(queue: Queue, now: datetime) -> float:
    for job_id in queue.get_job_ids(0, 1):
        queued_at = queue.connection.hget(Job.key_for(job_id), "enqueued_at")
        if queued_at:
            return max(0.0, (now - utcparse(as_text(queued_at))).total_seconds())
    return 0.0


def registered_workers(queue: Queue) -> Iterator[WorkerStatus]:
    for key in sorted(get_keys(queue=queue)):
        fields = ("hostname", "pid", "state")
        host, pid, state = (as_text(value or b"") for value in queue.connection.hmget(as_text(key), fields))
        name = as_text(key).removeprefix(BaseWorker.redis_worker_namespace_prefix)
        age_s = _heartbeat_age_s(queue.connection, WORKER_KEY.format(name))
        if age_s is not None:
            yield WorkerStatus(name, f"{host}:{pid}", age_s, state == RqWorkerStatus.BUSY)


def database_answers() -> bool:
    """Whether the database can be read, and is the site's: an empty one in its place answers, too."""
    try:
        Run.objects.order_by().values_list("pk").first()
    except DatabaseError:
        return False
    return True


def run_status() -> RunStatus | None:
    """None where the database does not answer."""
    try:
        counted = dict(Run.objects.order_by().values_list("state").annotate(Count("id")))
        oldest = Run.objects.filter(state=State.QUEUED).aggregate(at=Min("created_at"))["at"]
    except DatabaseError:
        return None
    age_s = max(0.0, (timezone.now() - oldest).total_seconds()) if oldest else 0.0
    return RunStatus({state: counted.get(state, 0) for state in State.values}, age_s)


def record_reconciler_heartbeat(connection: redis.Redis) -> None:
    _record_heartbeat(connection, RECONCILER_KEY)


def record_worker_heartbeat(connection: redis.Redis, name: str) -> None:
    _record_heartbeat(connection, WORKER_KEY.format(name))


def _record_heartbeat(connection: redis.Redis, key: str) -> None:
    connection.set(key, "", ex=HEARTBEAT_KEPT_S)


def reconciler_age_s(connection: redis.Redis) -> float | None:
    """Seconds since the reconciler's last look; None after a minute without."""
    return _heartbeat_age_s(connection, RECONCILER_KEY)


def _heartbeat_age_s(connection: redis.Redis, key: str) -> float | None:
    """By the broker's clock alone: those of the machines of a site may differ."""
    left_ms = connection.pttl(key)
    return None if left_ms < 0 else HEARTBEAT_KEPT_S - left_ms / 1000

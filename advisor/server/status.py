"""The status of the site, read anew from the database and the broker, so that every web process reports the same."""

import time
from dataclasses import dataclass
from datetime import datetime

import django_rq
import redis
from django.conf import settings
from django.db import DatabaseError
from django.db.models import Count, Min
from django.utils import timezone
from rq import Queue
from rq.utils import as_text, utcparse
from rq.worker_registration import get_keys

from advisor.decisions.limits import RECONCILE_EVERY_S
from advisor.decisions.models import Run, State

HEARTBEAT_EVERY_S = 5
ALIVE_WITHIN_S = 3 * HEARTBEAT_EVERY_S
"""A worker whose last heartbeat is older than this counts as dead."""

RECONCILER_KEY = "crossover:reconciler"
RECONCILER_LATE_S = 4 * RECONCILE_EVERY_S
RECONCILER_KEPT_S = 60


@dataclass(frozen=True)
class BrokerStatus:
    """Jobs waiting in each queue, workers with a fresh heartbeat, and seconds since the reconciler's last look (None: over a minute)."""

    queue_depths: dict[str, int]
    workers_alive: int
    reconciler_age_s: float | None


@dataclass(frozen=True)
class RunStatus:
    by_state: dict[str, int]
    oldest_queued_age_s: float


def broker_status() -> BrokerStatus | None:
    """None where the broker does not answer."""
    queues = [django_rq.get_queue(name) for name in (settings.SIMULATIONS_QUEUE, settings.MAPS_QUEUE)]
    first = queues[0]
    try:
        depths = {queue.name: queue.count for queue in queues}
        return BrokerStatus(depths, workers_alive(first, timezone.now()), reconciler_age_s(first.connection))
    except redis.exceptions.RedisError:
        return None


def workers_alive(queue: Queue, now: datetime) -> int:
    alive = 0
    for key in get_keys(queue=queue):
        heartbeat = queue.connection.hget(key, "last_heartbeat")
        if heartbeat and (now - utcparse(as_text(heartbeat))).total_seconds() < ALIVE_WITHIN_S:
            alive += 1
    return alive


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
    connection.set(RECONCILER_KEY, time.time(), ex=RECONCILER_KEPT_S)


def reconciler_age_s(connection: redis.Redis) -> float | None:
    """Seconds since the reconciler's last heartbeat by the broker's own clock; None after a minute without."""
    left_ms = connection.pttl(RECONCILER_KEY)
    return None if left_ms < 0 else RECONCILER_KEPT_S - left_ms / 1000

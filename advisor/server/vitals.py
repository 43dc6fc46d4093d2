"""What the health pages and the metrics say, read from the database and the broker at the moment they are asked.

Nothing is kept in a process, so the figures are the same whichever web process answers.
"""

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

from advisor.decisions.models import Run, State
from advisor.server.beats import ALIVE_WITHIN_S, reconciler_age_s


@dataclass(frozen=True)
class BrokerVitals:
    """Jobs waiting in each queue, workers with a fresh heartbeat, and seconds since the reconciler's last look (None: over a minute)."""

    queue_depths: dict[str, int]
    workers_alive: int
    reconciler_age_s: float | None


@dataclass(frozen=True)
class RunVitals:
    by_state: dict[str, int]
    oldest_queued_age_s: float


def broker_vitals() -> BrokerVitals | None:
    """None where the broker does not answer."""
    queues = [django_rq.get_queue(name) for name in (settings.SIMULATIONS_QUEUE, settings.MAPS_QUEUE)]
    first = queues[0]
    try:
        depths = {queue.name: queue.count for queue in queues}
        return BrokerVitals(depths, workers_alive(first, timezone.now()), reconciler_age_s(first.connection))
    except redis.exceptions.RedisError:
        return None


def workers_alive(queue: Queue, now: datetime) -> int:
    alive = 0
    for key in get_keys(queue=queue):
        beat = queue.connection.hget(key, "last_heartbeat")
        if beat and (now - utcparse(as_text(beat))).total_seconds() < ALIVE_WITHIN_S:
            alive += 1
    return alive


def database_answers() -> bool:
    """Whether the database can be read, and is the site's: an empty one in its place answers, too."""
    try:
        Run.objects.order_by().values_list("pk").first()
    except DatabaseError:
        return False
    return True


def run_vitals() -> RunVitals | None:
    """None where the database does not answer."""
    try:
        counted = dict(Run.objects.order_by().values_list("state").annotate(Count("id")))
        oldest = Run.objects.filter(state=State.QUEUED).aggregate(at=Min("created_at"))["at"]
    except DatabaseError:
        return None
    age_s = max(0.0, (timezone.now() - oldest).total_seconds()) if oldest else 0.0
    return RunVitals({state: counted.get(state, 0) for state in State.values}, age_s)

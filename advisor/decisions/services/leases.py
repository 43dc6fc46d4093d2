"""Claims, renews, releases and reconciles any leased task by conditional updates, each safe at any time.

Each function of a worker returns whether it had an effect. False: the task was cancelled, ended, deleted or claimed by another worker, and
this worker has to stop.
"""

import socket
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q

from advisor.decisions.limits import LEASE
from advisor.decisions.models.leased_task import QUEUED, RUNNING, LeasedTaskQuerySet

WORKER_DIED = "Worker died, retrying"

Tasks = TypeVar("Tasks", bound=LeasedTaskQuerySet[Any])


class WaitingTask(NamedTuple):
    id: UUID
    attempt: int
    kind: str


@dataclass(frozen=True)
class Reconciled:
    waiting: tuple[WaitingTask, ...]
    retried: int
    failed: int
    ended: int


def worker_name(pid: int) -> str:
    return f"{socket.gethostname()}:{pid}"


def claim_task(
    tasks: LeasedTaskQuerySet[Any],
    task_id: UUID,
    now: datetime,
    worker: str,
    *,
    only_if: Q | None = None,
    **fields: Any,
) -> int | None:
    """Return the attempt that the caller now holds; None if the task is not queued. Of several workers, one gets it."""
    with transaction.atomic():
        free = tasks.queued().filter(only_if or Q(), pk=task_id)
        claimed = free.update(
            state=RUNNING, attempt=F("attempt") + 1, lease_until=now + LEASE, worker=worker[:100], **fields
        )
        return tasks.values_list("attempt", flat=True).get(pk=task_id) if claimed else None


def renew_lease(tasks: LeasedTaskQuerySet[Any], task_id: UUID, attempt: int, now: datetime, **fields: Any) -> bool:
    return bool(tasks.held(task_id, attempt).update(lease_until=now + LEASE, **fields))


def release_task(tasks: LeasedTaskQuerySet[Any], task_id: UUID, attempt: int, **fields: Any) -> bool:
    """Queue it again because its worker is being stopped. This does not count as a lost lease."""
    return end_lease(tasks, task_id, attempt, QUEUED, **fields)


def end_lease(tasks: LeasedTaskQuerySet[Any], task_id: UUID, attempt: int, state: str, **fields: Any) -> bool:
    return bool(tasks.held(task_id, attempt).update(state=state, lease_until=None, **fields))


def correct_leases(tasks: LeasedTaskQuerySet[Any], now: datetime) -> None:
    """Shorten leases that end too late because the clock was set back: they would outlast their worker."""
    tasks.running().filter(lease_until__gt=now + 2 * LEASE).update(lease_until=now + LEASE)


def expired_leases(tasks: Tasks, now: datetime) -> Tasks:
    return tasks.running().filter(lease_until__lt=now)


def queue_again(expired: LeasedTaskQuerySet[Any], **fields: Any) -> int:
    return expired.update(state=QUEUED, lost_leases=F("lost_leases") + 1, lease_until=None, **fields)

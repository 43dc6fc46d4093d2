from datetime import datetime
from typing import Any, Self, TypeVar
from uuid import UUID

from django.db import connection, models, transaction
from django.db.models import F, Q
from django.utils import timezone

from advisor.decisions.limits import LEASE

QUEUED, RUNNING = "queued", "running"
Task = TypeVar("Task", bound="LeasedTask", covariant=True)


def database_now() -> datetime:
    """The time by the clock that all processes of a site share: those of its machines may differ, or jump."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def lease_constraint(task: str) -> models.CheckConstraint:
    return models.CheckConstraint(
        condition=Q(state=RUNNING, lease_until__isnull=False, attempt__gte=1)
        | (~Q(state=RUNNING) & Q(lease_until__isnull=True)),
        name=f"{task}_has_a_lease_iff_running",
    )


class LeasedTask(models.Model):
    """A row that one worker at a time works on.

    A worker claims a queued task and gets an `attempt`, which fences it: each of its writes takes effect only while the
    task is still running that attempt. To cancel a task, its row is ended at once, without a flag: a worker that still
    runs notices at its next write.
    """

    state = models.CharField(max_length=10)
    """Each kind has states of its own; QUEUED and RUNNING are among them."""
    attempt = models.PositiveIntegerField(default=0)
    """Counts the claims; each one voids all later writes of the previous one."""
    lost_leases = models.PositiveSmallIntegerField(default=0)
    """Counts the workers that crashed on it."""
    lease_until = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=100, blank=True, default="")
    """`host:pid` of the process that has claimed it, or did last."""

    class Meta:
        abstract = True


class LeasedTaskQuerySet(models.QuerySet[Task]):
    """Each write is one conditional update, safe at any time and in several processes at once."""

    def unfinished(self) -> Self:
        return self.all()

    def queued(self) -> Self:
        return self.unfinished().filter(state=QUEUED)

    def running(self) -> Self:
        return self.unfinished().filter(state=RUNNING)

    def held(self, task_id: UUID, attempt: int) -> Self:
        return self.running().filter(pk=task_id, attempt=attempt)

    def expired(self, now: datetime) -> Self:
        return self.running().filter(lease_until__lt=now)

    def claim(self, task_id: UUID, now: datetime, worker: str, only_if: Q | None = None, **fields: Any) -> int | None:
        """Return the attempt that the caller now holds; None if the task is not queued. Of several workers, one gets it."""
        with transaction.atomic():
            claimed = (
                self.queued()
                .filter(only_if or Q(), pk=task_id)
                .update(state=RUNNING, attempt=F("attempt") + 1, lease_until=now + LEASE, worker=worker[:100], **fields)
            )
            return self.values_list("attempt", flat=True).get(pk=task_id) if claimed else None

    def renew_lease(self, task_id: UUID, attempt: int, now: datetime, **fields: Any) -> bool:
        return bool(self.held(task_id, attempt).update(lease_until=now + LEASE, **fields))

    def end_lease(self, task_id: UUID, attempt: int, state: str, **fields: Any) -> bool:
        return bool(self.held(task_id, attempt).update(state=state, lease_until=None, **fields))

    def shorten_leases(self, now: datetime) -> None:
        """Correct leases that end too late because the clock was set back: they would outlast their worker."""
        self.running().filter(lease_until__gt=now + 2 * LEASE).update(lease_until=now + LEASE)

    def grant_again(self, now: datetime) -> int:
        """Let every lease begin anew, because the clock was set: no worker could renew its lease in the time that is missing."""
        return self.running().update(lease_until=now + LEASE)

    def queue_again(self, **fields: Any) -> int:
        return self.update(state=QUEUED, lost_leases=F("lost_leases") + 1, lease_until=None, **fields)

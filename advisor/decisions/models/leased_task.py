"""What a run and a part of a sweep have in common: workers claim them, and hold them by a lease that they renew."""

from typing import Self, TypeVar
from uuid import UUID

from django.db import models

QUEUED, RUNNING = "queued", "running"
Task = TypeVar("Task", bound="LeasedTask", covariant=True)


class LeasedTask(models.Model):
    """A row that one worker at a time works on.

    A worker claims a queued task and gets an `attempt`, which fences it: each of its writes takes effect only while the
    task is still running that attempt. To cancel a task, its row is ended at once, without a flag: a worker that still
    runs notices at its next write.
    """

    state = models.CharField(max_length=10)
    """Each kind has states of its own; QUEUED and RUNNING are among them."""
    attempt = models.PositiveIntegerField(default=0)
    """Counts the claims; each one makes all writes of the one before void."""
    lost_leases = models.PositiveSmallIntegerField(default=0)
    """Counts the workers that crashed on it."""
    lease_until = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=100, blank=True, default="")
    """`host:pid` of the process that has claimed it, or did last."""

    class Meta:
        abstract = True


class LeasedTaskQuerySet(models.QuerySet[Task]):
    def unfinished(self) -> Self:
        """Those whose result is still wanted, if their own state says so."""
        return self.all()

    def queued(self) -> Self:
        return self.unfinished().filter(state=QUEUED)

    def running(self) -> Self:
        return self.unfinished().filter(state=RUNNING)

    def held(self, task_id: UUID, attempt: int) -> Self:
        """The task, if it still runs that attempt."""
        return self.running().filter(pk=task_id, attempt=attempt)

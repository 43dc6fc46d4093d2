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
    """Counts the claims; each one voids all later writes of the previous one."""
    lost_leases = models.PositiveSmallIntegerField(default=0)
    """Counts the workers that crashed on it."""
    lease_until = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=100, blank=True, default="")
    """`host:pid` of the process that has claimed it, or did last."""

    class Meta:
        abstract = True


class LeasedTaskQuerySet(models.QuerySet[Task]):
    def unfinished(self) -> Self:
        return self.all()

    def queued(self) -> Self:
        return self.unfinished().filter(state=QUEUED)

    def running(self) -> Self:
        return self.unfinished().filter(state=RUNNING)

    def held(self, task_id: UUID, attempt: int) -> Self:
        return self.running().filter(pk=task_id, attempt=attempt)

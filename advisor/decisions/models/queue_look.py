"""A look at a running queue, which a worker takes for a decision. Its row is the truth; a look that no worker goes on with is over."""

import uuid
from datetime import timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from advisor.decisions.limits import LONGEST_QUEUES
from advisor.decisions.models.decision import Decision
from advisor.teams.models import WorkspaceQuerySet

SILENCE = timedelta(seconds=60)
"""After that long without a word from its worker a look is over."""


class QueueLook(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    decision = models.ForeignKey(Decision, on_delete=models.CASCADE, related_name="queue_looks")
    broker = models.CharField(max_length=40)
    """The name of an address that an administrator allows; the address itself is in no row."""
    queues = models.CharField(max_length=LONGEST_QUEUES, blank=True, default="")
    """Names separated by commas; empty: all."""
    seconds = models.FloatField()
    wait_s = models.FloatField()
    """The wait that workers are found for."""
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField(auto_now_add=True)
    """When its worker last wrote."""
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    progress_fraction = models.FloatField(default=0)
    error_text = models.TextField(blank=True, default="")
    result = models.JSONField(default=dict)
    """`queues`: names with pairs of a title and words; `source` and `values` of the proposed answers."""

    objects = WorkspaceQuerySet["QueueLook"].as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at", "id"]

    def __str__(self) -> str:
        return f"look {self.id} at {self.broker}"

    @property
    def active(self) -> bool:
        return self.finished_at is None and timezone.now() - self.seen_at < SILENCE

    @property
    def interrupted(self) -> bool:
        return self.finished_at is None and not self.active

    @property
    def queue_names(self) -> list[str]:
        return [name.strip() for name in self.queues.split(",") if name.strip()]

    def record(self, **fields: Any) -> None:
        for name, value in {**fields, "seen_at": timezone.now()}.items():
            setattr(self, name, value)
        self.save(update_fields=[*fields, "seen_at"])

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models

from advisor.decisions.limits import TITLE_LENGTH
from advisor.teams.models import Workspace, WorkspaceQuerySet


def busiest_window_s(interval_s: float) -> float:
    return max(10.0, interval_s)


class Trace(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="traces")
    name = models.CharField(max_length=TITLE_LENGTH)
    """Cleaned for display; never used as a path."""
    sha256 = models.CharField(max_length=64)
    """Of the file as uploaded."""
    size_bytes = models.PositiveBigIntegerField()
    requests = models.PositiveIntegerField()
    span_s = models.FloatField()
    first_instant = models.CharField(max_length=40, blank=True, default="")
    """Of the first request by the file's clock: ISO 8601 in UTC, or seconds. Empty for uploads of an older version."""
    last_instant = models.CharField(max_length=40, blank=True, default="")
    statistics = models.JSONField(default=dict)
    """mean_rate_per_s, interarrival_cv2, dispersion_1s, _10s, _60s, busiest_10s; null if it has no meaning."""
    corrections = models.TextField(blank=True, default="")
    """What a person corrected of how the file was understood: JSON of `Corrections`; empty if nothing."""
    understanding = models.JSONField(default=dict)
    """An `Understanding`; empty for uploads of an older version."""
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = WorkspaceQuerySet["Trace"].as_manager()

    class Meta:
        verbose_name = "recording"
        ordering: ClassVar = ["-created_at", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["workspace", "sha256", "name", "corrections"], name="trace_is_read_once"),
            models.CheckConstraint(condition=models.Q(requests__gte=1), name="trace_has_requests"),
            models.CheckConstraint(condition=models.Q(span_s__gte=0), name="trace_span_is_not_negative"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def busiest_window_s(self) -> float:
        """Of the figure `busiest_10s`: a recording of counts has nothing shorter than its intervals."""
        return busiest_window_s(float(self.understanding.get("interval_s", 0.0)))


class TraceData(models.Model):
    """A trace's arrays, as a compressed npz, and the file that they were read from.

    They are in the database, not in files: a full disk or a crash leaves both or neither, deleting the row cleans up, one
    backup holds everything, and a worker on another machine needs no shared disk. A million arrivals with their tokens
    take about 10 MB, read once a run; the file takes about as much, read for a bundle only.
    """

    trace = models.OneToOneField(Trace, on_delete=models.CASCADE, primary_key=True, related_name="data")
    npz = models.BinaryField()
    csv_gz = models.BinaryField(null=True, blank=True)
    """The file as uploaded, compressed. Null for uploads of an older version, which kept the arrays only."""

    def __str__(self) -> str:
        return f"data of {self.trace_id}"


class RecordingUpload(models.Model):
    """A file that was uploaded to a decision, while a person checks how it was understood. Using it makes a Trace of it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=TITLE_LENGTH)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveBigIntegerField()
    file_gz = models.BinaryField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = WorkspaceQuerySet["RecordingUpload"].as_manager()

    def __str__(self) -> str:
        return self.name

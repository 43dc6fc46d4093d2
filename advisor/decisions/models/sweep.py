"""A crossover map of a revision, in parts that several workers simulate. The rows are the truth; the queue only notifies workers."""

import uuid
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from advisor.decisions.limits import IDEMPOTENCY_KEY_LENGTH
from advisor.decisions.models.decision import Revision
from advisor.decisions.models.leased_task import QUEUED, RUNNING, LeasedTask, LeasedTaskQuerySet, lease_constraint
from advisor.decisions.models.trace import Trace
from advisor.sweeps.contract import SweepAxis
from advisor.sweeps.grid import Grid
from advisor.teams.models import Workspace, WorkspaceQuerySet


class SweepState(models.TextChoices):
    """queued -> running -> one of the three ends. A cancelled sweep keeps the cells that were done."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNFINISHED = (SweepState.QUEUED, SweepState.RUNNING)


class SweepKind(models.TextChoices):
    MAP = "map"
    FEWEST = "fewest"


class SweepQuerySet(WorkspaceQuerySet["Sweep"]):
    def active(self) -> Self:
        return self.filter(state__in=UNFINISHED)

    def maps(self) -> Self:
        return self.filter(kind=SweepKind.MAP)


class Sweep(models.Model):
    """One or two answers of a revision varied over a grid. Only its state changes: axes, jobs and seed define every cell."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="sweeps")
    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="sweeps")
    trace = models.ForeignKey(Trace, on_delete=models.RESTRICT, null=True, blank=True, related_name="sweeps")
    kind = models.CharField(max_length=10, choices=SweepKind.choices, default=SweepKind.MAP)
    idempotency_key = models.CharField(max_length=IDEMPOTENCY_KEY_LENGTH)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    x_field = models.CharField(max_length=80)
    """Of a search: the workers of the synchronous design; consumers have the same axis."""
    x_low = models.FloatField()
    x_high = models.FloatField()
    x_steps = models.PositiveSmallIntegerField()
    y_field = models.CharField(max_length=80, blank=True, default="")
    """Empty if one answer is varied."""
    y_low = models.FloatField(null=True, blank=True)
    y_high = models.FloatField(null=True, blank=True)
    y_steps = models.PositiveSmallIntegerField(null=True, blank=True)
    jobs = models.PositiveIntegerField()
    """Per cell and design."""
    seed = models.PositiveIntegerField(default=1)
    coarse_step = models.PositiveSmallIntegerField(default=1)
    """Of a map: every n-th value along each axis is simulated first, then the blocks in which the answer changes."""
    size = models.PositiveIntegerField()
    """Number of cells of the coarse grid."""

    state = models.CharField(max_length=10, choices=SweepState.choices, default=SweepState.QUEUED)
    error_text = models.TextField(blank=True, default="")
    progress_step = models.CharField(max_length=120, blank=True, default="")
    """What a search is trying, or that a worker crashed. Maps count their cells instead."""
    progress_fraction = models.FloatField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = SweepQuerySet.as_manager()

    class Meta:
        verbose_name = "crossover map or search"
        verbose_name_plural = "crossover maps and searches"
        ordering: ClassVar = ["-created_at", "id"]
        indexes: ClassVar = [
            models.Index(fields=["revision", "-created_at"], name="sweeps_of_revision"),
            models.Index(fields=["state"], name="unfinished_sweeps", condition=Q(state__in=UNFINISHED)),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["workspace", "idempotency_key"], name="sweep_is_requested_once"),
            models.CheckConstraint(condition=Q(state__in=SweepState.values), name="sweep_state_is_known"),
            models.CheckConstraint(condition=Q(kind__in=SweepKind.values), name="sweep_kind_is_known"),
            models.CheckConstraint(
                condition=Q(state__in=UNFINISHED, finished_at__isnull=True)
                | (~Q(state__in=UNFINISHED) & Q(finished_at__isnull=False)),
                name="sweep_is_finished_iff_terminal",
            ),
            models.CheckConstraint(
                condition=Q(state=SweepState.FAILED) & ~Q(error_text="")
                | (~Q(state=SweepState.FAILED) & Q(error_text="")),
                name="sweep_has_an_error_iff_it_failed",
            ),
        ]

    def __str__(self) -> str:
        return f"sweep {self.id} ({self.state})"

    @property
    def active(self) -> bool:
        return self.state in UNFINISHED

    @property
    def grid(self) -> Grid:
        return Grid(self.revision.answers, self.x_axis, self.y_axis, self.jobs, self.seed, self.coarse_step)

    @property
    def x_axis(self) -> SweepAxis:
        return SweepAxis.from_steps(self.x_field, self.x_low, self.x_high, self.x_steps)

    @property
    def y_axis(self) -> SweepAxis | None:
        if not self.y_field or self.y_low is None or self.y_high is None or self.y_steps is None:
            return None
        return SweepAxis.from_steps(self.y_field, self.y_low, self.y_high, self.y_steps, "y")


class PartState(models.TextChoices):
    """queued -> running -> done; running -> queued again if its worker crashed or was stopped."""

    QUEUED = QUEUED
    RUNNING = RUNNING
    DONE = "done"


class SweepPartQuerySet(LeasedTaskQuerySet["SweepPart"]):
    def unfinished(self) -> Self:
        return self.filter(sweep__state__in=UNFINISHED)


class SweepPart(LeasedTask):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    sweep = models.ForeignKey(Sweep, on_delete=models.CASCADE, related_name="parts")
    first = models.PositiveIntegerField()
    """Index of its first cell in the coarse grid; from `sweep.size` on, of its first block among the grid's blocks."""
    cells = models.PositiveIntegerField()
    """Number of cells, or of blocks."""
    state = models.CharField(max_length=10, choices=PartState.choices, default=PartState.QUEUED)
    cells_json = models.TextField(blank=True, default="")
    """A JSON list of Cells when it is done; of a search a ServerRequirement."""
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = SweepPartQuerySet.as_manager()

    class Meta:
        verbose_name = "part of a map or search"
        verbose_name_plural = "parts of maps and searches"
        ordering: ClassVar = ["sweep", "first"]
        indexes: ClassVar = [
            models.Index(fields=["state"], name="unfinished_parts", condition=~Q(state="done")),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["sweep", "first"], name="sweep_part_is_there_once"),
            models.CheckConstraint(condition=Q(state__in=PartState.values), name="sweep_part_state_is_known"),
            lease_constraint("sweep_part"),
            models.CheckConstraint(
                condition=(Q(state=PartState.DONE) & ~Q(cells_json="")) | (~Q(state=PartState.DONE) & Q(cells_json="")),
                name="sweep_part_has_cells_iff_done",
            ),
        ]

    @property
    def is_refining(self) -> bool:
        return self.sweep.kind == SweepKind.MAP and self.first >= self.sweep.size

    def __str__(self) -> str:
        if self.is_refining:
            first = self.first - self.sweep.size
            return f"blocks {first} to {first + self.cells - 1} of {self.sweep_id} ({self.state})"
        return f"cells {self.first} to {self.first + self.cells - 1} of {self.sweep_id} ({self.state})"

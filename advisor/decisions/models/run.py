"""The row is the truth about a run; the queue only notifies workers."""

import uuid
from typing import ClassVar, NamedTuple, Self, get_args

from django.conf import settings
from django.db import models
from django.db.models import Q

from advisor.decisions import stored
from advisor.decisions.limits import ENDPOINT_HOST_LENGTH, ENDPOINT_MODEL_LENGTH, IDEMPOTENCY_KEY_LENGTH
from advisor.decisions.models.decision import Revision
from advisor.decisions.models.leased_task import QUEUED, RUNNING, LeasedTask, LeasedTaskQuerySet
from advisor.decisions.models.trace import Trace
from advisor.teams.models import Workspace
from simulator.replications import Progress
from simulator.result import Result, SoFar, WorkerKind
from simulator.scenario import Scenario


class State(models.TextChoices):
    """queued -> running -> one of the four ends; running -> queued again if its worker crashed or was stopped."""

    QUEUED = QUEUED
    RUNNING = RUNNING
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"


ACTIVE = (State.QUEUED, State.RUNNING)
TERMINAL = (State.SUCCEEDED, State.FAILED, State.CANCELLED, State.TIMED_OUT)
LARGE_COLUMNS = ("result_json", "scenario_json", "so_far_json")
WITH_ERROR = (State.FAILED, State.TIMED_OUT)


class EngineName(models.TextChoices):
    KERNEL = "kernel"
    LIVE = "live"


WORKER_KINDS: tuple[WorkerKind, ...] = get_args(WorkerKind)


class RunError(NamedTuple):
    code: str
    text: str


class RunQuerySet(LeasedTaskQuerySet["Run"]):
    def for_workspace(self, workspace: Workspace) -> Self:
        return self.filter(workspace=workspace)

    def active(self) -> Self:
        return self.filter(state__in=ACTIVE)

    def as_advised(self) -> Self:
        return self.filter(servers=None)

    def without_result(self) -> Self:
        return self.defer(*LARGE_COLUMNS)


class Run(LeasedTask):
    """Every acknowledged run reaches exactly one terminal state, and one that succeeded has one result."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="runs")
    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="runs")
    trace = models.ForeignKey(Trace, on_delete=models.RESTRICT, null=True, blank=True, related_name="runs")
    engine = models.CharField(max_length=10, choices=EngineName.choices, default=EngineName.KERNEL)
    replications = models.PositiveIntegerField(null=True, blank=True)
    speed = models.FloatField(null=True, blank=True)
    """Of a live run: seconds of the Scenario in a real second. Null: the highest at which this machine measures correctly."""
    seconds = models.FloatField(null=True, blank=True)
    """Of a live run: real seconds over which jobs arrive. Null: as long as a verdict takes, within bounds."""
    workers = models.CharField(max_length=10, choices=[(kind, kind) for kind in WORKER_KINDS], default=WORKER_KINDS[0])
    servers = models.PositiveIntegerField(null=True, blank=True)
    """As many workers and consumers, instead of the planned ones. Null: as advised."""
    endpoint_host = models.CharField(max_length=ENDPOINT_HOST_LENGTH, blank=True, default="")
    """Empty: the sample endpoint answers."""
    endpoint_model = models.CharField(max_length=ENDPOINT_MODEL_LENGTH, blank=True, default="")
    idempotency_key = models.CharField(max_length=IDEMPOTENCY_KEY_LENGTH)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    elapsed_s = models.FloatField(default=0)
    """How long this attempt has run by its worker's own clock. The time limit uses it, so that a clock set forward ends nothing."""
    progress_step = models.CharField(max_length=120, blank=True, default="")
    progress_fraction = models.FloatField(default=0)
    error_code = models.CharField(max_length=40, blank=True, default="")
    error_text = models.TextField(blank=True, default="")

    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    """Of the current or last attempt."""
    finished_at = models.DateTimeField(null=True, blank=True)

    scenario_json = models.TextField()
    is_bulk = models.BooleanField(default=False, db_default=False)
    """Whether many of its workspace were queued when it was asked for: then it waits for what others wait for by eye."""
    awaits_plan = models.BooleanField(default=False)
    """Whether it was asked for before its revision's plan was simulated: then its worker puts the plan into the scenario."""
    so_far_json = models.TextField(blank=True, default="")
    """Measurements of a live run under way, written once a second; empty before and after."""
    result_json = models.TextField(null=True, blank=True)  # noqa: DJ001 - a constraint distinguishes absent from empty

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at", "id"]
        indexes: ClassVar = [
            models.Index(fields=["workspace", "-created_at"], name="runs_of_workspace"),
            models.Index(fields=["state", "created_at"], name="unfinished_runs", condition=Q(state__in=ACTIVE)),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["workspace", "idempotency_key"], name="run_is_requested_once"),
            models.CheckConstraint(condition=Q(state__in=State.values), name="run_state_is_known"),
            models.CheckConstraint(condition=Q(engine__in=EngineName.values), name="run_engine_is_known"),
            models.CheckConstraint(condition=Q(workers__in=WORKER_KINDS), name="run_workers_are_known"),
            models.CheckConstraint(
                condition=Q(state=State.SUCCEEDED, result_json__isnull=False)
                | (~Q(state=State.SUCCEEDED) & Q(result_json__isnull=True)),
                name="run_has_a_result_iff_succeeded",
            ),
            models.CheckConstraint(
                condition=Q(state__in=TERMINAL, finished_at__isnull=False)
                | Q(state__in=ACTIVE, finished_at__isnull=True),
                name="run_is_finished_iff_terminal",
            ),
            models.CheckConstraint(
                condition=Q(state=State.RUNNING, lease_until__isnull=False, started_at__isnull=False, attempt__gte=1)
                | (~Q(state=State.RUNNING) & Q(lease_until__isnull=True)),
                name="run_has_a_lease_iff_running",
            ),
            models.CheckConstraint(
                condition=(Q(state__in=WITH_ERROR) & ~Q(error_code="") & ~Q(error_text=""))
                | (~Q(state__in=WITH_ERROR) & Q(error_code="", error_text="")),
                name="run_has_an_error_iff_it_failed",
            ),
            models.CheckConstraint(
                condition=Q(endpoint_host="", endpoint_model="")
                | (Q(engine=EngineName.LIVE) & ~Q(endpoint_host="") & ~Q(endpoint_model="")),
                name="run_has_an_outside_endpoint_or_none",
            ),
            models.CheckConstraint(
                condition=Q(progress_fraction__gte=0, progress_fraction__lte=1), name="run_progress_is_a_share"
            ),
        ]

    def __str__(self) -> str:
        return f"run {self.id} ({self.state})"

    @property
    def active(self) -> bool:
        return self.state in ACTIVE

    @property
    def progress(self) -> Progress:
        return Progress(self.progress_step, self.progress_fraction)

    @property
    def error(self) -> RunError | None:
        return RunError(self.error_code, self.error_text) if self.error_code else None

    @property
    def scenario(self) -> Scenario:
        return stored.load(Scenario, self.scenario_json)

    @property
    def result(self) -> Result | None:
        return stored.load(Result, self.result_json) if self.result_json else None

    @property
    def so_far(self) -> SoFar | None:
        return stored.load(SoFar, self.so_far_json) if self.so_far_json else None

    @property
    def remaining_s(self) -> float | None:
        """Extrapolate from the time it took so far; None while that says too little."""
        if self.state != State.RUNNING or self.progress_fraction < 0.02 or self.elapsed_s <= 0:
            return None
        return self.elapsed_s * (1 - self.progress_fraction) / self.progress_fraction

"""Unfinished simulations, maps and searches of all workspaces, for administrators."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q

from advisor.decisions.limits import RECONCILE_EVERY_S
from advisor.decisions.models import EngineName, Run, SharedReplication, State, Sweep, SweepKind, SweepPart, SweepState
from advisor.teams.models import Workspace

QUEUED_LONG_S = 300.0
ROWS_SHOWN = 100
"""Of each table; the counts are of all."""
RECONCILED_WITHIN_S = 2 * RECONCILE_EVERY_S
"""How long an expired lease may wait for the reconciler before it counts as stuck."""


def task_kind(task: Run | Sweep) -> str:
    if isinstance(task, Run):
        return "Live run" if task.engine == EngineName.LIVE else "Simulation"
    return "Map" if task.kind == SweepKind.MAP else "Search"


@dataclass(frozen=True)
class HeldLease:
    """A worker's lease of a run, of a replication of one, or of a part of a sweep."""

    task: Run | Sweep
    kind: str
    worker: str
    attempt: int
    remaining_s: float
    """Negative: it expired that long ago."""

    @property
    def is_stuck(self) -> bool:
        return self.remaining_s < -RECONCILED_WITHIN_S


@dataclass(frozen=True)
class QueuedTask:
    task: Run | Sweep
    kind: str
    age_s: float

    @property
    def is_stuck(self) -> bool:
        return self.age_s > QUEUED_LONG_S


@dataclass(frozen=True)
class WorkspaceLoad:
    workspace: Workspace
    running: int
    queued: int
    oldest_queued_s: float


@dataclass(frozen=True)
class UnfinishedTasks:
    """`leases` and `queued` have the first ROWS_SHOWN rows, those that wait the longest first."""

    leases: list[HeldLease]
    lease_count: int
    queued: list[QueuedTask]
    queued_count: int
    stuck_count: int
    workspaces: list[WorkspaceLoad]


def find_unfinished(now: datetime) -> UnfinishedTasks:
    runs = Run.objects.select_related("workspace", "revision__decision").without_result()
    sweeps = Sweep.objects.select_related("workspace", "revision__decision")
    parts = SweepPart.objects.running().select_related("sweep__workspace", "sweep__revision__decision")
    replications = SharedReplication.objects.running().select_related("run__workspace", "run__revision__decision")
    first_leases = (
        *runs.filter(state=State.RUNNING).order_by("lease_until")[:ROWS_SHOWN],
        *parts.defer("cells_json").order_by("lease_until")[:ROWS_SHOWN],
        *replications.order_by("lease_until")[:ROWS_SHOWN],
    )
    first_queued = (
        *runs.filter(state=State.QUEUED).order_by("created_at")[:ROWS_SHOWN],
        *sweeps.filter(state=SweepState.QUEUED).order_by("created_at")[:ROWS_SHOWN],
    )
    leases = sorted((_lease(task, now) for task in first_leases), key=lambda lease: lease.remaining_s)
    queued = [QueuedTask(task, task_kind(task), _age_s(task.created_at, now)) for task in first_queued]
    workspaces = load_by_workspace(now)
    return UnfinishedTasks(
        leases=leases[:ROWS_SHOWN],
        lease_count=runs.filter(state=State.RUNNING).count() + parts.count() + replications.count(),
        queued=sorted(queued, key=lambda task: -task.age_s)[:ROWS_SHOWN],
        queued_count=sum(load.queued for load in workspaces),
        stuck_count=count_stuck(now),
        workspaces=workspaces,
    )


def _lease(task: Run | SweepPart | SharedReplication, now: datetime) -> HeldLease:
    whole = task.run if isinstance(task, SharedReplication) else task.sweep if isinstance(task, SweepPart) else task
    remaining_s = (task.lease_until - now).total_seconds() if task.lease_until else 0.0
    return HeldLease(whole, task_kind(whole), task.worker, task.attempt, remaining_s)


def _age_s(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0


def count_stuck(now: datetime) -> int:
    queued_long = now - timedelta(seconds=QUEUED_LONG_S)
    expired = now - timedelta(seconds=RECONCILED_WITHIN_S)
    return (
        Run.objects.expired(expired).count()
        + SweepPart.objects.expired(expired).count()
        + SharedReplication.objects.expired(expired).count()
        + Run.objects.filter(state=State.QUEUED, created_at__lt=queued_long).count()
        + Sweep.objects.filter(state=SweepState.QUEUED, created_at__lt=queued_long).count()
    )


def load_by_workspace(now: datetime) -> list[WorkspaceLoad]:
    running: Counter[object] = Counter()
    queued: Counter[object] = Counter()
    oldest: dict[object, datetime] = {}
    for model in (Run, Sweep):
        counted = (
            model.objects.filter(state__in=(State.QUEUED, State.RUNNING))
            .order_by()
            .values("workspace")
            .annotate(
                running=Count("pk", filter=Q(state=State.RUNNING)),
                queued=Count("pk", filter=Q(state=State.QUEUED)),
                oldest=Min("created_at", filter=Q(state=State.QUEUED)),
            )
        )
        for row in counted:
            key = row["workspace"]
            running[key] += row["running"]
            queued[key] += row["queued"]
            if row["oldest"]:
                oldest[key] = min(row["oldest"], oldest.get(key, row["oldest"]))
    loads = (
        WorkspaceLoad(workspace, running[pk], queued[pk], _age_s(oldest.get(pk), now))
        for pk, workspace in Workspace.objects.in_bulk(list(running)).items()
    )
    return sorted(loads, key=lambda load: (-load.queued - load.running, load.workspace.name))

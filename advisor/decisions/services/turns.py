"""Whose turn it is: which of the queued tasks a free worker takes.

A job in the queue only says that something waits. Of the workspaces that have something queued, the one with the fewest tasks under way for
its share is next (max-min fairness); of several, the one that was served longest ago. Within a workspace the oldest task is next, and what other
workers may do of its runs comes last. Bulk runs and parts of maps that have waited for long go with the interactive tasks: of each workspace one
of either at a time, with a pause in between.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from heapq import heappop, heappush
from itertools import count, islice
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet, Value, Window
from django.db.models.functions import RowNumber

from advisor.decisions.limits import BULK_PATIENCE, BULK_PAUSE, MAP_PATIENCE, MAP_PAUSE
from advisor.decisions.models import EngineName, Run, SharedReplication, State, SweepKind, SweepPart, WorkspaceQuota
from advisor.decisions.models.leased_task import database_now
from advisor.decisions.services.leases import claim_part, claim_replication, claim_run, this_host
from advisor.teams.models import Workspace

LOOKED_AT = 8
"""Of each workspace: other workers may take the first ones meanwhile."""

_T = TypeVar("_T")


class TaskKind(StrEnum):
    RUN = "run"
    PART = "part of a map, or search"
    REPLICATION = "replication of a run of another host"


CLAIMS = {TaskKind.RUN: claim_run, TaskKind.PART: claim_part, TaskKind.REPLICATION: claim_replication}


class Level(StrEnum):
    """Queues in the order in which workers look at them."""

    INTERACTIVE = "interactive"
    """Runs, also what is shared of them, and searches: a user waits for them."""
    MAPS = "maps"
    BULK = "bulk"
    """Runs that were queued behind many others of their workspace."""

    @property
    def and_higher(self) -> list["Level"]:
        """It and those before it, in the order of the queues."""
        levels = list(Level)
        return levels[: levels.index(self) + 1]


@dataclass(frozen=True)
class Standing:
    """What a workspace has of the workers, and may have."""

    under_way: int = 0
    served_at: datetime | None = None
    share: int = 1
    most_at_once: int | None = None

    def is_at_cap(self, under_way: int) -> bool:
        return self.most_at_once is not None and under_way >= self.most_at_once


class Claimed(NamedTuple):
    id: UUID
    attempt: int
    kind: TaskKind


def in_turn(waiting: Mapping[UUID, Sequence[_T]], standings: Mapping[UUID, Standing]) -> Iterator[_T]:
    """The tasks of each workspace, oldest first, in the order in which workers take them if none ends meanwhile.

    It ends where every workspace that has more has as many under way as it may.
    """
    turn = count()
    left = {workspace: iter(tasks) for workspace, tasks in waiting.items()}
    served_s = {workspace: _served_s(standings.get(workspace, Standing())) for workspace in waiting}
    latest_s = max(served_s.values(), default=0.0)
    heap: list[tuple[float, float, int, int, UUID]] = []

    def queue(workspace: UUID, under_way: int, at_s: float) -> None:
        standing = standings.get(workspace, Standing())
        if not standing.is_at_cap(under_way):
            heappush(heap, (under_way / standing.share, at_s, next(turn), under_way, workspace))

    for workspace, at_s in served_s.items():
        queue(workspace, standings.get(workspace, Standing()).under_way, at_s)
    while heap:
        _, _, _, under_way, workspace = heappop(heap)
        for task in islice(left[workspace], 1):
            yield task
            queue(workspace, under_way + 1, latest_s)


def _served_s(standing: Standing) -> float:
    return standing.served_at.timestamp() if standing.served_at is not None else 0.0


def claim_next(level: Level, now: datetime, worker: str = "") -> Claimed | None:
    """Claim the task whose turn it is; None if nothing of that level may start."""
    for task in in_turn(_oldest_of_each(level, now), _standings()):
        attempt = CLAIMS[task.kind](task.id, now, worker)
        if attempt is not None:
            WorkspaceQuota.objects.update_or_create(workspace_id=task.workspace, defaults={"served_at": now})
            return Claimed(task.id, attempt, task.kind)
    return None


def place_in_queue(run: Run) -> int | None:
    """1 for the run that is next; None for a run that is not queued.

    Of a bulk run that has not aged it is the last place that it may have among the tasks that wait: others may age before it.
    """
    if run.state != State.QUEUED:
        return None
    aged = _aged(database_now())
    if run.is_bulk and run.pk not in aged:
        is_later = Q(created_at__gt=run.created_at) | Q(created_at=run.created_at, pk__gt=run.pk)
        runs = Run.objects.queued().exclude(is_later, workspace=run.workspace_id, is_bulk=True)
        return max(1, runs.count() + SweepPart.objects.queued().count())
    unlimited = {workspace: replace(standing, most_at_once=None) for workspace, standing in _standings().items()}
    queued = (task for task in _queued(Level.INTERACTIVE, aged) if task.kind != TaskKind.REPLICATION)
    for place, task in enumerate(in_turn(_by_workspace(queued), unlimited), 1):
        if task.id == run.pk:
            return place
    return 1  # claimed since it was read


def reached_cap(workspace: Workspace) -> int | None:
    """How many tasks a workspace may have under way at once, if it has as many."""
    standing = _standings().get(workspace.pk, Standing())
    return standing.most_at_once if standing.is_at_cap(standing.under_way) else None


def _standings() -> dict[UUID, Standing]:
    under_way: dict[UUID, int] = defaultdict(int)
    runs = Run.objects.running().order_by().values_list("workspace").annotate(Count("pk"))
    parts = SweepPart.objects.running().order_by().values_list("sweep__workspace").annotate(Count("pk"))
    shared = SharedReplication.objects.running().order_by().values_list("run__workspace").annotate(Count("pk"))
    for workspace, tasks in [*runs, *parts, *shared]:
        under_way[workspace] += tasks
    quotas = {quota.pk: quota for quota in WorkspaceQuota.objects.all()}
    return {
        workspace: Standing(under_way[workspace], quota.served_at, quota.share, quota.most_at_once)
        if (quota := quotas.get(workspace))
        else Standing(under_way[workspace])
        for workspace in {*under_way, *quotas}
    }


class _Queued(NamedTuple):
    """In the order of a workspace's tasks."""

    is_shared: bool
    created_at: datetime
    first: int
    id: UUID
    workspace: UUID
    kind: TaskKind


def _oldest_of_each(level: Level, now: datetime) -> dict[UUID, list[_Queued]]:
    """Without live runs while one is under way: it has the machine to itself."""
    live = Run.objects.running().filter(engine=EngineName.LIVE).exists()
    aged = _aged(now) if level == Level.INTERACTIVE else ()
    return _by_workspace(_queued(level, aged, LOOKED_AT, Q(engine=EngineName.KERNEL) if live else Q()))


def _aged(now: datetime) -> set[UUID]:
    """The bulk runs and parts of maps that go with the interactive tasks."""
    runs = _with_order(Run.objects.filter(is_bulk=True))
    parts = _with_order_of_sweep(SweepPart.objects.unfinished().filter(sweep__kind=SweepKind.MAP))
    return {*_oldest_aged(runs, now, BULK_PATIENCE, BULK_PAUSE), *_oldest_aged(parts, now, MAP_PATIENCE, MAP_PAUSE)}


def _oldest_aged(tasks: "QuerySet[Any]", now: datetime, patience: timedelta, pause: timedelta) -> Any:
    """Of each workspace the task that has waited the longest, if that is long.

    None of a workspace that has one under way, or had one a moment ago.
    """
    just_now = Q(state=State.RUNNING) | Q(attempt__gte=1, finished_at__gt=now - pause)
    served = tasks.filter(just_now).values("owner")
    aged = tasks.filter(state=State.QUEUED, asked_at__lte=now - patience).exclude(owner__in=served)
    return _numbered(aged).filter(place=1).order_by().values_list("pk", flat=True)


def _by_workspace(tasks: Iterable[_Queued]) -> dict[UUID, list[_Queued]]:
    of_each: dict[UUID, list[_Queued]] = defaultdict(list)
    for task in sorted(tasks):
        of_each[task.workspace].append(task)
    return of_each


def _queued(
    level: Level, aged: Collection[UUID], at_most: int | None = None, only_runs: Q | None = None
) -> list[_Queued]:
    """`at_most`: of each workspace and kind."""
    tasks: list[_Queued] = []
    if level != Level.MAPS:
        of_level = Q(is_bulk=True) if level == Level.BULK else Q(is_bulk=False) | Q(pk__in=aged)
        runs = Run.objects.queued().filter(only_runs or Q(), of_level)
        tasks += _read(_with_order(runs), at_most, TaskKind.RUN)
        shared = SharedReplication.objects.for_others(this_host()).filter(run__is_bulk=level == Level.BULK)
        shared = shared.annotate(asked_at=F("run__created_at"), first=F("number"), owner=F("run__workspace_id"))
        tasks += _read(shared, at_most, TaskKind.REPLICATION)
    if level != Level.BULK:
        is_map = Q(sweep__kind=SweepKind.MAP)
        parts = SweepPart.objects.queued().filter(is_map if level == Level.MAPS else ~is_map | Q(pk__in=aged))
        tasks += _read(_with_order_of_sweep(parts), at_most, TaskKind.PART)
    return tasks


def _with_order(runs: "QuerySet[Run]") -> "QuerySet[Any]":
    return runs.annotate(asked_at=F("created_at"), first=Value(0), owner=F("workspace_id"))


def _with_order_of_sweep(parts: "QuerySet[SweepPart]") -> "QuerySet[Any]":
    return parts.annotate(asked_at=F("sweep__created_at"), owner=F("sweep__workspace_id"))


def _numbered(tasks: "QuerySet[Any]") -> Any:
    order = Window(RowNumber(), partition_by="owner", order_by=("asked_at", "first", "id"))
    return tasks.annotate(place=order)


def _read(tasks: "QuerySet[Any]", at_most: int | None, kind: TaskKind) -> Iterator[_Queued]:
    if at_most is not None:
        tasks = _numbered(tasks).filter(place__lte=at_most)
    for asked_at, first, task_id, owner in tasks.order_by().values_list("asked_at", "first", "id", "owner"):
        yield _Queued(kind == TaskKind.REPLICATION, asked_at, first, task_id, owner, kind)

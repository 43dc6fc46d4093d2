"""Deleting what is older than the installation keeps: never what an accepted or proposed revision, or an open share link, shows."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from advisor.decisions.models import (
    TERMINAL,
    UNFINISHED,
    Revision,
    Run,
    ShareLink,
    Status,
    StatusChange,
    Sweep,
    Trace,
)
from advisor.decisions.models.decision import EXCLUSIVE
from advisor.decisions.services.recordings import find_recording_uses
from advisor.teams.models import Workspace


@dataclass(frozen=True)
class Retention:
    """Days for which each kind is kept; None: for ever."""

    runs_days: int | None = None
    """Simulations, live runs, maps and searches, from their end."""
    revisions_days: int | None = None
    """Frozen drafts that are not the latest and have no runs, from their last change."""
    recordings_days: int | None = None
    """Recordings that nothing uses, from their upload."""

    @classmethod
    def from_configuration(cls) -> Self:
        kept = settings.CONFIGURATION
        return cls(kept.runs_kept_days, kept.revisions_kept_days, kept.recordings_kept_days)

    @property
    def deletes_something(self) -> bool:
        return any((self.runs_days, self.revisions_days, self.recordings_days))


@dataclass(frozen=True)
class Pruned:
    runs: int = 0
    sweeps: int = 0
    revisions: int = 0
    recordings: int = 0


def prune(retention: Retention, now: datetime, *, only_count: bool = False) -> Pruned:
    """Delete in one transaction; `only_count` takes it back. The later kinds depend on what the earlier ones leave."""
    with transaction.atomic():
        pruned = Pruned(
            runs=old_runs(retention, now).delete()[1].get(Run._meta.label, 0),
            sweeps=old_sweeps(retention, now).delete()[1].get(Sweep._meta.label, 0),
            revisions=_old_revisions(retention, now).delete()[1].get(Revision._meta.label, 0),
            recordings=_delete_old_recordings(retention, now),
        )
        transaction.set_rollback(only_count)
    return pruned


def old_runs(retention: Retention, now: datetime) -> "QuerySet[Run]":
    if retention.runs_days is None:
        return Run.objects.none()
    ended = Run.objects.filter(state__in=TERMINAL, finished_at__lt=now - timedelta(days=retention.runs_days))
    return ended.exclude(_is_shown())


def old_sweeps(retention: Retention, now: datetime) -> "QuerySet[Sweep]":
    if retention.runs_days is None:
        return Sweep.objects.none()
    ended = Sweep.objects.filter(finished_at__lt=now - timedelta(days=retention.runs_days))
    return ended.exclude(state__in=UNFINISHED).exclude(_is_shown())


def _is_shown() -> Q:
    links = ShareLink.objects.open().filter(revision=OuterRef("revision"))
    return Q(revision__status__in=EXCLUSIVE) | Q(Exists(links))


def _old_revisions(retention: Retention, now: datetime) -> "QuerySet[Revision]":
    if retention.revisions_days is None:
        return Revision.objects.none()
    unused = (
        ~Exists(rows.filter(revision=OuterRef("pk")))
        for rows in (Run.objects, Sweep.objects, ShareLink.objects, StatusChange.objects)
    )
    latest = Revision.objects.latest_only().values("pk")
    drafts = Revision.objects.filter(status=Status.DRAFT, updated_at__lt=now - timedelta(days=retention.revisions_days))
    return drafts.filter(*unused).exclude(pk__in=latest)


def _delete_old_recordings(retention: Retention, now: datetime) -> int:
    if retention.recordings_days is None:
        return 0
    deleted = 0
    old = Trace.objects.filter(created_at__lt=now - timedelta(days=retention.recordings_days))
    for workspace in Workspace.objects.filter(traces__in=old).distinct():
        traces = list(old.filter(workspace=workspace).select_for_update())
        uses = find_recording_uses(traces, workspace)
        unused = [trace.pk for trace in traces if not uses[trace.pk].decisions]
        deleted += Trace.objects.filter(pk__in=unused).delete()[1].get(Trace._meta.label, 0)
    return deleted

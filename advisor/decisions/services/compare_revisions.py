"""The history of a decision: its revisions with what changed in each, and any two of them field by field."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Prefetch, QuerySet

from advisor.decisions.models import Decision, Revision, Run, StatusChange
from advisor.decisions.services.make_report import recording_of
from advisor.decisions.services.undo import changed_paths
from advisor.reports.comparison.revisions import Comparison, compare
from advisor.reports.document.answers import TRACE

BEGUN = "The first answers"


@dataclass(frozen=True)
class Entry:
    """A revision and what changed in it; the first one has nothing to be held against."""

    revision: Revision
    change: str


def history(decision: Decision) -> QuerySet[Revision]:
    """The revisions, the newest first, with their runs and the changes of their status."""
    return (
        decision.revisions.select_related("created_by")
        .prefetch_related(
            Prefetch("runs", Run.objects.without_result()),
            Prefetch("status_changes", StatusChange.objects.select_related("changed_by")),
        )
        .order_by("-number")
    )


def entries_of(revisions: Sequence[Revision]) -> list[Entry]:
    """Each with what it changed against the one before."""
    if not revisions:
        return []
    wanted = [revision.number - 1 for revision in revisions]
    before = {one.number: one for one in Revision.objects.filter(decision=revisions[0].decision_id, number__in=wanted)}
    return [
        Entry(one, compare_revisions(before[one.number - 1], one).sentence if one.number - 1 in before else BEGUN)
        for one in revisions
    ]


def compare_revisions(before: Revision, after: Revision) -> Comparison:
    """The second against the first."""
    paths = changed_paths(before.answers, after.answers)
    recordings = (_recording(before), _recording(after)) if TRACE in paths else (None, None)
    return compare((before.answers, before.recommendation), (after.answers, after.recommendation), paths, recordings)


def _recording(revision: Revision) -> str | None:
    trace = recording_of(revision)
    return trace.name if trace else None

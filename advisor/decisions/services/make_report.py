"""The report on a revision, as it is on record. Nothing is written."""

from uuid import UUID

from django.utils import timezone

from advisor.decisions.models import Revision, Run, State, Trace
from advisor.decisions.names import person_name
from advisor.decisions.services.standing import standing_of
from advisor.reports.document import Document, Record, Recording, build
from advisor.teams.models import User
from advisor.teams.services.local import LOCAL_USERNAME


def make_report(revision: Revision, *, address: str, workspace_address: str) -> Document:
    """Its advice, and its latest simulation that succeeded. The addresses are those of the revision's and the workspace's pages."""
    run = Run.objects.filter(revision=revision, state=State.SUCCEEDED).order_by("-created_at").first()
    trace = recording_of(revision)
    return build(
        revision.answers,
        revision.recommendation,
        date=timezone.localdate(revision.updated_at),
        versions=revision.versions,
        scenario=run.scenario if run else None,
        result=run.result if run else None,
        record=_record(revision, address, workspace_address),
        recording=facts_of(trace) if trace else None,
    )


def recording_of(revision: Revision) -> Trace | None:
    """The recording that the answers name, if it is still there."""
    given = revision.answers.volume.trace
    try:
        key = UUID(given) if given else None
    except ValueError:
        return None
    return Trace.objects.for_workspace(revision.decision.workspace).filter(pk=key).first() if key else None


def facts_of(trace: Trace) -> Recording:
    """What is known of an uploaded recording."""
    return Recording(
        name=trace.name,
        requests=trace.requests,
        size_bytes=trace.size_bytes,
        sha256=trace.sha256,
        first=trace.first_instant,
        last=trace.last_instant,
        span_s=trace.span_s,
    )


def _record(revision: Revision, address: str, workspace_address: str) -> Record:
    standing = standing_of(revision.decision)
    change = revision.status_changes.select_related("changed_by").last()
    return Record(
        revision=revision.number,
        latest=standing.latest.number,
        status=revision.status,
        set_by=_name_of(change.changed_by) if change else None,
        set_at=change.changed_at if change else None,
        standing=standing.words,
        saved_at=revision.updated_at,
        is_open=not revision.frozen,
        workspace=revision.decision.workspace.name,
        workspace_address=workspace_address,
        address=address,
    )


def _name_of(user: User | None) -> str:
    """The local user is "You" on their own screen only."""
    return "the local user" if user and user.get_username() == LOCAL_USERNAME else person_name(user)

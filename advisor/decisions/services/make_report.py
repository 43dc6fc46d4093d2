"""The report on a revision, as it is on record. Nothing is written."""

from typing import Any
from uuid import UUID

from django.utils import timezone

from advisor.decisions.models import Decision, Revision, Run, State, Trace
from advisor.decisions.models.run import RunQuerySet
from advisor.decisions.names import person_name
from advisor.decisions.services.standing import standing_of
from advisor.reports.document import Document, Record, Recording, build
from advisor.teams.models import User
from advisor.teams.services.local import LOCAL_USERNAME
from core.errors import InvalidInput, Problem
from core.values import shown


def make_report(revision: Revision, *, address: str, workspace_address: str, run: Run | None = None) -> Document:
    """Its advice, and `run`, by default its latest simulation that succeeded. The addresses are those of the revision's and the workspace's pages."""
    run = run or finished_runs(revision).first()
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


def finished_runs(revision: Revision) -> RunQuerySet:
    """The simulations of the revision that succeeded, the latest first."""
    return Run.objects.filter(revision=revision, state=State.SUCCEEDED).order_by("-created_at")


def recording_of(revision: Revision) -> Trace | None:
    """The recording that the answers name, if it is still there."""
    given = revision.answers.volume.trace
    try:
        key = UUID(given) if given else None
    except ValueError:
        return None
    return Trace.objects.for_workspace(revision.decision.workspace).filter(pk=key).first() if key else None


def with_recording_by_id(given: dict[str, Any], decision: Decision) -> None:
    """Turns the file name of a recording, as reports and files of answers have it, into the id of the workspace's recording of that name.

    Of several the decision's own one is meant. A name that no recording has stays as it is.

    Raises:
        InvalidInput: if several have the name, and the decision goes by none of them.
    """
    volume = given.get("volume")
    name = volume.get("trace") if isinstance(volume, dict) else None
    if not isinstance(volume, dict) or not isinstance(name, str):
        return
    traces = Trace.objects.for_workspace(decision.workspace)
    named = [trace for trace in traces if name in (trace.name, facts_of(trace).file)]
    own = recording_of(decision.latest())
    if own in named:
        named = [own]
    if len(named) > 1:
        several = f"{len(named)} recordings of this workspace are called {shown(name)}"
        reason = f"{several}; upload the one that is meant to this decision, then replace its answers"
        raise InvalidInput([Problem("volume.trace", reason)])
    if named:
        volume["trace"] = str(named[0].pk)


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

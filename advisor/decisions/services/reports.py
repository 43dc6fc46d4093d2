"""The report on a revision, and the bundle that reproduces it. Nothing is written to the database."""

from collections.abc import Mapping
from functools import partial
from typing import Any, BinaryIO

from django.utils import timezone

from advisor.advice.answers import answers_from
from advisor.advice.library_overrides import apply_overrides
from advisor.decisions.models import LibraryEntry, Revision, Run, State, TraceData
from advisor.decisions.models.library import EntryKind
from advisor.decisions.models.run import RunQuerySet
from advisor.decisions.services.decisions import summarize_status
from advisor.decisions.services.library import library_of
from advisor.decisions.services.recordings import copy_file, describe_recording, recording_of
from advisor.decisions.services.simulated_advice import complete_recommendation
from advisor.reports.bundle import Recorded, write_bundle
from advisor.reports.document import Document, build
from advisor.reports.document.record import Record
from advisor.teams.models import User
from advisor.teams.services.accounts import LOCAL_USERNAME, person_name


def make_report(revision: Revision, *, address: str, workspace_address: str, run: Run | None = None) -> Document:
    """The addresses are those of the revision's and the workspace's pages; `run` is its latest success by default."""
    run = run or finished_runs(revision).first()
    trace = recording_of(revision)
    return build(
        revision.answers,
        complete_recommendation(revision),
        date=timezone.localdate(revision.updated_at),
        versions=revision.versions,
        scenario=run.scenario if run else None,
        result=run.result if run else None,
        record=_record(revision, address, workspace_address),
        recording=describe_recording(trace) if trace else None,
    )


def finished_runs(revision: Revision) -> RunQuerySet:
    return Run.objects.as_advised().filter(revision=revision, state=State.SUCCEEDED).order_by("-created_at")


def _record(revision: Revision, address: str, workspace_address: str) -> Record:
    standing = summarize_status(revision.decision)
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
        owner=_name_of(revision.decision.created_by),
    )


def _name_of(user: User | None) -> str:
    return "the local user" if user and user.get_username() == LOCAL_USERNAME else person_name(user)


def make_bundle(revision: Revision, document: Document, to: BinaryIO) -> None:
    trace = recording_of(revision)
    recorded = None
    if trace is not None:
        is_kept = TraceData.objects.filter(trace=trace, csv_gz__isnull=False).exists()
        recorded = Recorded(partial(copy_file, trace), is_kept)
    write_bundle(to, document, recorded, _library(revision))


def _library(revision: Revision) -> Mapping[str, Any] | None:
    """Return the workspace's own hops and profiles as `--library` reads them; None if they have changed since.

    Answers hold their figures, so the advice is the same without them; figures of another day would change it.
    """
    workspace, answers = revision.decision.workspace, revision.answers
    own = library_of(workspace)
    if own.version is None or revision.versions.get("library") != own.version:
        return None
    if answers_from(apply_overrides(answers.model_dump(), own)) != answers:
        return None
    entries = LibraryEntry.objects.for_workspace(workspace).exclude(edit_json=None)
    return {f"{kind}s": [_row(entry) for entry in entries if entry.kind == kind] for kind in EntryKind.values}


def _row(entry: LibraryEntry) -> dict[str, Any]:
    edit = entry.edit
    return {"name": entry.name} | (edit.model_dump(mode="json", exclude={"schema_"}) if edit else {})

"""The bundle of a revision: its report with all that works it out again. Nothing is written to the database."""

from collections.abc import Mapping
from functools import partial
from typing import Any, BinaryIO

from advisor.advice.answers import answers_from
from advisor.advice.editions import taken_over
from advisor.decisions.models import LibraryEntry, Revision, TraceData
from advisor.decisions.models.library import EntryKind
from advisor.decisions.services.edit_library import library_of
from advisor.decisions.services.make_report import recording_of
from advisor.decisions.services.upload_trace import copy_file
from advisor.reports.bundle import Recorded, write_bundle
from advisor.reports.document import Document


def make_bundle(revision: Revision, document: Document, to: BinaryIO) -> None:
    """Writes the zip."""
    trace = recording_of(revision)
    recorded = None
    if trace is not None:
        is_kept = TraceData.objects.filter(trace=trace, csv_gz__isnull=False).exists()
        recorded = Recorded(partial(copy_file, trace), is_kept)
    write_bundle(to, document, recorded, _library(revision))


def _library(revision: Revision) -> Mapping[str, Any] | None:
    """The workspace's own hops and profiles as `--library` reads them; None if it has none, or if they have changed since.

    Answers hold their figures, so the advice is the same without them; figures of another day would change it.
    """
    workspace, answers = revision.decision.workspace, revision.answers
    own = library_of(workspace)
    if own.version is None or revision.versions.get("library") != own.version:
        return None
    if answers_from(taken_over(answers.model_dump(), own)) != answers:
        return None
    entries = LibraryEntry.objects.for_workspace(workspace).exclude(edit_json=None)
    return {f"{kind}s": [_row(entry) for entry in entries if entry.kind == kind] for kind in EntryKind.values}


def _row(entry: LibraryEntry) -> dict[str, Any]:
    edit = entry.edit
    return {"name": entry.name} | (edit.model_dump(mode="json", exclude={"schema_"}) if edit else {})

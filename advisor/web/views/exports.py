"""A decision's answers, report and bundle as files. Nothing is written, also if the revision is still open."""

import tempfile
from typing import BinaryIO, cast
from uuid import UUID

from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.text import slugify
from django.views.decorators.http import require_safe

from advisor.advice.yaml_json import as_json, as_yaml
from advisor.decisions.models import Revision, Run, State
from advisor.decisions.services.recordings import describe_recording, recording_of
from advisor.decisions.services.reports import finished_runs, make_bundle, make_report
from advisor.reports.data_files import DATA_ENDINGS, zip_of_tables
from advisor.reports.document import Document, file_name
from advisor.reports.document.record import answers_on_file
from advisor.reports.formats import FORMATS
from advisor.teams.links import absolute_link
from advisor.teams.middleware import MemberRequest
from advisor.web.access import find_decision, find_run, revision_numbered
from advisor.web.responses import download

WRITERS = {"yaml": (as_yaml, "application/yaml"), "json": (as_json, "application/json")}
BY_EXTENSION = {format_.extension: format_ for format_ in FORMATS.values()}
BUNDLE_IN_MEMORY_BYTES = 1 << 20


@require_safe
def download_answers(request: MemberRequest, decision_id: UUID, extension: str) -> HttpResponse:
    if extension not in WRITERS:
        raise Http404
    write, content_type = WRITERS[extension]
    revision = find_decision(request, decision_id).latest()
    trace = recording_of(revision)
    answers = answers_on_file(revision.answers, describe_recording(trace) if trace else None)
    name = f"{slugify(answers.name)[:60] or 'decision'}-answers.{extension}"
    return download(write(answers), f"{content_type}; charset=utf-8", name)


@require_safe
def report(request: MemberRequest, decision_id: UUID, extension: str) -> HttpResponse:
    """The latest revision as a file, or `?revision=N`, with its latest simulation, or `?run=ID`; `appendix=no` leaves the appendices out."""
    revision = _revision(request, decision_id)
    if extension not in BY_EXTENSION:
        raise Http404
    document = _document(request, revision)
    if request.GET.get("appendix") == "no":
        document = document.without_appendices()
    chosen = BY_EXTENSION[extension]
    return download(chosen.render(document), chosen.content_type, file_name(document, chosen.extension))


@require_safe
def bundle(request: MemberRequest, decision_id: UUID) -> HttpResponse:
    """The report of the latest revision, or of `?revision=N`, with everything that reproduces it."""
    revision = _revision(request, decision_id)
    document = _document(request, revision)
    with tempfile.SpooledTemporaryFile(max_size=BUNDLE_IN_MEMORY_BYTES) as file:
        make_bundle(revision, document, cast(BinaryIO, file))
        file.seek(0)
        return download(file.read(), "application/zip", file_name(document, "zip"))


@require_safe
def run_tables(request: MemberRequest, run_id: UUID, extension: str) -> HttpResponse:
    """The run's tables, a file each, in a zip."""
    from simulator.result_tables import tabulate  # it loads polars, which takes a while

    run = find_run(request, run_id, with_result=True)
    if f".{extension}" not in DATA_ENDINGS or run.state != State.SUCCEEDED or run.result is None:
        raise Http404
    name = f"{slugify(run.revision.answers.name)[:60] or 'run'}-{extension}.zip"
    return download(zip_of_tables(tabulate(run.result), f".{extension}"), "application/zip", name)


def _revision(request: MemberRequest, decision_id: UUID) -> Revision:
    decision = find_decision(request, decision_id)
    revisions = decision.revisions.select_related("decision__workspace")
    given = request.GET.get("revision", "")
    return revision_numbered(revisions, given) if given else revisions.latest("number")


def _document(request: MemberRequest, revision: Revision) -> Document:
    workspace_id = revision.decision.workspace_id
    return make_report(
        revision,
        address=absolute_link(request, reverse("revision", args=[revision.decision_id, revision.number])),
        workspace_address=absolute_link(request, reverse("workspace", args=[workspace_id])),
        run=_run(revision, request.GET.get("run", "")),
    )


def _run(revision: Revision, given: str) -> Run | None:
    """
    Raises:
        Http404: if a run is given that is none of the revision's, or has not succeeded.
    """
    if not given:
        return None
    try:
        run = finished_runs(revision).filter(pk=UUID(given)).first()
    except ValueError:
        run = None
    if run is None:
        raise Http404
    return run

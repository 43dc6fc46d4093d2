"""A decision's report and bundle, to take away. Nothing is written: a revision that is still open says so."""

import tempfile
from typing import BinaryIO, cast
from uuid import UUID

from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from advisor.decisions.models import Revision, Run
from advisor.decisions.services.reports import finished_runs, make_bundle, make_report
from advisor.reports.document import Document, file_name
from advisor.reports.formats import FORMATS
from advisor.teams.links import absolute_link
from advisor.teams.middleware import MemberRequest
from advisor.web.access import find_decision, revision_numbered

BY_EXTENSION = {format_.extension: format_ for format_ in FORMATS.values()}
BUNDLE_IN_MEMORY_BYTES = 1 << 20


@require_safe
def report(request: MemberRequest, decision_id: UUID, extension: str) -> HttpResponse:
    """The latest revision as a file, or `?revision=N`, with its latest simulation, or `?run=ID`."""
    revision = _revision(request, decision_id)
    if extension not in BY_EXTENSION:
        raise Http404
    document = _document(request, revision)
    chosen = BY_EXTENSION[extension]
    return _download(chosen.render(document), chosen.content_type, file_name(document, chosen.extension))


@require_safe
def bundle(request: MemberRequest, decision_id: UUID) -> HttpResponse:
    """The report of the latest revision, or of `?revision=N`, with all that works it out again."""
    revision = _revision(request, decision_id)
    document = _document(request, revision)
    with tempfile.SpooledTemporaryFile(max_size=BUNDLE_IN_MEMORY_BYTES) as file:
        make_bundle(revision, document, cast(BinaryIO, file))
        file.seek(0)
        return _download(file.read(), "application/zip", file_name(document, "zip"))


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


def _download(content: bytes, content_type: str, name: str) -> HttpResponse:
    response = HttpResponse(content, content_type=content_type)
    response["Content-Disposition"] = content_disposition_header(True, name)
    response["Cache-Control"] = "private, no-store"
    return response

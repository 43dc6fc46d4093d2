"""A decision's report, to take away."""

from uuid import UUID

from django.http import Http404, HttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from advisor.decisions.models import Revision, Run, State
from advisor.decisions.services.freeze_revision import freeze_revision
from advisor.reports.document import Document, build, file_name
from advisor.reports.formats import FORMATS
from advisor.teams.middleware import MemberRequest
from advisor.web.access import find_decision, revision_numbered

BY_EXTENSION = {format_.extension: format_ for format_ in FORMATS.values()}


@require_safe
def report(request: MemberRequest, decision_id: UUID, extension: str) -> HttpResponse:
    """The latest revision as a file, or `?revision=N`, with the latest simulation of it. What was taken away is frozen."""
    decision = find_decision(request, decision_id)
    if extension not in BY_EXTENSION:
        raise Http404
    given = request.GET.get("revision", "")
    revision = revision_numbered(decision.revisions.all(), given) if given else decision.latest()
    freeze_revision(revision)
    document = _document(revision)
    chosen = BY_EXTENSION[extension]
    response = HttpResponse(chosen.render(document), content_type=chosen.content_type)
    response["Content-Disposition"] = content_disposition_header(True, file_name(document, chosen.extension))
    response["Cache-Control"] = "private, no-store"
    return response


def _document(revision: Revision) -> Document:
    run = Run.objects.filter(revision=revision, state=State.SUCCEEDED).order_by("-created_at").first()
    return build(
        revision.answers,
        revision.recommendation,
        date=timezone.localdate(revision.updated_at),
        versions=revision.versions,
        scenario=run.scenario if run else None,
        result=run.result if run else None,
    )

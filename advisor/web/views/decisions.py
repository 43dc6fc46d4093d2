"""A decision: begun from a template, looked at, given a status, deleted."""

from functools import cache
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from advisor.advice.recommendation import Recommendation, advise
from advisor.advice.templates import TEMPLATES
from advisor.decisions.models import Status
from advisor.decisions.services.decisions import change_status, create_decision, delete_decision
from advisor.teams.access import require_editor
from advisor.teams.middleware import MemberRequest
from advisor.web.access import editable_decision, find_decision, revision_numbered
from advisor.web.decision_page import page_of, version_of
from advisor.web.forms.sentences import choice_reason, sentence_of
from advisor.web.views.revisions import revision_page


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: MemberRequest) -> HttpResponseBase:
    """The templates; and a new decision from the one chosen."""
    require_editor(request.user, request.workspace)
    if request.method == "POST":
        template = request.POST.get("template", "")
        if template not in TEMPLATES:
            titles = tuple(offered.title for offered in TEMPLATES.values())
            return _offers(request, sentence_of(choice_reason(template, titles)), 422)
        return redirect("decision", create_decision(request.workspace, request.user, {"template": template}).pk)
    return _offers(request)


def _offers(request: MemberRequest, error: str = "", status: int = 200) -> HttpResponse:
    offers = [(template, typical(name)) for name, template in TEMPLATES.items()]
    return render(request, "decisions/new.html", {"offers": offers, "error": error}, status=status)


@cache
def typical(template: str) -> Recommendation:
    """What a template's own answers lead to."""
    return advise(TEMPLATES[template].answers, flips=False)


@require_safe
def show(request: MemberRequest, decision_id: UUID) -> HttpResponse:
    """Questionnaire and advice."""
    decision = find_decision(request, decision_id)
    return render(request, "decisions/show.html", page_of(request, decision, decision.latest()))


@require_safe
def advice(request: MemberRequest, decision_id: UUID) -> HttpResponse:
    """The advice alone."""
    decision = find_decision(request, decision_id)
    return render(request, "decisions/_advice.html#advice", page_of(request, decision, decision.latest()))


@require_POST
def status(request: MemberRequest, decision_id: UUID) -> HttpResponseBase:
    """Marks a revision as draft, proposed, accepted or superseded: the latest one, or the one that is named."""
    decision = editable_decision(request, decision_id)
    named = request.POST.get("revision")
    revision = decision.latest() if named is None else revision_numbered(decision.revisions.all(), named)
    is_latest = revision.number == decision.latest().number
    given = request.POST.get("status", "")
    if given not in Status.values:
        error = sentence_of(choice_reason(given, tuple(Status.labels)))
        if not is_latest:
            return revision_page(request, decision, revision, error)
        context = page_of(request, decision, revision) | {"status_error": error}
        return render(request, "decisions/show.html", context, status=422)
    change_status(
        decision,
        request.user,
        given,
        number=revision.number,
        seen_status=request.POST.get("seen"),
        seen_version=version_of(request) if "version" in request.POST else None,
    )
    return redirect("decision", decision.pk) if is_latest else redirect("revision", decision.pk, revision.number)


@require_POST
def delete(request: MemberRequest, decision_id: UUID) -> HttpResponseBase:
    """Deletes it for good."""
    delete_decision(editable_decision(request, decision_id), request.user)
    return redirect("home")

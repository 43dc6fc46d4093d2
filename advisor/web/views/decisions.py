"""A decision: made from a template, shown, given a status, commented on, deleted."""

from functools import cache
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from advisor.advice.contract import Recommendation
from advisor.advice.recommendation import advise
from advisor.advice.templates import TEMPLATES
from advisor.decisions.models import Comment, Decision, Status
from advisor.decisions.services.decisions import (
    add_comment,
    change_status,
    create_decision,
    delete_comment,
    delete_decision,
)
from advisor.teams.access import require_editor, role_in
from advisor.teams.middleware import MemberRequest
from advisor.teams.models import Role
from advisor.web.access import editable_decision, find_decision, revision_numbered
from advisor.web.decision_page import decision_context, version_of
from advisor.web.forms.questions import choice_reason, sentence_of
from advisor.web.views.revisions import revision_page
from core.errors import InvalidInput


@require_http_methods(["GET", "HEAD", "POST"])
def new_decision(request: MemberRequest) -> HttpResponseBase:
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
    return advise(TEMPLATES[template].answers, flips=False)


@require_safe
def show_decision(request: MemberRequest, decision_id: UUID) -> HttpResponse:
    decision = find_decision(request, decision_id)
    return render(request, "decisions/show.html", decision_context(request, decision, decision.latest()))


@require_safe
def show_advice(request: MemberRequest, decision_id: UUID) -> HttpResponse:
    decision = find_decision(request, decision_id)
    return render(request, "decisions/_advice.html#advice", decision_context(request, decision, decision.latest()))


@require_POST
def set_status(request: MemberRequest, decision_id: UUID) -> HttpResponseBase:
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
        context = decision_context(request, decision, revision) | {"status_error": error}
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
def remove_decision(request: MemberRequest, decision_id: UUID) -> HttpResponseBase:
    delete_decision(editable_decision(request, decision_id), request.user)
    return redirect("home")


@require_safe
def show_comments(request: MemberRequest, decision_id: UUID) -> HttpResponse:
    return _comments_page(request, find_decision(request, decision_id))


@require_POST
def post_comment(request: MemberRequest, decision_id: UUID) -> HttpResponseBase:
    decision = find_decision(request, decision_id)
    text = request.POST.get("text", "")
    try:
        comment = add_comment(decision, request.user, text)
    except InvalidInput as error:
        return _comments_page(request, decision, text, sentence_of(error.problems[0].reason, "It"), 422)
    return redirect(f"{comment_page(decision)}#comment-{comment.pk}")


@require_POST
def remove_comment(request: MemberRequest, decision_id: UUID, comment_id: UUID) -> HttpResponseBase:
    decision = find_decision(request, decision_id)
    comments = Comment.objects.select_related("decision__workspace")
    comment = get_object_or_404(comments, decision=decision, pk=comment_id)
    delete_comment(comment, request.user)
    return redirect(comment_page(decision))


def comment_page(decision: Decision) -> str:
    return reverse("comments", args=[decision.pk])


def _comments_page(
    request: MemberRequest, decision: Decision, text: str = "", error: str = "", status: int = 200
) -> HttpResponse:
    role = role_in(request.user, decision.workspace)
    context = {
        "decision": decision,
        "comments": [
            (comment, role is Role.OWNER or (role is not None and comment.author_id == request.user.pk))
            for comment in decision.comments.select_related("author")
        ],
        "may_comment": role is not None,
        "text": text,
        "error": error,
    }
    return render(request, "revisions/comments.html", context, status=status)

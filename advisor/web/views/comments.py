"""What the members say about a decision."""

from uuid import UUID

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from advisor.decisions.models import Comment, Decision
from advisor.decisions.services.comments import add_comment, delete_comment
from advisor.teams.access import role_in
from advisor.teams.middleware import MemberRequest
from advisor.teams.models import Role
from advisor.web.access import find_decision
from advisor.web.forms.sentences import sentence_of
from core.errors import InvalidInput


@require_safe
def show(request: MemberRequest, decision_id: UUID) -> HttpResponse:
    """All of them, the oldest first, as people read a talk."""
    return _page(request, find_decision(request, decision_id))


@require_POST
def add(request: MemberRequest, decision_id: UUID) -> HttpResponseBase:
    """One more; what is refused comes back as it was typed."""
    decision = find_decision(request, decision_id)
    text = request.POST.get("text", "")
    try:
        comment = add_comment(decision, request.user, text)
    except InvalidInput as error:
        return _page(request, decision, text, sentence_of(error.problems[0].reason, "It"), 422)
    return redirect(f"{comment_page(decision)}#comment-{comment.pk}")


@require_POST
def delete(request: MemberRequest, decision_id: UUID, comment_id: UUID) -> HttpResponseBase:
    """Takes one away for good."""
    decision = find_decision(request, decision_id)
    comment = Comment.objects.select_related("decision__workspace").filter(decision=decision, pk=comment_id).first()
    if comment is None:
        raise Http404
    delete_comment(comment, request.user)
    return redirect(comment_page(decision))


def comment_page(decision: Decision) -> str:
    """Its address."""
    return reverse("comments", args=[decision.pk])


def _page(
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

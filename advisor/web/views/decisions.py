"""Decisions: listed; and one of them shown, given a status and tags, commented on, duplicated, archived, deleted."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.db.models import F
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from advisor.advice.contract import Recommendation
from advisor.advice.questionnaire import SECTIONS
from advisor.decisions.cleaning import clean_sentence
from advisor.decisions.limits import TAG_LENGTH, TITLE_LENGTH
from advisor.decisions.models import Comment, Decision, Run, Status
from advisor.decisions.services.decisions import (
    StatusSummary,
    add_comment,
    change_status,
    delete_comment,
    delete_decision,
    duplicate_decision,
    set_archived,
    set_tags,
    summarize_statuses,
)
from advisor.decisions.services.run_verdicts import RunVerdict, verdict_of_run
from advisor.decisions.services.simulated_advice import Awaited, advise_revision, find_flips_of
from advisor.server.page_threads import quick_page
from advisor.teams.access import may_edit, role_in
from advisor.teams.middleware import MemberRequest
from advisor.teams.models import Role, Workspace
from advisor.web.access import (
    editable_decision,
    find_decision,
    find_latest,
    revision_numbered,
    version_in_page,
    workspace_of,
)
from advisor.web.decision_list import (
    DECISIONS_PER_PAGE,
    STYLES_SHOWN,
    Selection,
    key_of_list,
    statuses_of,
    tag_names,
    with_last_run,
)
from advisor.web.decision_page import FORMULAS, OLDER, decision_context, version_of
from advisor.web.forms.questions import choice_reason, first_sentence, sentence_of
from advisor.web.forms.run_options import RunOptions, load_run_options
from advisor.web.kept_pages import PageKey, find_kept, render_kept
from advisor.web.page_keys import key_of_decision
from advisor.web.views.revisions import revision_page
from core.errors import InvalidInput

DECISION_PAGE, LIST_PAGE = "decisions/show.html", "home/decisions.html"
LOAD = next(section for section in SECTIONS if section.id == "load")
POLL_S = 3.0
"""How long a request for the whole advice waits for it, before the page asks again."""


@quick_page
@login_not_required
@require_safe
def list_decisions(request: MemberRequest) -> HttpResponse:
    """The decisions, the latest change first; `?q=`, `?status=`, `?style=` and `?tag=` select, `?archived` shows what was put away."""
    if not request.user.is_authenticated:
        return render(request, "home/welcome.html")
    is_archive = "archived" in request.GET
    selection = Selection(
        words=clean_sentence(request.GET.get("q", ""), TITLE_LENGTH),
        status=request.GET.get("status", ""),
        style=request.GET.get("style", ""),
        tag=clean_sentence(request.GET.get("tag", ""), TAG_LENGTH),
    )

    def read_key() -> PageKey | None:
        return key_of_list(request, selection, is_archive=is_archive)

    key = read_key()
    if page := find_kept(request, LIST_PAGE, key, has_query=True):
        return page
    workspace = workspace_of(request)
    if workspace is None:
        return render(request, "home/no_workspace.html")
    context = _list_context(request, workspace, selection, is_archive=is_archive)
    if context["selection_error"]:
        return render(request, LIST_PAGE, context, status=422)
    is_whole = not any(row.awaited or row.recommendation.flips_awaited for row in context["rows"])
    return render_kept(request, LIST_PAGE, key if is_whole else None, read_key, context, has_query=True)


def _list_context(
    request: MemberRequest, workspace: Workspace, selection: Selection, *, is_archive: bool
) -> dict[str, Any]:
    every = Decision.objects.for_workspace(workspace)
    shown = every.filter(archived_at__isnull=not is_archive)
    error = selection.error()
    selected = with_last_run(shown if error else selection.of(shown))
    pages = Paginator(selected.select_related("created_by").prefetch_related("tags"), DECISIONS_PER_PAGE)
    page = pages.get_page(request.GET.get("page"))
    rows = _rows(list(page))
    counts = dict(statuses_of(workspace))
    return {
        "workspace": workspace,
        "may_edit": may_edit(request.user, workspace),
        "selection": selection,
        "selection_error": error,
        "statuses": [(value, words, counts[value]) for value, words in Status.choices if value in counts],
        "tags": [name for (name,) in tag_names(shown)],
        "archived": is_archive,
        "archived_count": every.filter(archived_at__isnull=False).count(),
        "is_new": not every.filter(is_demo=False).exists(),
        "is_shared": workspace.memberships.count() > 1,
        "page": page,
        "rows": rows,
        "under_way": any(row.awaited or (row.run and row.run.active) for row in rows),
        "styles": STYLES_SHOWN,
    }


@dataclass(frozen=True)
class DecisionRow:
    decision: Decision
    status: StatusSummary
    recommendation: Recommendation
    awaited: Awaited
    run: Run | None
    verdict: RunVerdict

    @property
    def workload(self) -> str:
        return LOAD.state(self.status.latest.answers)


def _rows(decisions: list[Decision]) -> list[DecisionRow]:
    wanted = [decision.last_run_id for decision in decisions]  # type: ignore[attr-defined]  # annotated
    shown = Run.objects.only("state", "progress_fraction", "revision").annotate(revision_number=F("revision__number"))
    runs = shown.in_bulk([pk for pk in wanted if pk])
    summaries = summarize_statuses(decisions)
    return [
        _row(decision, summaries[decision.pk], runs.get(pk)) for decision, pk in zip(decisions, wanted, strict=True)
    ]


def _row(decision: Decision, status: StatusSummary, run: Run | None) -> DecisionRow:
    advised = advise_revision(status.latest)
    is_of_latest = run is not None and run.revision_id == status.latest.pk
    verdict = verdict_of_run(run, advised.recommendation if is_of_latest else None)
    return DecisionRow(decision, status, *advised, run, verdict)


@quick_page
@require_safe
def show_decision(request: MemberRequest, decision_id: UUID) -> HttpResponse:
    options = load_run_options(request, decision_id)
    # The plan of a live run depends on this machine.
    key = key_of_decision(request.user, decision_id) if options == RunOptions() else None
    if page := find_kept(request, DECISION_PAGE, key):
        return page
    decision = find_decision(request, decision_id)
    context = decision_context(request, decision, decision.latest(), run_options=options, is_page=True)
    kept_under = None if context["awaited"] else key
    return render_kept(request, DECISION_PAGE, kept_under, lambda: key_of_decision(request.user, decision_id), context)


@require_safe
def show_advice(request: MemberRequest, decision_id: UUID) -> HttpResponse:
    decision = find_decision(request, decision_id)
    return render(request, "decisions/_advice.html#advice", decision_context(request, decision, decision.latest()))


@require_safe
def settle_advice(request: MemberRequest, decision_id: UUID) -> HttpResponse:
    """The whole advice on the answers of `?version=`, as soon as it is there; nothing once they have been changed.

    `?shows=` is what the page that asks has in its place. The forces follow if it is that on older answers and the simulation takes longer.
    """
    version = request.GET.get("version", "")
    revision = find_latest(request, decision_id, version)
    decision = revision.decision
    if "flips" in request.GET:
        advise_revision(revision, POLL_S)
        if not find_flips_of(revision, POLL_S):
            return HttpResponse(status=204)
    context = decision_context(request, decision, revision, patience_s=POLL_S)
    stored = Decision.objects.filter(pk=decision.pk).values_list("draft_version", flat=True).first()
    current = version_in_page(revision) if stored is None else str(stored)
    if version != current:
        return HttpResponse(status=204)
    shows = request.GET.get("shows", "")
    if context["awaited"] and shows != OLDER:
        return render(request, "decisions/_advice.html#awaiting", context | {"oob": True, "shows": shows})
    return render(request, "decisions/_settled.html", context | {"replaces_thresholds": shows == FORMULAS})


@require_POST
def set_status(request: MemberRequest, decision_id: UUID) -> HttpResponseBase:
    """Set the status of the latest revision, or of the one that is named."""
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
def change_tags(request: MemberRequest, decision_id: UUID) -> HttpResponseBase:
    decision = editable_decision(request, decision_id)
    text = request.POST.get("tags", "")
    try:
        set_tags(decision, request.user, text)
    except InvalidInput as error:
        context = decision_context(request, decision, decision.latest())
        wrong = {"tags_error": first_sentence(error, "Tags"), "tags_text": text}
        return render(request, "decisions/show.html", context | wrong, status=422)
    return redirect("decision", decision.pk)


@require_POST
def duplicate(request: MemberRequest, decision_id: UUID) -> HttpResponseBase:
    return redirect("decision", duplicate_decision(editable_decision(request, decision_id), request.user).pk)


@require_POST
def archive(request: MemberRequest, decision_id: UUID, *, archived: bool) -> HttpResponseBase:
    decision = editable_decision(request, decision_id)
    set_archived(decision, request.user, archived=archived)
    return redirect("home") if archived else redirect("decision", decision.pk)


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
        return _comments_page(request, decision, text, first_sentence(error, "It"), 422)
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

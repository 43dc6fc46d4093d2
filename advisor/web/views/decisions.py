"""Decisions: listed; and one of them shown, given a status and tags, commented on, duplicated, archived, deleted."""

from collections.abc import Hashable
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.db.models import Count, F, OuterRef, Q, Subquery
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from advisor.advice.contract import Recommendation
from advisor.advice.questionnaire import SECTIONS
from advisor.decisions.cleaning import clean_sentence
from advisor.decisions.limits import TAG_LENGTH, TITLE_LENGTH
from advisor.decisions.models import Comment, Decision, Revision, Run, Status, Tag
from advisor.decisions.models.decision import DecisionQuerySet
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
from advisor.reports import wording
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
from advisor.web.decision_page import (
    FORMULAS,
    OLDER,
    context_of_state,
    decision_context,
    look_up_state,
    version_of,
)
from advisor.web.forms.questions import choice_reason, first_sentence, sentence_of
from advisor.web.forms.run_options import RunOptions, load_run_options
from advisor.web.kept_pages import columns, find_kept, render_kept
from advisor.web.views.revisions import revision_page
from core.errors import InvalidInput

DECISION_PAGE, LIST_PAGE = "decisions/show.html", "home/decisions.html"
DECISIONS_PER_PAGE = 20
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
    workspace = workspace_of(request)
    if workspace is None:
        return render(request, "home/no_workspace.html")
    every = Decision.objects.for_workspace(workspace)
    is_archive = "archived" in request.GET
    shown = every.filter(archived_at__isnull=not is_archive)
    selection = Selection(
        words=clean_sentence(request.GET.get("q", ""), TITLE_LENGTH),
        status=request.GET.get("status", ""),
        style=request.GET.get("style", ""),
        tag=clean_sentence(request.GET.get("tag", ""), TAG_LENGTH),
    )
    error = selection.error()
    advised = Run.objects.as_advised().filter(revision__decision=OuterRef("pk"))
    last_run = advised.order_by("-created_at").values("pk")[:1]
    selected = (shown if error else selection.of(shown)).annotate(last_run_id=Subquery(last_run))
    pages = Paginator(selected.select_related("created_by").prefetch_related("tags"), DECISIONS_PER_PAGE)
    counts = every.aggregate(
        current=Count("pk", filter=Q(archived_at__isnull=True)),
        archived=Count("pk", filter=Q(archived_at__isnull=False)),
        own=Count("pk", filter=Q(is_demo=False)),
    )
    if error or not selection:
        pages.count = counts["archived" if is_archive else "current"]
    page = pages.get_page(request.GET.get("page"))
    tags = Tag.objects.filter(decision__in=shown).order_by("name").values_list("name", flat=True).distinct()
    listed = _Listed(list(page))
    surroundings = {
        "may_edit": may_edit(request.user, workspace),
        "selection": selection,
        "selection_error": error,
        "statuses": tuple(_statuses(workspace)),
        "tags": tuple(tags),
        "archived": is_archive,
        "archived_count": counts["archived"],
        "is_new": not counts["own"],
        "is_shared": workspace.memberships.count() > 1,
    }
    key = (columns(workspace), tuple(surroundings.values()), page.number, pages.count, listed.key)
    if not error and (kept := find_kept(request, LIST_PAGE, key, has_query=True)):
        return kept
    rows = listed.rows()
    under_way = any(row.awaited or (row.run and row.run.active) for row in rows)
    context = surroundings | {
        "workspace": workspace,
        "page": page,
        "rows": rows,
        "under_way": under_way,
        "styles": STYLES_SHOWN,
    }
    if error or any(row.awaited or row.recommendation.flips_awaited for row in rows):
        return render(request, LIST_PAGE, context, status=422 if error else 200)
    return render_kept(request, LIST_PAGE, key, context, has_query=True)


STYLES_SHOWN = (*wording.STYLES.items(), ("neither", "Not feasible"))


@dataclass(frozen=True)
class Selection:
    words: str
    status: str
    style: str
    tag: str

    def error(self) -> str:
        """What is wrong with it; empty if nothing is."""
        for value, offered in ((self.status, Status.choices), (self.style, STYLES_SHOWN)):
            known, titles = zip(*offered, strict=True)
            if value and value not in known:
                return sentence_of(choice_reason(value, titles))
        return ""

    def of(self, decisions: DecisionQuerySet) -> DecisionQuerySet:
        if self.status:
            decisions = decisions.showing(self.status)
        if self.style:
            decisions = decisions.advising(self.style)
        if self.tag:
            decisions = decisions.filter(tags__name=self.tag)
        return decisions.matching(self.words)

    def __bool__(self) -> bool:
        return any((self.words, self.status, self.style, self.tag))


def _statuses(workspace: Workspace) -> list[tuple[str, str, int]]:
    revisions = Revision.objects.for_workspace(workspace).filter(decision__archived_at__isnull=True)
    counts = dict(revisions.shown().order_by().values_list("status").annotate(Count("decision", distinct=True)))
    return [(value, words, counts[value]) for value, words in Status.choices if value in counts]


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


class _Listed:
    """Decisions of a list, without their answers and advice until these are shown: they stay the same while the revision's time of change does,
    once the advice is whole.
    """

    def __init__(self, decisions: list[Decision]) -> None:
        self.decisions = decisions
        wanted = [decision.last_run_id for decision in decisions]  # type: ignore[attr-defined]  # annotated
        runs = Run.objects.only("state", "progress_fraction", "revision").annotate(
            revision_number=F("revision__number")
        )
        self.runs = runs.in_bulk([pk for pk in wanted if pk])

    @property
    def key(self) -> Hashable:
        revisions = Revision.objects.filter(decision__in=self.decisions).shown().order_by("decision", "number")
        return (
            tuple(
                (columns(decision), columns(decision.created_by), tuple(map(columns, decision.tags.all())))
                for decision in self.decisions
            ),
            tuple(map(columns, revisions.defer("answers_json", "recommendation_json"))),
            tuple((columns(run), run.revision_number) for run in self.runs.values()),  # type: ignore[attr-defined]
        )

    def rows(self) -> list[DecisionRow]:
        summaries = summarize_statuses(self.decisions)
        return [
            _row(decision, summaries[decision.pk], self.runs.get(decision.last_run_id))  # type: ignore[attr-defined]
            for decision in self.decisions
        ]


def _row(decision: Decision, status: StatusSummary, run: Run | None) -> DecisionRow:
    advised = advise_revision(status.latest)
    is_of_latest = run is not None and run.revision_id == status.latest.pk
    verdict = verdict_of_run(run, advised.recommendation if is_of_latest else None)
    return DecisionRow(decision, status, *advised, run, verdict)


@quick_page
@require_safe
def show_decision(request: MemberRequest, decision_id: UUID) -> HttpResponse:
    decision = find_decision(request, decision_id)
    state = look_up_state(request, decision, decision.latest())
    options = load_run_options(request, decision)
    if options != RunOptions():  # the plan of a live run depends on this machine
        return render(request, DECISION_PAGE, context_of_state(state, options))
    if page := find_kept(request, DECISION_PAGE, state.key):
        return page
    context = context_of_state(state, options)
    if state.advised.awaited:
        return render(request, DECISION_PAGE, context)
    return render_kept(request, DECISION_PAGE, state.key, context)


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
    advise_revision(revision, POLL_S)
    is_search = "flips" in request.GET
    is_found = is_search and find_flips_of(revision, POLL_S)
    stored = Decision.objects.filter(pk=decision.pk).values_list("draft_version", flat=True).first()
    current = version_in_page(revision) if stored is None else str(stored)
    if version != current or (is_search and not is_found):
        return HttpResponse(status=204)
    context = decision_context(request, decision, revision)
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

"""The landing page: a workspace's decisions, or a welcome if no user is signed in."""

from dataclasses import dataclass

from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.db.models import Count, F, OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from advisor.advice.contract import Recommendation
from advisor.decisions.models import Decision, Revision, Run, Status
from advisor.decisions.services.decisions import StatusSummary, summarize_statuses
from advisor.teams.access import may_edit
from advisor.teams.models import Workspace
from advisor.web.access import workspace_of
from advisor.web.forms.questions import choice_reason, sentence_of

DECISIONS_PER_PAGE = 20


@login_not_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The decisions, the latest change first; each with its status, its verdict and the state of its last run; `?status=` leaves one status."""
    if not request.user.is_authenticated:
        return render(request, "home/welcome.html")
    workspace = workspace_of(request)
    if workspace is None:
        return render(request, "home/no_workspace.html")
    last_run = Run.objects.filter(revision__decision=OuterRef("pk")).order_by("-created_at").values("pk")[:1]
    decisions = Decision.objects.for_workspace(workspace).annotate(last_run_id=Subquery(last_run))
    status = request.GET.get("status", "")
    wrong = status not in ("", *Status.values)
    if status and not wrong:
        decisions = decisions.showing(status)
    page = Paginator(decisions, DECISIONS_PER_PAGE).get_page(request.GET.get("page"))
    rows = _rows(list(page))
    return render(
        request,
        "home/decisions.html",
        {
            "page": page,
            "rows": rows,
            "under_way": any(row.run.active for row in rows if row.run),
            "may_edit": may_edit(request.user, workspace),
            "workspace": workspace,
            "status": "" if wrong else status,
            "status_error": sentence_of(choice_reason(status, tuple(Status.labels))) if wrong else "",
            "statuses": _statuses(workspace),
        },
        status=422 if wrong else 200,
    )


def _statuses(workspace: Workspace) -> list[tuple[str, str, int]]:
    """Each status that is shown, in words, and how many decisions show it; nothing to choose from if there is one."""
    shown = Revision.objects.for_workspace(workspace).shown().order_by()
    counts = dict(shown.values_list("status").annotate(Count("decision", distinct=True)))
    return [(value, words, counts[value]) for value, words in Status.choices if value in counts]


@dataclass(frozen=True)
class DecisionRow:
    decision: Decision
    standing: StatusSummary
    recommendation: Recommendation
    run: Run | None


def _rows(decisions: list[Decision]) -> list[DecisionRow]:
    standings = summarize_statuses(decisions)
    wanted = [decision.last_run_id for decision in decisions]  # type: ignore[attr-defined]  # annotated
    runs = (
        Run.objects.without_result()
        .annotate(revision_number=F("revision__number"))
        .in_bulk([pk for pk in wanted if pk])
    )
    return [
        DecisionRow(
            decision,
            standings[decision.pk],
            standings[decision.pk].latest.recommendation,
            runs.get(decision.last_run_id),  # type: ignore[attr-defined]
        )
        for decision in decisions
    ]

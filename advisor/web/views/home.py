"""The landing page: a workspace's decisions, or what this is for whoever isn't signed in."""

from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from advisor.decisions.models import Decision, Revision, Run
from advisor.teams.access import may_edit
from advisor.web.access import workspace_of

PER_PAGE = 20


@login_not_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The decisions, the latest change first; each with its verdict and the state of its last run."""
    if not request.user.is_authenticated:
        return render(request, "home/welcome.html")
    workspace = workspace_of(request)
    if workspace is None:
        return render(request, "home/no_workspace.html")
    last_run = Run.objects.filter(revision__decision=OuterRef("pk")).order_by("-created_at").values("pk")[:1]
    decisions = Decision.objects.for_workspace(workspace).annotate(last_run_id=Subquery(last_run))
    page = Paginator(decisions, PER_PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "home/decisions.html",
        {"page": page, "rows": _rows(list(page)), "may_edit": may_edit(request.user, workspace)},
    )


def _rows(decisions: list[Decision]) -> list[dict[str, object]]:
    revisions = {
        revision.decision_id: revision for revision in Revision.objects.filter(decision__in=decisions).latest_only()
    }
    wanted = [decision.last_run_id for decision in decisions]  # type: ignore[attr-defined]  # annotated
    runs = Run.objects.without_result().in_bulk([pk for pk in wanted if pk])
    return [
        {
            "decision": decision,
            "recommendation": revisions[decision.pk].recommendation,
            "run": runs.get(decision.last_run_id),  # type: ignore[attr-defined]
        }
        for decision in decisions
    ]

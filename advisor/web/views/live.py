"""A live run before it is asked for."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from advisor.teams.middleware import MemberRequest
from advisor.web.access import editable_decision
from advisor.web.forms.running import Running
from advisor.web.live_plan import plan_of


@require_safe
def plan(request: MemberRequest, decision_id: UUID) -> HttpResponse:
    """What it would be with these answers and this choice, as a fragment; without htmx, as a page."""
    decision = editable_decision(request, decision_id)
    running = Running.of(request.GET)
    context = {"decision": decision, **plan_of(decision.latest(), running)}
    template = "decisions/_running.html#answer" if request.htmx else "decisions/live_plan.html"  # type: ignore[attr-defined]
    response = render(request, template, context, status=422 if running.errors else 200)
    response["Cache-Control"] = "no-store"
    return response

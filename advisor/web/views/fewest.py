"""The search for the fewest workers or consumers: begun, watched, cancelled, read."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from advisor.decisions import jobs
from advisor.decisions.models import Sweep, SweepKind
from advisor.decisions.services.run_lease import WORKER_DIED
from advisor.decisions.services.sweep_lease import cancel_sweep
from advisor.decisions.services.sweeps import needed_by
from advisor.reports.maps.needed import needed_headline, needed_table, needed_words
from advisor.teams.middleware import MemberRequest
from advisor.web.access import editable_decision, find_sweep, may_change
from advisor.web.forms.sentences import sentence_of
from advisor.web.sweep_page import is_untaken
from advisor.web.views.errors import refusal
from core.errors import InvalidInput


@require_POST
def start(request: MemberRequest, decision_id: UUID) -> HttpResponseBase:
    """Begins a search. The same press twice is the same search."""
    decision = editable_decision(request, decision_id)
    key = request.POST.get("idempotency_key", "")
    try:
        search = jobs.start_fewest(decision.latest(), request.user, idempotency_key=key)
    except InvalidInput as error:
        return refusal(request, 422, [sentence_of(problem.reason) for problem in error.problems])
    return redirect("fewest", search.pk)


@require_safe
def show(request: MemberRequest, sweep_id: UUID) -> HttpResponse:
    """The search, whatever its state."""
    return render(request, "fewest/show.html", _page_of(request, _find(request, sweep_id)))


@require_safe
def progress(request: MemberRequest, sweep_id: UUID) -> HttpResponse:
    """How far it is; once it has ended, what it found, and it asks no more."""
    response = render(request, "fewest/_live.html", _page_of(request, _find(request, sweep_id)))
    response["Cache-Control"] = "no-store"
    return response


@require_POST
def cancel(request: MemberRequest, sweep_id: UUID) -> HttpResponseBase:
    """Cancels it; one that has ended stays as it ended."""
    search = _find(request, sweep_id)
    cancel_sweep(search, request.user)
    return redirect("fewest-progress" if request.htmx else "fewest", search.pk)  # type: ignore[attr-defined]


def _find(request: MemberRequest, sweep_id: UUID) -> Sweep:
    return find_sweep(request, sweep_id, SweepKind.FEWEST)


def _page_of(request: MemberRequest, search: Sweep) -> dict[str, Any]:
    needed = None if search.active else needed_by(search)
    return {
        "sweep": search,
        "decision": search.revision.decision,
        "headline": needed_headline(needed) if needed else "",
        "words": needed_words(needed) if needed else (),
        "table": needed_table(needed).table if needed else None,
        "untaken": is_untaken(search),
        "tried": "" if search.progress_step == WORKER_DIED else search.progress_step,
        "may_edit": may_change(request, search.workspace),
    }

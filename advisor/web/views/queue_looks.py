"""From a running queue: a worker looks at an allowed broker for a while, and its figures become answers."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe

from advisor.decisions import jobs
from advisor.decisions.models import Decision
from advisor.decisions.services.queue_looks import latest_look, observable_brokers, proposed_by
from advisor.decisions.services.revisions import save_answers
from advisor.teams.middleware import MemberRequest
from advisor.web.access import editable_decision
from advisor.web.forms.proposed_form import problem_sentences, proposed_rows, taken_answers
from core.errors import InvalidInput

_USUAL = {"queues": "", "seconds": "60", "wait_s": "10"}
SETUP_HINT = (
    "No broker may be looked at. An administrator allows some by CROSSOVER_OBSERVABLE_REDIS, such as"
    " production=redis://10.0.0.7:6379/0; the command observe looks at any."
)


@require_safe
@cache_control(no_store=True)
def show_look(request: MemberRequest, decision_id: UUID) -> HttpResponse:
    context = _context(editable_decision(request, decision_id))
    return render(request, "queues/_look.html" if request.htmx else "queues/show.html", context)


@require_POST
def begin_look(request: MemberRequest, decision_id: UUID) -> HttpResponseBase:
    decision = editable_decision(request, decision_id)
    given = {name: request.POST.get(name, "").strip() for name in ("broker", *_USUAL)}
    try:
        seconds, wait_s = (_number(given[name]) for name in ("seconds", "wait_s"))
        jobs.start_look(decision, request.user, given["broker"], given["queues"], seconds, wait_s)
    except InvalidInput as error:
        context = _context(decision) | {"given": given, "problems": [one.reason for one in error.problems]}
        return render(request, "queues/show.html", context, status=422)
    return redirect("running-queue", decision.pk)


@require_POST
def take_seen_answers(request: MemberRequest, decision_id: UUID) -> HttpResponseBase:
    decision = editable_decision(request, decision_id)
    look = latest_look(decision)
    proposed = proposed_by(look) if look is not None else None
    if proposed is None:
        return redirect("running-queue", decision.pk)
    given = proposed.over(decision.latest().answers.model_dump(), taken_answers(request.POST))
    try:
        save_answers(decision, given, request.user, decision.draft_version)
    except InvalidInput as error:
        context = _context(decision) | {"problems": problem_sentences(error)}
        return render(request, "queues/show.html", context, status=422)
    return redirect("decision", decision.pk)


def _number(text: str) -> float:
    """Not a number for what is none: it is refused as one out of bounds."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _context(decision: Decision) -> dict[str, Any]:
    look = latest_look(decision)
    proposed = proposed_by(look) if look is not None else None
    return {
        "decision": decision,
        "brokers": list(observable_brokers()),
        "hint": SETUP_HINT,
        "given": _USUAL,
        "look": look,
        "proposed": proposed_rows(proposed, decision.latest().answers) if proposed else [],
    }

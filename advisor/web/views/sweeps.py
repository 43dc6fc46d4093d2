"""Crossover maps of a decision, and searches for the fewest workers or consumers."""

import uuid
from typing import Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import replace_url

from advisor.decisions import jobs
from advisor.decisions.models import Decision, Sweep, SweepKind
from advisor.decisions.services.leases import WORKER_DIED
from advisor.decisions.services.recordings import recording_of
from advisor.decisions.services.sweeps import cancel_sweep, find_requirement, read_cells
from advisor.reports.document.answers import QUESTIONS
from advisor.reports.maps.capacity import needed_headline, needed_table, needed_words
from advisor.reports.maps.figure import map_figure
from advisor.reports.maps.words import axis_name
from advisor.sweeps.proposals import proposals
from advisor.teams.access import may_edit
from advisor.teams.middleware import MemberRequest
from advisor.web.access import editable_decision, find_decision, find_sweep
from advisor.web.forms.questions import sentence_of
from advisor.web.forms.sweep_form import SweepForm, asked_by, form_of, with_errors
from advisor.web.sweep_page import border_of, here_of, is_untaken, sweep_context
from advisor.web.views.errors import refusal
from core.errors import InvalidInput

SHOWN_SWEEPS = 20
"""Maps of a decision that are listed, the latest first."""


@require_safe
def new_sweep(request: MemberRequest, decision_id: UUID) -> HttpResponse:
    """What to vary: by the address where it says so, else as proposed."""
    decision = find_decision(request, decision_id)
    form = _form(decision, request.GET)
    context = _form_page(request, decision, form)
    if not request.htmx:
        return render(request, "sweeps/new.html", context, status=422 if form.x.error or form.y.error else 200)
    address = f"{reverse('new-sweep', args=[decision.pk])}?{context['form'].query}"
    return replace_url(render(request, "sweeps/_form.html", context), address)


@require_POST
def draw_sweep(request: MemberRequest, decision_id: UUID) -> HttpResponseBase:
    """Draws the map. The same press twice is the same map."""
    decision = editable_decision(request, decision_id)
    form = _form(decision, request.POST)
    try:
        asked = asked_by(form)
        key = request.POST.get("idempotency_key", "")
        sweep = jobs.start_sweep(decision.latest(), request.user, asked, idempotency_key=key)
    except InvalidInput as error:
        context = _form_page(request, decision, with_errors(form, error.problems))
        return render(request, "sweeps/new.html", context, status=422)
    return redirect("sweep", sweep.pk)


@require_safe
def show_sweep(request: MemberRequest, sweep_id: UUID) -> HttpResponse:
    return render(request, "sweeps/show.html", sweep_context(request, find_sweep(request, sweep_id)))


@require_safe
def sweep_progress(request: MemberRequest, sweep_id: UUID) -> HttpResponse:
    context = sweep_context(request, find_sweep(request, sweep_id)) | {"oob": True}
    response = render(request, "sweeps/_live.html", context)
    response["Cache-Control"] = "no-store"
    return response


@require_POST
def stop_sweep(request: MemberRequest, sweep_id: UUID) -> HttpResponseBase:
    """Cancels it and keeps what is done; one that has ended stays as it ended."""
    sweep = find_sweep(request, sweep_id)
    cancel_sweep(sweep, request.user)
    return redirect("sweep-progress" if request.htmx else "sweep", sweep.pk)


@require_safe
@gzip_page
def sweep_figure(request: MemberRequest, sweep_id: UUID) -> JsonResponse:
    """The drawing so far for plotly.js; `?theme=dark` for the dark colours."""
    sweep = find_sweep(request, sweep_id)
    drawn = map_figure(read_cells(sweep), border_of(sweep), here_of(sweep), request.GET.get("theme") == "dark")
    response = JsonResponse(drawn)
    response["Cache-Control"] = "no-store" if sweep.active else "private, max-age=600"
    return response


def _form(decision: Decision, given: QueryDict) -> SweepForm:
    revision = decision.latest()
    return form_of(
        given, proposals(revision.answers, revision.recommendation), revision.answers, recording_of(revision)
    )


def _form_page(request: MemberRequest, decision: Decision, form: SweepForm) -> dict[str, Any]:
    revision = decision.latest()
    offered = proposals(revision.answers, revision.recommendation)
    searches = Sweep.objects.filter(kind=SweepKind.FEWEST, revision__decision=decision)
    earlier = Sweep.objects.maps().filter(revision__decision=decision).select_related("revision")[:SHOWN_SWEEPS]
    return {
        "decision": decision,
        "revision": revision,
        "form": form,
        "turning": [_choice(proposal.field) for proposal in offered if proposal.turns],
        "others": [_choice(proposal.field) for proposal in offered if not proposal.turns],
        "searches": searches.select_related("revision")[:SHOWN_SWEEPS],
        "sweeps": [(sweep, _axes_words(sweep)) for sweep in earlier],
        "may_edit": may_edit(request.user, decision.workspace),
        "idempotency_key": uuid.uuid4().hex,
    }


def _choice(field: str) -> tuple[str, str]:
    return field, QUESTIONS[field].label


def _axes_words(sweep: Sweep) -> str:
    across = axis_name(sweep.x_field)
    return f"{across} against {axis_name(sweep.y_field)}" if sweep.y_field else across


@require_POST
def begin_search(request: MemberRequest, decision_id: UUID) -> HttpResponseBase:
    """Begins a search. The same press twice is the same search."""
    decision = editable_decision(request, decision_id)
    key = request.POST.get("idempotency_key", "")
    try:
        search = jobs.start_fewest(decision.latest(), request.user, idempotency_key=key)
    except InvalidInput as error:
        return refusal(request, 422, [sentence_of(problem.reason) for problem in error.problems])
    return redirect("fewest", search.pk)


@require_safe
def show_search(request: MemberRequest, sweep_id: UUID) -> HttpResponse:
    return render(request, "fewest/show.html", _search_context(request, _find_search(request, sweep_id)))


@require_safe
def search_progress(request: MemberRequest, sweep_id: UUID) -> HttpResponse:
    response = render(request, "fewest/_live.html", _search_context(request, _find_search(request, sweep_id)))
    response["Cache-Control"] = "no-store"
    return response


@require_POST
def stop_search(request: MemberRequest, sweep_id: UUID) -> HttpResponseBase:
    search = _find_search(request, sweep_id)
    cancel_sweep(search, request.user)
    return redirect("fewest-progress" if request.htmx else "fewest", search.pk)


def _find_search(request: MemberRequest, sweep_id: UUID) -> Sweep:
    return find_sweep(request, sweep_id, SweepKind.FEWEST)


def _search_context(request: MemberRequest, search: Sweep) -> dict[str, Any]:
    needed = None if search.active else find_requirement(search)
    return {
        "sweep": search,
        "decision": search.revision.decision,
        "headline": needed_headline(needed) if needed else "",
        "words": needed_words(needed) if needed else (),
        "table": needed_table(needed).table if needed else None,
        "untaken": is_untaken(search),
        "tried": "" if search.progress_step == WORKER_DIED else search.progress_step,
        "may_edit": may_edit(request.user, search.workspace),
    }

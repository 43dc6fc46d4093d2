"""Crossover maps of a decision, and searches for the fewest workers or consumers."""

import uuid
from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import replace_url

from advisor.advice.answer_vectors import vectors_of
from advisor.advice.questionnaire import SECTIONS
from advisor.decisions import jobs
from advisor.decisions.models import Decision, PartState, Sweep, SweepKind, SweepState
from advisor.decisions.services.leases import RETRYING
from advisor.decisions.services.recordings import recording_of
from advisor.decisions.services.simulated_advice import advise_revision
from advisor.decisions.services.sweeps import cancel_sweep, find_requirement, read_cells
from advisor.reports.charts.csv_text import csv_of_table
from advisor.reports.document.answers import QUESTIONS
from advisor.reports.maps.capacity import needed_headline, needed_table, needed_words
from advisor.reports.maps.figure import Here, map_figure, on_axis
from advisor.reports.maps.words import (
    KINDS,
    VERDICT_LETTERS,
    axis_words,
    finding,
    map_table,
    shares_of_map,
)
from advisor.reports.wording import design_name, listed
from advisor.server.page_threads import quick_page
from advisor.sweeps.cells import WHOLE_CYCLES
from advisor.sweeps.contract import SweepResult
from advisor.sweeps.proposals import proposals
from advisor.teams.access import may_edit
from advisor.teams.middleware import MemberRequest
from advisor.web.access import editable_decision, find_decision, find_sweep
from advisor.web.forms.questions import sentence_of
from advisor.web.forms.sweep_form import SweepForm
from advisor.web.refusals import refusal
from advisor.web.responses import download, drawings, is_dark
from advisor.web.views.runs import UNTAKEN
from core.errors import InvalidInput
from core.numbers import count, percent

SHOWN_SWEEPS = 20
"""Maps of a decision that are listed, the latest first."""
PAGE_NAMES = {SweepKind.MAP: "sweep", SweepKind.FEWEST: "fewest"}
"""Of each kind, the name of its page's address."""
FOLDERS = {SweepKind.MAP: "sweeps", SweepKind.FEWEST: "fewest"}


@require_safe
def new_sweep(request: MemberRequest, decision_id: UUID) -> HttpResponse:
    decision = find_decision(request, decision_id)
    form = _form(decision, request.GET)
    context = _form_context(request, decision, form)
    if not request.htmx:
        return render(request, "sweeps/new.html", context, status=422 if form.x.error or form.y.error else 200)
    address = f"{reverse('new-sweep', args=[decision.pk])}?{form.query}"
    return replace_url(render(request, "sweeps/_form.html", context), address)


@require_POST
def draw_sweep(request: MemberRequest, decision_id: UUID) -> HttpResponseBase:
    """Draw the map. The same press twice is the same map."""
    decision = editable_decision(request, decision_id)
    form = _form(decision, request.POST)
    try:
        key = request.POST.get("idempotency_key", "")
        sweep = jobs.start_sweep(decision.latest(), request.user, form.request(), idempotency_key=key)
    except InvalidInput as error:
        context = _form_context(request, decision, form.with_errors(error.problems))
        return render(request, "sweeps/new.html", context, status=422)
    return redirect("sweep", sweep.pk)


@require_POST
def begin_search(request: MemberRequest, decision_id: UUID) -> HttpResponseBase:
    """Begin a search. The same press twice is the same search."""
    decision = editable_decision(request, decision_id)
    key = request.POST.get("idempotency_key", "")
    try:
        search = jobs.start_fewest(decision.latest(), request.user, idempotency_key=key)
    except InvalidInput as error:
        return refusal(request, 422, [sentence_of(problem.reason) for problem in error.problems])
    return redirect("fewest", search.pk)


@quick_page
@require_safe
def show_sweep(request: MemberRequest, sweep_id: UUID, kind: SweepKind) -> HttpResponse:
    sweep = find_sweep(request, sweep_id, kind)
    return render(request, f"{FOLDERS[kind]}/show.html", _sweep_context(request, sweep))


@quick_page
@require_safe
@cache_control(no_store=True)
def sweep_progress(request: MemberRequest, sweep_id: UUID, kind: SweepKind) -> HttpResponse:
    context = _sweep_context(request, find_sweep(request, sweep_id, kind)) | {"oob": True}
    return render(request, f"{FOLDERS[kind]}/_live.html", context)


@require_POST
def stop_sweep(request: MemberRequest, sweep_id: UUID, kind: SweepKind) -> HttpResponseBase:
    sweep = find_sweep(request, sweep_id, kind)
    cancel_sweep(sweep, request.user)
    return redirect(PAGE_NAMES[kind] + ("-progress" if request.htmx else ""), sweep.pk)


@require_safe
def sweep_figure(request: MemberRequest, sweep_id: UUID) -> HttpResponse:
    """The figure for plotly.js; with `?csv` the cells as a file."""
    sweep = find_sweep(request, sweep_id, SweepKind.MAP)
    if "csv" in request.GET:
        return download(csv_of_table(map_table(read_cells(sweep))), "text/csv; charset=utf-8", "crossover-map.csv")
    drawn = map_figure(read_cells(sweep), _here(sweep), is_dark(request))
    return drawings(drawn, is_final=not sweep.active)


def _form(decision: Decision, given: QueryDict) -> SweepForm:
    revision = decision.latest()
    offered = proposals(revision.answers, advise_revision(revision).recommendation)
    return SweepForm.from_query(given, offered, revision.answers, recording_of(revision))


def _form_context(request: MemberRequest, decision: Decision, form: SweepForm) -> dict[str, Any]:
    revision = decision.latest()
    offered = proposals(revision.answers, advise_revision(revision).recommendation)
    earlier = Sweep.objects.filter(revision__decision=decision).select_related("revision")
    return {
        "decision": decision,
        "revision": revision,
        "form": form,
        "turning": [(one.field, QUESTIONS[one.field].label) for one in offered if one.turns],
        "others": _by_section({one.field for one in offered if not one.turns}),
        "searches": earlier.filter(kind=SweepKind.FEWEST)[:SHOWN_SWEEPS],
        "sweeps": [(sweep, _axes_words(sweep)) for sweep in earlier.maps()[:SHOWN_SWEEPS]],
        "may_edit": may_edit(request.user, decision.workspace),
        "idempotency_key": uuid.uuid4().hex,
    }


def _by_section(fields: Collection[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """The titles of sections, each with its fields and their labels."""
    sections = (
        (section.title, [(one.path, one.label) for one in section.questions if one.path in fields])
        for section in SECTIONS
    )
    return [(title, questions) for title, questions in sections if questions]


def _axes_words(sweep: Sweep) -> str:
    return listed([f"“{QUESTIONS[field].label}”" for field in (sweep.x_field, sweep.y_field) if field])


def _sweep_context(request: MemberRequest, sweep: Sweep) -> dict[str, Any]:
    return {
        "sweep": sweep,
        "decision": sweep.revision.decision,
        "untaken": sweep.state == SweepState.QUEUED and timezone.now() - sweep.created_at > UNTAKEN,
        "may_edit": may_edit(request.user, sweep.workspace),
        **(_search_context(sweep) if sweep.kind == SweepKind.FEWEST else _map_context(sweep)),
    }


def _search_context(search: Sweep) -> dict[str, Any]:
    needed = None if search.active else find_requirement(search)
    return {
        "headline": needed_headline(needed) if needed else "",
        "words": needed_words(needed) if needed else (),
        "table": needed_table(needed).table if needed else None,
        "tried": "" if search.progress_step.endswith(RETRYING) else search.progress_step,
    }


def _map_context(sweep: Sweep) -> dict[str, Any]:
    """The map so far; its table once it has ended."""
    so_far = read_cells(sweep)
    done, line, headline = len(so_far.cells), _line_sentence(so_far), finding(so_far, _here(sweep).y)
    is_refining = sweep.parts.filter(first__gte=sweep.size).exists()
    parts, parts_done = sweep.parts.count(), sweep.parts.filter(state=PartState.DONE).count()
    return {
        "done": done,
        "share": parts_done / max(1, parts) if is_refining else done / sweep.size,
        "doing": "Simulating both designs where the answer changes"
        if is_refining
        else "Simulating both designs in every cell",
        "figure": count(done, "cell") if is_refining else f"{done:,} of {count(sweep.size, 'cell')}",
        "length": _length_sentence(sweep),
        "axes": listed([axis_words(one) for one in (so_far.x, so_far.y) if one]),
        "finding": headline,
        "line": line,
        "where": _position_sentence(sweep),
        "alt": " ".join(filter(None, (headline, line))),
        "key": [
            (kind, "" if so_far.coarse_step > 1 else VERDICT_LETTERS[kind], KINDS[kind], percent(100 * part, digits=2))
            for kind, part in shares_of_map(so_far).items()
        ],
        "table": None if sweep.active else map_table(so_far),
        "took_s": so_far.elapsed_s,
        "query": SweepForm.from_sweep(sweep).query,
    }


def _length_sentence(sweep: Sweep) -> str:
    if sweep.trace:
        return f"Each cell replays {sweep.trace.name} through both designs."
    requests = count(sweep.jobs, "request")
    if sweep.revision.answers.volume.peak_to_mean > 1 or "volume.peak_to_mean" in (sweep.x_field, sweep.y_field):
        again = f"where the load has peaks, {WHOLE_CYCLES} times over, rounded up to whole cycles of them"
        return f"At least {requests} a cell through each design, the same in both; {again}."
    return f"{requests.capitalize()} a cell through each design, the same in both."


def _line_sentence(so_far: SweepResult) -> str:
    """Of the advice in the cells in which a design meets the deadline."""
    named = list(dict.fromkeys(design_name(cell.style) for cell in so_far.cells if cell.verdict != "neither"))
    if not named:
        return ""
    if len(named) == 1:
        return f"Wherever a design meets the deadline, the advice is {named[0]}."
    return f"The line is where the advice turns between {listed(named)}: the forces choose among the designs that meet the deadline."


def _position_sentence(sweep: Sweep) -> str:
    here, x, y = _here(sweep), sweep.x_axis, sweep.y_axis
    inside = on_axis(x.values, here.x) and on_axis(y.values, here.y or 0) if y else x.low <= here.x <= x.high
    if not inside:
        return "This workload itself lies outside these ranges."
    return "The diamond is this workload." if y else "The dotted line is this workload."


def _here(sweep: Sweep) -> Here:
    base = vectors_of(sweep.revision.answers)
    x, y = float(base[sweep.x_field][0]), float(base[sweep.y_field][0]) if sweep.y_field else None
    return Here(x, y)

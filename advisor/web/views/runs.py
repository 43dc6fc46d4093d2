"""A run: planned, watched, cancelled, repeated, read; and its dead letters."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.text import capfirst
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import retarget

from advisor.decisions import jobs, stored
from advisor.decisions.jobs import dead_letters
from advisor.decisions.models import EngineName, Run, State
from advisor.decisions.services.runs import RunRequest, cancel_run
from advisor.decisions.services.turns import place_in_queue, reached_cap
from advisor.reports import wording
from advisor.reports.charts import charts_of
from advisor.reports.charts.live import so_far_charts
from advisor.reports.charts.model import Chart
from advisor.reports.document.classes import (
    class_figures,
    class_verdict_sentences,
    starved_sentences,
    worst_wait_sentences,
)
from advisor.reports.document.live import (
    TOLERANCES,
    agreement_sentence,
    compared_rows,
    costs_sentence,
    endpoint_sentences,
    how_sentence,
    lateness_sentence,
    machine_sentences,
)
from advisor.reports.document.method import simulate_command
from advisor.reports.document.simulation import QUANTILES, difference_rows, results_table, so_far_classes, so_far_table
from advisor.reports.remedies import remedy_sentences
from advisor.server.page_threads import quick_page
from advisor.teams.access import may_edit, require_editor
from advisor.teams.middleware import MemberRequest
from advisor.web.access import editable_decision, find_run, parse_id
from advisor.web.decision_page import plan_of
from advisor.web.forms.questions import sentence_of
from advisor.web.forms.run_options import RUN_LABELS, RunOptions
from advisor.web.forms.typed_numbers import parse_number
from advisor.web.kept_pages import find_kept, render_kept
from advisor.web.page_keys import key_of_run
from advisor.web.refusals import refusal
from advisor.web.responses import drawings, figures_by_chart, find_drawings, keep_drawings, views_of, wanted_csv
from advisor.web.views.answers import QUEUE_IS_SILENT
from core.errors import InvalidInput
from core.numbers import count
from simulator.result import Conclusion, LiveReport, Result
from simulator.scenario import Scenario

RUN_PAGE, PROGRESS = "runs/show.html", "runs/_fragments.html#live"
SO_FAR_CHARTS = ("queue_depth", "lag_s", "in_flight", "provider_calls", "latency")
"""The charts that fill while a live run runs (`reports.charts.live`)."""
MORE_SERVERS = 1.5
"""Other numbers of workers begin with this many times those of the run."""
UNTAKEN = timedelta(seconds=5)
"""A run or map that is next for this long has no worker to take it."""


@quick_page
@require_safe
def show_run(request: MemberRequest, run_id: UUID) -> HttpResponse:
    key = key_of_run(request.user, run_id)
    if page := find_kept(request, RUN_PAGE, key):
        return page
    run = find_run(request, run_id)
    context = _run_context(run, may_edit(request.user, run.workspace))
    kept_under = key if run.state == State.SUCCEEDED else None
    return render_kept(request, RUN_PAGE, kept_under, lambda: key_of_run(request.user, run_id), context)


@quick_page
@require_safe
@cache_control(no_store=True)
def run_progress(request: MemberRequest, run_id: UUID) -> HttpResponse:
    """The progress; once the run has ended, all of it, which replaces the element that polls.

    Many may watch a simulation: its progress is kept, too, which is in its row.
    """
    key = key_of_run(request.user, run_id)
    if fragment := find_kept(request, PROGRESS, key, is_page=False):
        return fragment
    run = find_run(request, run_id)
    context = _run_context(run, may_edit(request.user, run.workspace))
    if run.active:
        kept_under = key if run.state == State.RUNNING and run.engine == EngineName.KERNEL else None
        return render_kept(
            request, PROGRESS, kept_under, lambda: key_of_run(request.user, run_id), context, is_page=False
        )
    return retarget(render(request, "runs/_fragments.html#run", context), "#run")


@require_POST
def stop_run(request: MemberRequest, run_id: UUID) -> HttpResponseBase:
    run = find_run(request, run_id)
    cancel_run(run, request.user)
    return redirect("run-progress" if request.htmx else "run", run.pk)


@require_POST
def repeat_run(request: MemberRequest, run_id: UUID) -> HttpResponseBase:
    """Start a run with the same settings. The same press twice is the same run."""
    run = find_run(request, run_id)
    require_editor(request.user, run.workspace)
    if run.active or (run.engine == EngineName.KERNEL and run.state == State.SUCCEEDED):
        raise Http404  # the kernel's result would be the same
    try:
        started = jobs.start_again(run, request.user, idempotency_key=request.POST.get("idempotency_key", ""))
    except InvalidInput as error:
        for problem in error.problems:
            messages.error(request, sentence_of(problem.reason, RUN_LABELS.get(problem.path, "This")))
        return redirect("run", run.pk)
    if started.notified is False:
        messages.info(request, QUEUE_IS_SILENT)
    return redirect("run", started.run.pk)


@require_POST
def run_with_servers(request: MemberRequest, run_id: UUID) -> HttpResponseBase:
    """Simulate the same answers with another number of workers and consumers. The same press twice is the same run."""
    run = find_run(request, run_id)
    require_editor(request.user, run.workspace)
    try:
        servers = parse_number(request.POST.get("servers", "").strip(), whole=True)
    except ValueError as error:
        return refusal(request, 422, [f"Workers and consumers {error}."])
    asked = RunRequest(replications=run.replications, servers=int(servers))
    try:
        key = request.POST.get("idempotency_key", "")
        started = jobs.start_run(run.revision, request.user, asked, idempotency_key=key)
    except InvalidInput as error:
        return refusal(
            request, 422, [sentence_of(problem.reason, "Workers and consumers") for problem in error.problems]
        )
    if started.notified is False:
        messages.info(request, QUEUE_IS_SILENT)
    return redirect("run", started.run.pk)


@quick_page
@require_safe
def run_charts(request: MemberRequest, run_id: UUID) -> HttpResponse:
    """The figures for plotly.js, by chart; `?csv=` gives the numbers of one.

    A live run under way has more every second; one that was stopped keeps what it had.
    """
    drawings_key = ("run-charts", run_id)
    is_file = "csv" in request.GET
    if not is_file and (kept := find_drawings(request, drawings_key, key_of_run(request.user, run_id))):
        return kept
    run = find_run(request, run_id)
    if run.state != State.SUCCEEDED and run.engine != EngineName.LIVE:
        raise Http404
    if run.state == State.SUCCEEDED and not is_file:
        return keep_drawings(request, drawings_key, lambda: _drawn(request, _charts_of_result(run)))
    charts = _charts_of_result(run) if run.state == State.SUCCEEDED else _charts_so_far(run)
    if file := wanted_csv(request, charts):
        return file
    return drawings(_drawn(request, charts), is_final=not run.active)


def _drawn(request: MemberRequest, charts: tuple[Chart, ...]) -> dict[str, Any]:
    titles = {chart.id: {"title": wording.unbroken(chart.title)} for chart in charts}
    return {name: figure | titles[name] for name, figure in figures_by_chart(request, charts).items()}


def _run_context(run: Run, may_act: bool) -> dict[str, Any]:
    position = place_in_queue(run)
    cap = reached_cap(run.workspace) if position is not None else None
    context = {
        "run": run,
        "decision": run.revision.decision,
        "position": position,
        "cap": cap,
        "untaken": position == 1 and cap is None and timezone.now() - run.created_at > UNTAKEN,
        "may_edit": may_act,
        "idempotency_key": uuid.uuid4().hex,
    }
    if run.state == State.SUCCEEDED:
        return context | _result_context(run)
    if run.engine != EngineName.LIVE:
        return context
    if run.active:
        others = Run.objects.filter(state=State.RUNNING, engine=EngineName.LIVE).exclude(pk=run.pk)
        waits_for_another = run.state == State.QUEUED and others.exists()
        return context | {"so_far_charts": SO_FAR_CHARTS, "waits_for_another": waits_for_another}
    so_far = run.so_far
    kept = so_far_table(so_far) if so_far is not None and so_far.failed else None
    classes = so_far_classes(so_far) if so_far is not None and so_far.failed else ()
    return context | {"charts": _charts_so_far(run), "kept": kept, "classes": classes}


def _result_context(run: Run) -> dict[str, Any]:
    result, scenario = run.result, run.scenario
    if result is None:
        raise LookupError("a run that succeeded has a result")
    designs = list(wording.designs_of(result))
    has_servers = run.engine == EngineName.KERNEL and run.trace is None
    return {
        "other_servers": _rounded_up(MORE_SERVERS * scenario.synchronous.workers) if has_servers else None,
        "result": result,
        "colour": result.verdict if result.verdict in tuple(wording.STYLES) else "neither",
        "finding": wording.simulated_sentence(result, scenario.deadline_s, scenario.tolerated_miss_percent),
        "designs": designs,
        "unstable": wording.stability_sentences(designs),
        "ahead": wording.ahead_sentences(result),
        "remedies": remedy_sentences(result, scenario.tolerated_miss_percent),
        "starved": starved_sentences(result),
        "class_sentences": (*class_verdict_sentences(result, scenario), *worst_wait_sentences(result)),
        "classes": class_figures({wording.style_name(style): design for style, design in designs}, scenario),
        "charts": (charts := _charts_of_result(run)),
        "views": views_of(charts),
        **(_live_context(result.live, simulate_command(scenario, result)) if result.live is not None else {}),
        **_tables(result),
    }


def _live_context(live: LiveReport, command: str) -> dict[str, Any]:
    return {
        "live": live,
        "compared": compared_rows(live),
        "live_sentences": (
            how_sentence(live),
            agreement_sentence(live),
            *endpoint_sentences(live),
            *machine_sentences(live),
            f"{costs_sentence(live)} {lateness_sentence(live)}",
        ),
        "tolerances": TOLERANCES,
        "command": command,
    }


def _charts_so_far(run: Run) -> tuple[Chart, ...]:
    so_far = run.so_far
    return so_far_charts(so_far) if so_far is not None else ()


def _charts_of_result(run: Run) -> tuple[Chart, ...]:
    return _placed_charts(run.scenario_json, run.result_json or "")


@lru_cache(maxsize=32)
def _placed_charts(scenario_json: str, result_json: str) -> tuple[Chart, ...]:
    """Placing the labels takes a while, and a result never changes: the last few are kept."""
    return charts_of(stored.load(Result, result_json), stored.load(Scenario, scenario_json))


@dataclass(frozen=True)
class FigureRow:
    name: str
    cells: tuple[str, ...]
    difference: str = ""


@dataclass(frozen=True)
class FigureGroup:
    name: str
    rows: tuple[FigureRow, ...]


FIGURE_GROUPS = {
    "In time": ("Good share", "Completed share"),
    "Latency": ("Latency",),
    "Wait": ("Wait",),
    "Queue and workers": ("Queue depth", "Lag", "Utilisation"),
    "Attempts and calls": ("",),
}
"""A figure belongs to the first group that has the beginning of its name."""
HEADLINE = {
    "In time": "Good share",
    "Latency, p95": "Latency, p95",
    "Longest wait": "Wait, largest",
    "Longest queue": "Queue depth, largest of a replication",
    "Utilisation": "Utilisation",
}
"""What is read first, and the names of these figures in the table of all."""
DEADLINE_IS: Mapping[Conclusion, str] = {"meets": "met", "misses": "not met", "unresolved": "unresolved"}
PERCENTILES = frozenset(words for words, _ in QUANTILES if words.startswith("p"))


def _tables(result: Result) -> dict[str, Any]:
    differences = dict(difference_rows(result))
    outcomes, groups = [], {name: list[FigureRow]() for name in FIGURE_GROUPS}
    cells_by_name = {name: cells for name, *cells in results_table(result).rows}
    for name, cells in cells_by_name.items():
        if name.startswith(("Jobs offered", "of these")):
            outcomes.append(FigureRow(capfirst(name), tuple(cells)))
            continue
        group = next(group for group, starts in FIGURE_GROUPS.items() if name.startswith(starts))
        short = name.removeprefix(f"{group}, ")
        short = short if short in PERCENTILES else capfirst(short)
        groups[group].append(FigureRow(short, tuple(cells), differences.get(name, "")))
    return {
        "headline": _headline(result, cells_by_name),
        "outcomes": [FigureGroup("", tuple(outcomes))],
        "figures": [FigureGroup(name, tuple(rows)) for name, rows in groups.items() if rows],
    }


def _headline(result: Result, cells: Mapping[str, Sequence[str]]) -> list[tuple[str, list[tuple[str, str]]]]:
    """The figures that are read first, of each design; each is one of the table of all."""
    headline = []
    for place, (style, design) in enumerate(wording.designs_of(result)):
        figures = [(title, cells[name][place]) for title, name in HEADLINE.items()]
        if design.conclusion is not None:
            figures.insert(0, ("Deadline", DEADLINE_IS[design.conclusion]))
        headline.append((style, figures))
    return headline


def _rounded_up(value: float) -> int:
    """To two digits."""
    step: int = 10 ** max(0, len(str(int(value))) - 2)
    return max(2, -(-int(value) // step) * step)


SHOWN_LETTERS = 50
EVERY_JOB = "all"


@require_safe
def show_dead_letters(request: MemberRequest, run_id: UUID) -> HttpResponse:
    return _letters_page(request, find_run(request, run_id))


@require_POST
def requeue_dead_letters(request: MemberRequest, run_id: UUID) -> HttpResponseBase:
    run = find_run(request, run_id)
    require_editor(request.user, run.workspace)
    job = request.POST.get("job", EVERY_JOB)
    number = parse_id(job)
    if number is None and job != EVERY_JOB:
        raise Http404
    return _change_letters(request, run, "requeued", lambda: dead_letters.requeue(run, number))


@require_POST
def empty_dead_letters(request: MemberRequest, run_id: UUID) -> HttpResponseBase:
    run = find_run(request, run_id)
    require_editor(request.user, run.workspace)
    return _change_letters(request, run, "thrown away", lambda: dead_letters.empty(run))


def _change_letters(request: MemberRequest, run: Run, done: str, change: Callable[[], int]) -> HttpResponseBase:
    try:
        notice = f"{count(change(), 'dead letter')} {done}."
    except dead_letters.DesignNotRunning as reason:
        notice = f"{reason} Nothing was {done}."
    return _letters_page(request, run, notice) if request.htmx else redirect("run", run.pk)


@cache_control(no_store=True)
def _letters_page(request: MemberRequest, run: Run, notice: str = "") -> HttpResponse:
    letters, under_way = dead_letters.list_dead_letters(run)
    context = {
        "run": run,
        "notice": notice,
        "letters": letters[:SHOWN_LETTERS],
        "count": len(letters),
        "may_act": under_way and may_edit(request.user, run.workspace),
    }
    return render(request, "runs/_letters.html#list", context)


@require_safe
@cache_control(no_store=True)
def show_live_plan(request: MemberRequest, decision_id: UUID) -> HttpResponse:
    decision = editable_decision(request, decision_id)
    options = RunOptions.from_mapping(request.GET)
    context = {"decision": decision, **plan_of(decision.latest(), options)}
    template = "decisions/_run_options.html#answer" if request.htmx else "decisions/live_plan.html"
    return render(request, template, context, status=422 if options.errors else 200)

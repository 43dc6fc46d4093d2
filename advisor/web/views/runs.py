"""A run: planned, watched, cancelled, read; and its dead letters."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import retarget

from advisor.decisions import jobs
from advisor.decisions.jobs import dead_letters
from advisor.decisions.models import EngineName, Run, State
from advisor.decisions.services.runs import cancel_run
from advisor.reports import wording
from advisor.reports.figure_plotly import chart_figure
from advisor.teams.access import may_edit, require_editor
from advisor.teams.middleware import MemberRequest
from advisor.web.access import editable_decision, find_run
from advisor.web.decision_page import plan_of
from advisor.web.forms.questions import sentence_of
from advisor.web.forms.run_options import RUN_LABELS, RunOptions
from advisor.web.run_page import charts_so_far, drawn, run_context
from advisor.web.views.answers import QUEUE_IS_SILENT
from core.errors import InvalidInput
from core.numbers import count


@require_safe
def show_run(request: MemberRequest, run_id: UUID) -> HttpResponse:
    return render(request, "runs/show.html", run_context(request, find_run(request, run_id)))


@require_safe
def run_progress(request: MemberRequest, run_id: UUID) -> HttpResponse:
    """How far it is; once it has ended, the whole of it, which takes the place of what asked and asks no more."""
    run = find_run(request, run_id)
    fragment = "live" if run.active else "run"
    response = render(request, f"runs/_fragments.html#{fragment}", run_context(request, run))
    response["Cache-Control"] = "no-store"
    return response if run.active else retarget(response, "#run")


@require_POST
def stop_run(request: MemberRequest, run_id: UUID) -> HttpResponseBase:
    run = find_run(request, run_id)
    cancel_run(run, request.user)
    return redirect("run-progress" if request.htmx else "run", run.pk)


@require_POST
def repeat_run(request: MemberRequest, run_id: UUID) -> HttpResponseBase:
    """Starts a live run with the same settings. The same press twice is the same run."""
    run = find_run(request, run_id)
    require_editor(request.user, run.workspace)
    if run.engine != EngineName.LIVE or run.active:
        raise Http404
    try:
        started = jobs.start_again(run, request.user, idempotency_key=request.POST.get("idempotency_key", ""))
    except InvalidInput as error:
        for problem in error.problems:
            messages.error(request, sentence_of(problem.reason, RUN_LABELS.get(problem.path, "This")))
        return redirect("run", run.pk)
    if started.notified is False:
        messages.info(request, QUEUE_IS_SILENT)
    return redirect("run", started.run.pk)


@require_safe
@gzip_page
def run_charts(request: MemberRequest, run_id: UUID) -> JsonResponse:
    """The run's figures for plotly.js, by chart; `?theme=dark` for the dark colours.

    A result never changes, so a browser may keep them for a while; a live run that is under way has more every second, and one that was
    stopped keeps what it had.
    """
    run = find_run(request, run_id)
    so_far = run.engine == EngineName.LIVE and run.state != State.SUCCEEDED
    if not so_far and run.state != State.SUCCEEDED:
        raise Http404
    dark = request.GET.get("theme") == "dark"
    shown = charts_so_far(run) if so_far else drawn(run)
    response = JsonResponse(
        {
            chart.id: chart_figure(chart, dark=dark) | {"title": wording.unbroken(chart.title)}
            for chart in shown
            if chart.drawn
        }
    )
    response["Cache-Control"] = "no-store" if run.active else "private, max-age=600"
    return response


SHOWN_LETTERS = 50
"""Letters that are shown."""
EVERY_JOB = "all"


@require_safe
def show_dead_letters(request: MemberRequest, run_id: UUID) -> HttpResponse:
    return _letters_shown(request, find_run(request, run_id))


@require_POST
def requeue_dead_letters(request: MemberRequest, run_id: UUID) -> HttpResponseBase:
    """One more attempt at the job named, or at every one. Raises Http404 where what is named can be no job."""
    run = find_run(request, run_id)
    require_editor(request.user, run.workspace)
    job = request.POST.get("job", EVERY_JOB)
    if job != EVERY_JOB and not (job.isascii() and job.isdigit() and len(job) < 10):
        raise Http404
    named = None if job == EVERY_JOB else int(job)
    return _done(request, run, "requeued", lambda: dead_letters.requeue(run, named))


@require_POST
def empty_dead_letters(request: MemberRequest, run_id: UUID) -> HttpResponseBase:
    run = find_run(request, run_id)
    require_editor(request.user, run.workspace)
    return _done(request, run, "thrown away", lambda: dead_letters.empty(run))


def _done(request: MemberRequest, run: Run, what: str, act: Callable[[], int]) -> HttpResponseBase:
    try:
        notice = f"{count(act(), 'dead letter')} {what}."
    except dead_letters.DesignNotRunning as reason:
        notice = f"{reason} Nothing was {what}."
    return _letters_shown(request, run, notice) if request.htmx else redirect("run", run.pk)


def _letters_shown(request: MemberRequest, run: Run, notice: str = "") -> HttpResponse:
    letters, under_way = dead_letters.list_dead_letters(run)
    context = {
        "run": run,
        "notice": notice,
        "letters": letters[:SHOWN_LETTERS],
        "count": len(letters),
        "may_act": under_way and may_edit(request.user, run.workspace),
    }
    response = render(request, "runs/_letters.html#list", context)
    response["Cache-Control"] = "no-store"
    return response


@require_safe
def show_live_plan(request: MemberRequest, decision_id: UUID) -> HttpResponse:
    """What it would be with these answers and this choice, as a fragment; without htmx, as a page."""
    decision = editable_decision(request, decision_id)
    running = RunOptions.of(request.GET)
    context = {"decision": decision, **plan_of(decision.latest(), running)}
    template = "decisions/_running.html#answer" if request.htmx else "decisions/live_plan.html"
    response = render(request, template, context, status=422 if running.errors else 200)
    response["Cache-Control"] = "no-store"
    return response

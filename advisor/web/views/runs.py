"""A run: watched, cancelled, read."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import retarget

from advisor.decisions import jobs
from advisor.decisions.models import EngineName, State
from advisor.decisions.services.runs import cancel_run
from advisor.reports import wording
from advisor.reports.figure_plotly import figure
from advisor.teams.access import require_editor
from advisor.teams.middleware import MemberRequest
from advisor.web.access import find_run
from advisor.web.forms.running import LABELS
from advisor.web.forms.sentences import sentence_of
from advisor.web.run_page import charts_so_far, drawn, page_of
from advisor.web.views.answers import SAVED_BUT_SILENT
from core.errors import InvalidInput


@require_safe
def show(request: MemberRequest, run_id: UUID) -> HttpResponse:
    """The run, whatever its state."""
    return render(request, "runs/show.html", page_of(request, find_run(request, run_id)))


@require_safe
def progress(request: MemberRequest, run_id: UUID) -> HttpResponse:
    """How far it is; once it has ended, the whole of it, which takes the place of what asked and asks no more."""
    run = find_run(request, run_id)
    fragment = "live" if run.active else "run"
    response = render(request, f"runs/_fragments.html#{fragment}", page_of(request, run))
    response["Cache-Control"] = "no-store"
    return response if run.active else retarget(response, "#run")


@require_POST
def cancel(request: MemberRequest, run_id: UUID) -> HttpResponseBase:
    """Cancels it; one that has ended stays as it ended."""
    run = find_run(request, run_id)
    cancel_run(run, request.user)
    return redirect("run-progress" if request.htmx else "run", run.pk)  # type: ignore[attr-defined]


@require_POST
def again(request: MemberRequest, run_id: UUID) -> HttpResponseBase:
    """Starts a live run with the same settings. The same press twice is the same run."""
    run = find_run(request, run_id)
    require_editor(request.user, run.workspace)
    if run.engine != EngineName.LIVE or run.active:
        raise Http404
    try:
        started = jobs.start_again(run, request.user, idempotency_key=request.POST.get("idempotency_key", ""))
    except InvalidInput as error:
        for problem in error.problems:
            messages.error(request, sentence_of(problem.reason, LABELS.get(problem.path, "This")))
        return redirect("run", run.pk)
    if started.rung is False:
        messages.info(request, SAVED_BUT_SILENT)
    return redirect("run", started.run.pk)


@require_safe
@gzip_page
def charts(request: MemberRequest, run_id: UUID) -> JsonResponse:
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
            chart.id: figure(chart, dark=dark) | {"title": wording.unbroken(chart.title)}
            for chart in shown
            if chart.drawn
        }
    )
    response["Cache-Control"] = "no-store" if run.active else "private, max-age=600"
    return response

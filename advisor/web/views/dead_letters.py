"""The dead letters of a live run: looked into, taken up again, thrown away while it runs."""

from collections.abc import Callable
from uuid import UUID

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from advisor.decisions.jobs import dead_letters
from advisor.decisions.models import Run
from advisor.teams.access import require_editor
from advisor.teams.middleware import MemberRequest
from advisor.web.access import find_run, may_change
from core.numbers import count

MOST = 50
"""Letters that are shown."""
ALL = "all"


@require_safe
def show(request: MemberRequest, run_id: UUID) -> HttpResponse:
    """The letters that there are now."""
    return _shown(request, find_run(request, run_id))


@require_POST
def requeue(request: MemberRequest, run_id: UUID) -> HttpResponseBase:
    """One more attempt at the job named, or at every one. Raises Http404 where what is named can be no job."""
    run = find_run(request, run_id)
    require_editor(request.user, run.workspace)
    job = request.POST.get("job", ALL)
    if job != ALL and not (job.isascii() and job.isdigit() and len(job) < 10):
        raise Http404
    named = None if job == ALL else int(job)
    return _done(request, run, "requeued", lambda: dead_letters.requeue(run, named))


@require_POST
def empty(request: MemberRequest, run_id: UUID) -> HttpResponseBase:
    """Throws all of them away."""
    run = find_run(request, run_id)
    require_editor(request.user, run.workspace)
    return _done(request, run, "thrown away", lambda: dead_letters.empty(run))


def _done(request: MemberRequest, run: Run, what: str, act: Callable[[], int]) -> HttpResponseBase:
    """What was done, and what is left after it; where the design has ended meanwhile, the reason why nothing was."""
    try:
        said = f"{count(act(), 'dead letter')} {what}."
    except dead_letters.NotUnderWay as reason:
        said = f"{reason} Nothing was {what}."
    return _shown(request, run, said) if request.htmx else redirect("run", run.pk)  # type: ignore[attr-defined]


def _shown(request: MemberRequest, run: Run, said: str = "") -> HttpResponse:
    letters, under_way = dead_letters.letters_of(run)
    context = {
        "run": run,
        "said": said,
        "letters": letters[:MOST],
        "count": len(letters),
        "may_act": under_way and may_change(request, run.workspace),
    }
    response = render(request, "runs/_letters.html#list", context)
    response["Cache-Control"] = "no-store"
    return response

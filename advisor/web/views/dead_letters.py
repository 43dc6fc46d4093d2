"""The dead letters of a live run: looked into, taken up again, thrown away while it runs."""

import contextlib
from collections.abc import Callable
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from advisor.decisions.jobs import dead_letters
from advisor.decisions.models import Run
from advisor.teams.access import require_editor
from advisor.teams.middleware import MemberRequest
from advisor.web.access import find_run, may_change

MOST = 50
"""Letters that are shown."""


@require_safe
def show(request: MemberRequest, run_id: UUID) -> HttpResponse:
    """The letters that there are now."""
    return _shown(request, find_run(request, run_id))


@require_POST
def requeue(request: MemberRequest, run_id: UUID) -> HttpResponseBase:
    """One more attempt at the job named, or at every one."""
    run = find_run(request, run_id)
    require_editor(request.user, run.workspace)
    job = request.POST.get("job", "")
    named = int(job) if job.isascii() and job.isdigit() and len(job) < 10 else None
    return _done(request, run, lambda: dead_letters.requeue(run, named))


@require_POST
def empty(request: MemberRequest, run_id: UUID) -> HttpResponseBase:
    """Throws all of them away."""
    run = find_run(request, run_id)
    require_editor(request.user, run.workspace)
    return _done(request, run, lambda: dead_letters.empty(run))


def _done(request: MemberRequest, run: Run, act: Callable[[], int]) -> HttpResponseBase:
    """What is left after it; where the design has ended meanwhile, the list says so."""
    with contextlib.suppress(dead_letters.NotUnderWay):
        act()
    return _shown(request, run) if request.htmx else redirect("run", run.pk)  # type: ignore[attr-defined]


def _shown(request: MemberRequest, run: Run) -> HttpResponse:
    letters, under_way = dead_letters.letters_of(run)
    context = {
        "run": run,
        "letters": letters[:MOST],
        "count": len(letters),
        "under_way": under_way,
        "may_edit": may_change(request, run.workspace),
    }
    response = render(request, "runs/_letters.html", context)
    response["Cache-Control"] = "no-store"
    return response

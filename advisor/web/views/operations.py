"""What runs, waits and is stuck on the whole installation, for its administrators."""

import logging
from uuid import UUID

from django.contrib import messages
from django.db import connection
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from advisor.decisions.jobs import reconcile_runs_and_notify, reconcile_sweeps_and_notify
from advisor.decisions.models import Run, Sweep
from advisor.decisions.services.runs import cancel_all
from advisor.decisions.services.sweeps import cancel_all_sweeps
from advisor.decisions.services.unfinished_tasks import QUEUED_LONG_S, find_unfinished
from advisor.server.status import BrokerError, broker_status
from advisor.teams.middleware import MemberRequest
from advisor.web.access import administrators_only
from core.numbers import count

log = logging.getLogger(__name__)


@require_safe
@administrators_only
def show_operations(request: MemberRequest) -> HttpResponse:
    template = "operations/show.html#operations" if request.htmx else "operations/show.html"
    now = timezone.now()
    context = {
        "now": now,
        "broker": broker_status(),
        "database": connection.display_name,
        "tasks": find_unfinished(now),
        "queued_long_s": QUEUED_LONG_S,
    }
    return render(request, template, context)


@require_POST
@administrators_only
def reconcile_now(request: MemberRequest) -> HttpResponseBase:
    """Do what the reconciler does every few seconds; safe while it works, too."""
    try:
        both = (reconcile_runs_and_notify(), reconcile_sweeps_and_notify())
    except BrokerError:
        messages.error(request, "The broker does not answer. Expired leases are corrected; nothing could be queued.")
        return redirect("operations")
    retried, ended = (
        sum(values) for values in zip(*((each.retried, each.failed + each.ended) for each in both), strict=True)
    )
    messages.success(
        request,
        f"Looked at all of them: {count(retried, 'task')} queued again, {ended} ended, "
        f"{count(sum(len(each.waiting) for each in both), 'task')} waiting for a worker.",
    )
    log.info("Administrator %s reconciled by hand", request.user.pk)
    return redirect("operations")


@require_POST
@administrators_only
def cancel_any_run(request: MemberRequest, run_id: UUID) -> HttpResponseBase:
    run = get_object_or_404(Run.objects.without_result(), pk=run_id)
    return _cancelled(request, run, cancel_all(Run.objects.filter(pk=run.pk)))


@require_POST
@administrators_only
def cancel_any_sweep(request: MemberRequest, sweep_id: UUID) -> HttpResponseBase:
    sweep = get_object_or_404(Sweep, pk=sweep_id)
    return _cancelled(request, sweep, cancel_all_sweeps(Sweep.objects.filter(pk=sweep.pk)))


def _cancelled(request: MemberRequest, task: Run | Sweep, cancelled: int) -> HttpResponseBase:
    if cancelled:
        log.info("Administrator %s cancelled %s %s", request.user.pk, task._meta.model_name, task.pk)
    messages.success(request, "Cancelled." if cancelled else "It had ended already; nothing was changed.")
    return redirect("operations")

"""The handbook: what the advice rests on, from the same data that decides."""

from itertools import groupby

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.timezone import localdate
from django.views.decorators.http import require_safe

from advisor import advice
from advisor.advice.handbook import entries
from advisor.advice.library_overrides import SHIPPED
from advisor.decisions.services.library import library_of
from advisor.web.access import workspace_of

HANDBOOK_PARTS = {
    "rule": ("Rules", "Forces, and what rules a style out. Nothing decides outside this table."),
    "warning": ("Warnings", "Cross-checks of the answers, whichever style is chosen."),
    "template": ("Templates", "Workloads to start from. Every value carries its reason."),
    "hop": ("Hops", "Time limits of what is between a caller and the service."),
    "profile": ("Provider profiles", "Limits of model providers. They change: mind the date."),
    "worker": (
        "Workers",
        "What a kind of worker spends on each job in addition to the job's own work; manage.py measure_rq measures yours. "
        "With 8 consumers at a load of 0.7, a dispatch of 21 ms turns a mean wait of 96 ms into 103 ms if jobs take 2 s, "
        "and one of 2.4 ms into 78 ms if they take 50 ms.",
    ),
}


@login_not_required
@require_safe
def handbook(request: HttpRequest) -> HttpResponse:
    """Every rule, warning, template, hop, profile and kind of worker; everyone may read it, members with their workspace's own library."""
    workspace = workspace_of(request) if request.user.is_authenticated else None
    own = library_of(workspace) if workspace else SHIPPED
    parts = [
        (kind, *HANDBOOK_PARTS[kind], list(group))
        for kind, group in groupby(entries(own, localdate()), key=lambda entry: entry.kind)
    ]
    versions = advice.versions() | ({"library": own.version} if own.version else {})
    return render(request, "handbook/show.html", {"parts": parts, "versions": versions, "edited": own.edited})

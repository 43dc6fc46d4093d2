"""The handbook: what the advice rests on, from the same data that decides."""

from itertools import groupby

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from advisor import advice
from advisor.advice.handbook import entries

PARTS = {
    "rule": ("Rules", "Forces, and what rules a style out. Nothing decides outside this table."),
    "warning": ("Warnings", "Cross-checks of the answers, whichever style is chosen."),
    "template": ("Templates", "Workloads to start from. Every value carries its reason."),
    "hop": ("Hops", "Time limits of what stands between a caller and the service."),
    "profile": ("Provider profiles", "Limits of model providers. They change: mind the date."),
}


@login_not_required
@require_safe
def handbook(request: HttpRequest) -> HttpResponse:
    """Every rule, warning, template, hop and profile; anybody may read it."""
    parts = [(kind, *PARTS[kind], list(found)) for kind, found in groupby(entries(), key=lambda entry: entry.kind)]
    return render(request, "handbook/show.html", {"parts": parts, "versions": advice.versions()})

"""The JSON API, version 1: decisions with answers and advice, their reports, and simulations."""

import json
from typing import Any
from uuid import UUID, uuid4

from django.core.paginator import Paginator
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from advisor.decisions.jobs import start_run
from advisor.decisions.models import Decision, Revision, Run, State
from advisor.decisions.services.decisions import create_decision
from advisor.decisions.services.recordings import replace_recording_name
from advisor.decisions.services.runs import RunRequest
from advisor.decisions.services.turns import place_in_queue
from advisor.server.page_threads import quick_page
from advisor.teams.links import absolute_link
from advisor.teams.models import ApiScope
from advisor.web.api.keyed import KeyedRequest, json_refusal, keyed
from advisor.web.compressed_parts import Part, response_of_parts
from advisor.web.kept_pages import keep_part
from advisor.web.views.answers import UPLOAD_BYTES, answers_in_sheet
from advisor.web.views.exports import report
from core.errors import InvalidInput, Problem

PAGE_SIZE = 100
STORED_TEXTS = ("answers_json", "recommendation_json")
SHEET_TYPES = ("application/json", "application/yaml")
MOST_REPLICATIONS_DIGITS = 6


@quick_page
@keyed({"GET": ApiScope.READ, "POST": ApiScope.WRITE})
def decisions(request: KeyedRequest) -> HttpResponseBase:
    return _create_decision(request) if request.method == "POST" else _list_decisions(request)


def _list_decisions(request: KeyedRequest) -> JsonResponse:
    rows = Decision.objects.for_workspace(request.workspace).order_by("-updated_at", "id")
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    following = f"{reverse('api:decisions')}?page={page.next_page_number()}" if page.has_next() else None
    latest = Revision.objects.filter(decision__in=list(page)).latest_only().defer(*STORED_TEXTS)
    by_decision = {revision.decision_id: revision for revision in latest}
    listed = [_decision_row(decision, by_decision[decision.pk]) for decision in page]
    return JsonResponse({"decisions": listed, "next": following})


def _decision_row(decision: Decision, latest: Revision) -> dict[str, Any]:
    return {
        "id": str(decision.pk),
        "title": decision.title,
        "url": reverse("api:decision", args=[decision.pk]),
        "revision": latest.number,
        "status": latest.status,
        "style": latest.shown_style,
        "updated_at": decision.updated_at.isoformat(),
        "archived": decision.archived_at is not None,
    }


def _create_decision(request: KeyedRequest) -> JsonResponse:
    """From an answer sheet or a JSON report, as `advise` takes it."""
    if request.content_type not in SHEET_TYPES:
        return json_refusal(415, [Problem("", f"send {' or '.join(SHEET_TYPES)}")])
    given = answers_in_sheet(request.read(UPLOAD_BYTES + 1), "The body")
    replace_recording_name(given, request.workspace)
    decision = create_decision(request.workspace, request.user, given)
    row = _decision_row(decision, decision.latest())
    return JsonResponse(row, status=201, headers={"Location": row["url"]})


def _find_decision(request: KeyedRequest, decision_id: UUID) -> Decision:
    return get_object_or_404(Decision.objects.for_workspace(request.workspace), pk=decision_id)


@quick_page
@keyed({"GET": ApiScope.READ})
def show_decision_json(request: KeyedRequest, decision_id: UUID) -> HttpResponse:
    decision = _find_decision(request, decision_id)
    latest = decision.latest()
    runs = latest.runs.without_result().order_by("-created_at")
    texts = f'"answers": {latest.answers_json}, "recommendation": {latest.recommendation_json}'
    row = _decision_row(decision, latest) | {
        "page": absolute_link(request, reverse("decision", args=[decision.pk])),
        "runs": [_run_row(run) for run in runs],
    }
    return _with_stored(request, row, keep_part(("api:decision", texts), lambda: texts))


@keyed({"GET": ApiScope.READ})
def report_of_decision(request: KeyedRequest, decision_id: UUID, extension: str) -> HttpResponse:
    _find_decision(request, decision_id)
    return report(request, decision_id, extension)


@keyed({"POST": ApiScope.RUN})
def start_run_of_decision(request: KeyedRequest, decision_id: UUID) -> JsonResponse:
    """A simulation of the latest revision. The same `Idempotency-Key` again gives the same run."""
    decision = _find_decision(request, decision_id)
    key = request.headers.get("Idempotency-Key", "") or uuid4().hex
    replications = _whole_number(request.GET.get("replications", ""))
    started = start_run(decision.latest(), request.user, RunRequest(replications=replications), idempotency_key=key)
    row = _run_row(started.run)
    return JsonResponse(row, status=202, headers={"Location": row["url"]})


def _whole_number(text: str) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > MOST_REPLICATIONS_DIGITS:
        raise InvalidInput([Problem("replications", "should be a whole number, such as 10")])
    return int(text)


@quick_page
@keyed({"GET": ApiScope.READ})
def show_run_json(request: KeyedRequest, run_id: UUID) -> HttpResponse:
    """With its result once it has succeeded."""
    run = get_object_or_404(Run.objects.for_workspace(request.workspace).without_result(), pk=run_id)
    row = _run_row(run) | {"queue_position": place_in_queue(run)}
    if run.state != State.SUCCEEDED:
        return JsonResponse(row | {"result": None})
    return _with_stored(request, row, keep_part(("api:run", run.pk), lambda: f'"result": {run.result_json}'))


def _with_stored(request: KeyedRequest, row: dict[str, Any], stored: Part) -> HttpResponse:
    """The row, and members of the object that are stored as JSON, which are neither parsed nor compressed anew."""
    begun = json.dumps(row, cls=DjangoJSONEncoder).removesuffix("}")
    return response_of_parts(request, [Part(f"{begun}, ".encode()), stored, Part(b"}")], "application/json")


def _run_row(run: Run) -> dict[str, Any]:
    return {
        "id": str(run.pk),
        "url": reverse("api:run", args=[run.pk]),
        "engine": run.engine,
        "state": run.state,
        "progress": run.progress_fraction,
        "error": {"code": run.error_code, "text": run.error_text} if run.error_code else None,
        "created_at": run.created_at.isoformat(),
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
    }

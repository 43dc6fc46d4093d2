"""The JSON API, version 1: decisions with answers and advice, their reports, and simulations."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from django.core.paginator import Paginator
from django.core.serializers.json import DjangoJSONEncoder
from django.http import Http404, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from advisor.decisions.jobs import start_run
from advisor.decisions.models import ACTIVE, Decision, Revision, Run, State
from advisor.decisions.models.run import LARGE_COLUMNS
from advisor.decisions.services.decisions import create_decision
from advisor.decisions.services.recordings import replace_recording_name
from advisor.decisions.services.runs import RunRequest
from advisor.decisions.services.turns import place_in_queue
from advisor.server.page_threads import quick_page
from advisor.teams.links import absolute_link
from advisor.teams.models import ApiScope
from advisor.teams.prepared_queries import PreparedQuery, Rows, columns, given_id
from advisor.teams.services.audit import AuditSubject
from advisor.web.api.keyed import KeyedRequest, json_refusal, keyed
from advisor.web.compressed_parts import response_of_parts
from advisor.web.kept_pages import keep_part
from advisor.web.page_keys import LARGE_TEXTS, Digest
from advisor.web.views.answers import UPLOAD_BYTES, answers_in_sheet
from advisor.web.views.exports import report
from core.errors import InvalidInput, Problem

PAGE_SIZE = 100
STORED_TEXTS = ("answers_json", "recommendation_json")
_OF_LATEST = ("decision__title", "pk", "status", *columns(Decision, "decision__"), *columns(Revision, but=LARGE_TEXTS))
_LISTED = PreparedQuery(
    lambda: (
        Revision.objects.filter(decision__workspace=given_id())
        .latest_only()
        .order_by("-decision__updated_at", "decision")
        .values_list(*_OF_LATEST)[: PAGE_SIZE + 1]
    )
)
_LATEST = PreparedQuery(
    lambda: (
        Revision.objects.filter(decision=given_id(), decision__workspace=given_id(1))
        .latest_only()
        .values_list(*_OF_LATEST, *map(Digest, LARGE_TEXTS))
    )
)
_RUN = PreparedQuery(
    lambda: Run.objects.filter(pk=given_id(), workspace=given_id(1)).values_list(
        "revision__decision__title", "pk", "state", *columns(Run, but=LARGE_COLUMNS)
    )
)
_RUNS_OF_REVISION = PreparedQuery(
    lambda: Run.objects.filter(revision=given_id()).order_by("pk").values_list(*columns(Run, but=LARGE_COLUMNS))
)
SHEET_TYPES = ("application/json", "application/yaml")
MOST_REPLICATIONS_DIGITS = 6


@quick_page
@keyed({"GET": ApiScope.READ, "POST": ApiScope.WRITE})
def decisions(request: KeyedRequest) -> HttpResponseBase:
    return _create_decision(request) if request.method == "POST" else _list_decisions(request)


def _list_decisions(request: KeyedRequest) -> HttpResponse:
    """The first page is kept."""
    if request.GET.get("page", "1") != "1":
        return JsonResponse(_decisions_page(request))
    return _kept(request, lambda: _LISTED(request.workspace.pk), lambda: json.dumps(_decisions_page(request)))


def _decisions_page(request: KeyedRequest) -> dict[str, Any]:
    rows = Decision.objects.for_workspace(request.workspace).order_by("-updated_at", "id")
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    following = f"{reverse('api:decisions')}?page={page.next_page_number()}" if page.has_next() else None
    latest = Revision.objects.filter(decision__in=list(page)).latest_only().defer(*STORED_TEXTS)
    by_decision = {revision.decision_id: revision for revision in latest}
    listed = [_decision_row(decision, by_decision[decision.pk]) for decision in page]
    return {"decisions": listed, "next": following}


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


def _latest_of(request: KeyedRequest, decision_id: UUID) -> Revision:
    revisions = Revision.objects.for_workspace(request.workspace).select_related("decision")
    latest = revisions.filter(decision=decision_id).order_by("-number").first()
    if latest is None:
        raise Http404
    latest.decision.workspace = request.workspace
    return latest


@quick_page
@keyed({"GET": ApiScope.READ})
def show_decision_json(request: KeyedRequest, decision_id: UUID) -> HttpResponse:
    def read() -> Rows:
        latest = _LATEST(decision_id, request.workspace.pk)
        return latest and latest + _RUNS_OF_REVISION(latest[0][1])

    def make() -> str:
        latest = _latest_of(request, decision_id)
        decision = latest.decision
        runs = latest.runs.without_result().order_by("-created_at")
        row = _decision_row(decision, latest) | {
            "page": absolute_link(request, reverse("decision", args=[decision.pk])),
            "runs": [_run_row(run) for run in runs],
        }
        return _with_members(row, f'"answers": {latest.answers_json}, "recommendation": {latest.recommendation_json}')

    return _kept(request, read, make)


@keyed({"GET": ApiScope.READ})
def report_of_decision(request: KeyedRequest, decision_id: UUID, extension: str) -> HttpResponse:
    get_object_or_404(Decision.objects.for_workspace(request.workspace), pk=decision_id)
    return report(request, decision_id, extension)


@keyed({"POST": ApiScope.RUN})
def start_run_of_decision(request: KeyedRequest, decision_id: UUID) -> JsonResponse:
    """A simulation of the latest revision. The same `Idempotency-Key` again gives the same run."""
    latest = _latest_of(request, decision_id)
    request.audit_subject = AuditSubject(request.workspace.pk, latest.decision.title)
    key = request.headers.get("Idempotency-Key", "") or uuid4().hex
    replications = _whole_number(request.GET.get("replications", ""))
    started = start_run(latest, request.user, RunRequest(replications=replications), idempotency_key=key)
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

    def make() -> str:
        run = get_object_or_404(Run.objects.for_workspace(request.workspace).without_result(), pk=run_id)
        row = _run_row(run) | {"queue_position": place_in_queue(run)}
        return _with_members(row, f'"result": {run.result_json if run.state == State.SUCCEEDED else "null"}')

    return _kept(request, lambda: _RUN(run_id, request.workspace.pk), make)


def _kept(request: KeyedRequest, read: Callable[[], Rows], make: Callable[[], str]) -> HttpResponse:
    """JSON, kept for the rows that it was made from, unless it has a place in the queue, which others move. Rows begin with title, id and state."""
    rows = read()
    if rows:
        title, _, state, *_ = rows[0]
        request.audit_subject = AuditSubject(request.workspace.pk, title)
        if state in ACTIVE:
            return HttpResponse(make(), content_type="application/json")
    part = keep_part((request.path, rows), make, lambda: read() == rows)
    return response_of_parts(request, [part], "application/json")


def _with_members(row: dict[str, Any], stored: str) -> str:
    """The row, with members of the object that are stored as JSON."""
    return f"{json.dumps(row, cls=DjangoJSONEncoder).removesuffix('}')}, {stored}}}"


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

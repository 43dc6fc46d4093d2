"""An uploaded recording, as it was understood: it is checked, corrected and then used by a decision."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db import transaction
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from advisor.advice.proposed_answers import propose_from_benchmark
from advisor.decisions.errors import StaleVersion
from advisor.decisions.models import Decision, RecordingUpload
from advisor.decisions.services.recordings import (
    accept_upload,
    benchmark_of_upload,
    columns_of_upload,
    propose_from_upload,
    read_upload,
)
from advisor.decisions.services.revisions import save_answers, use_trace
from advisor.reports.document.answers import LABELS
from advisor.reports.understood import level_words, understood
from advisor.teams.middleware import MemberRequest
from advisor.web.access import editable_decision
from advisor.web.arrivals_picture import draw_arrivals
from advisor.web.forms.proposed_form import proposed_rows, taken_answers
from advisor.web.forms.recording_form import corrections_from_query, query_of, query_with, recording_fields
from advisor.web.views.answers import trace_problem
from core.errors import InvalidInput, Problem
from simulator.benchmark_results import BenchmarkLevel
from simulator.recordings.understanding import Corrections, RecordingQuestion


@require_http_methods(["GET", "POST"])
def review_recording(request: MemberRequest, decision_id: UUID, upload_id: UUID) -> HttpResponseBase:
    """GET shows the file as it is understood, with the corrections of the query; POST makes it the decision's recording."""
    decision = editable_decision(request, decision_id)
    upload = RecordingUpload.objects.for_workspace(decision.workspace).filter(pk=upload_id).first()
    if upload is None:  # it is used already, or was left for too long
        return redirect("decision", decision.pk)
    corrections = Corrections()
    try:
        corrections = corrections_from_query(request.POST if request.method == "POST" else request.GET)
        if levels := benchmark_of_upload(upload):
            return _review_benchmark(request, decision, upload, levels)
        if request.method == "POST":
            with transaction.atomic():
                trace = accept_upload(upload, request.user, corrections)
                taken = taken_answers(request.POST)
                use_trace(decision, trace, request.user, decision.draft_version, taken=taken)
            return redirect("decision", decision.pk)
    except (InvalidInput, StaleVersion) as error:
        return _review(request, decision, upload, corrections, error)
    return _review(request, decision, upload, corrections)


def _sentence(problem: Problem) -> str:
    if problem.path in LABELS:
        return f"“{LABELS[problem.path]}” {problem.reason}"
    return trace_problem(problem).reason


def _review_benchmark(
    request: MemberRequest, decision: Decision, upload: RecordingUpload, levels: Sequence[BenchmarkLevel]
) -> HttpResponse:
    """The result of a benchmark: its answers are proposed, and nothing else is kept of it."""
    answers, proposed = decision.latest().answers, propose_from_benchmark(levels, upload.name)
    context: dict[str, Any] = {
        "decision": decision,
        "upload": upload,
        "understood": [("File", f"a benchmark: {proposed.source}"), *(("Level", level_words(one)) for one in levels)],
        "notes": proposed.notes,
        "proposed": proposed_rows(proposed, answers),
        "is_benchmark": True,
    }
    if request.method == "POST":
        given = proposed.over(answers.model_dump(), taken_answers(request.POST))
        try:
            save_answers(decision, given, request.user, decision.draft_version)
        except InvalidInput as error:
            context["problems"] = [_sentence(problem) for problem in error.problems]
            return render(request, "decisions/recording.html", context, status=422)
        upload.delete()
        return redirect("decision", decision.pk)
    return render(request, "decisions/recording.html", context)


def _review(
    request: MemberRequest,
    decision: Decision,
    upload: RecordingUpload,
    corrections: Corrections,
    error: Exception | None = None,
) -> HttpResponse:
    context: dict[str, Any] = {"decision": decision, "upload": upload, "corrections": query_of(corrections)}
    understanding = None
    try:
        if error is not None:
            raise error
        recording, answers = read_upload(upload, corrections), decision.latest().answers
        understanding = recording.understanding
        context |= {
            "understood": list(understood(understanding, recording.trace)),
            "notes": understanding.notes,
            "picture": draw_arrivals(recording.trace),
            "proposed": proposed_rows(propose_from_upload(upload, recording, answers), answers),
        }
    except RecordingQuestion as question:
        context["question"] = question.question
        context["choices"] = [
            (choice.text, f"?{urlencode(query_with(corrections, choice))}") for choice in question.choices
        ]
    except InvalidInput as problems:
        context["problems"] = [_sentence(problem) for problem in problems.problems]
    except StaleVersion as stale:
        context["problems"] = [str(stale)]
    context["fields"] = recording_fields(corrections, columns_of_upload(upload), understanding)
    return render(request, "decisions/recording.html", context, status=422 if "problems" in context else 200)

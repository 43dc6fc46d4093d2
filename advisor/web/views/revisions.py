"""The history of a decision: its revisions, one of them as it was, two of them compared."""

from dataclasses import dataclass
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from advisor.advice.answers import Answers
from advisor.advice.questionnaire import SECTIONS
from advisor.advice.rule_inputs import rule_inputs
from advisor.decisions.models import Decision, Revision, Run, Status, Trace
from advisor.decisions.services.decisions import summarize_status
from advisor.decisions.services.recordings import recording_of
from advisor.decisions.services.revisions import compare_revisions, history, list_changes
from advisor.decisions.services.simulated_advice import advise_revision
from advisor.reports.document.answers import TRACE, value_words
from advisor.reports.document.record import DELETED
from advisor.teams.access import may_edit
from advisor.teams.middleware import MemberRequest
from advisor.web.access import find_decision, revision_numbered
from advisor.web.decision_page import advice_of
from advisor.web.forms.questions import field_id
from core.paths import value_at

REVISIONS_PER_PAGE = 25
REVISION_PATIENCE_S = 5.0
"""How long the page of a revision waits for a simulation that is missing."""


@dataclass(frozen=True)
class Answer:
    """`id` is the target of links from the advice."""

    id: str
    label: str
    words: str


@require_safe
def list_revisions(request: MemberRequest, decision_id: UUID) -> HttpResponse:
    decision = find_decision(request, decision_id)
    page = Paginator(history(decision), REVISIONS_PER_PAGE).get_page(request.GET.get("page"))
    latest = decision.latest().number
    context = {"decision": decision, "page": page, "entries": list_changes(list(page)), "latest": latest}
    context |= {"status_summary": summarize_status(decision)}
    return render(request, "revisions/index.html", context | {"numbers": range(latest, 0, -1)})


@require_safe
def show_revision(request: MemberRequest, decision_id: UUID, number: int) -> HttpResponse:
    decision = find_decision(request, decision_id)
    revision = revision_numbered(decision.revisions.select_related("created_by"), str(number))
    return revision_page(request, decision, revision)


def revision_page(
    request: MemberRequest, decision: Decision, revision: Revision, status_error: str = ""
) -> HttpResponse:
    answers, (recommendation, awaited) = revision.answers, advise_revision(revision, REVISION_PATIENCE_S)
    context = {
        "decision": decision,
        "revision": revision,
        "latest": decision.latest().number,
        "sections": _sections(answers, recording_of(revision)),
        "answers": answers,
        "runs": Run.objects.without_result().filter(revision=revision),
        "rule_inputs": rule_inputs(revision.evaluation, [reason.rule for reason in recommendation.reasons]),
        "may_edit": False,
        "may_set_status": may_edit(request.user, decision.workspace),
        "statuses": Status.choices,
        "status_change": revision.status_changes.select_related("changed_by").last(),
        "run": {"revision": revision},
        "status_error": status_error,
        **advice_of(recommendation, awaited),
    }
    return render(request, "revisions/show.html", context, status=422 if status_error else 200)


@require_safe
def show_changes(request: MemberRequest, decision_id: UUID) -> HttpResponse:
    """`?from=1&to=3`, field by field; by default the last two."""
    decision = find_decision(request, decision_id)
    latest = decision.latest().number
    numbers = range(latest, 0, -1)
    default = {"from": max(1, latest - 1), "to": latest}
    known = {str(number): number for number in numbers}
    errors = {
        name: f"There is no such revision: choose one from 1 to {latest}."
        if latest > 1
        else "There is revision 1 alone."
        for name in default
        if name in request.GET and request.GET[name] not in known
    }
    before, after = (
        revision_numbered(decision.revisions.all(), str(known.get(request.GET.get(name, ""), otherwise)))
        for name, otherwise in default.items()
    )
    context = {
        "decision": decision,
        "before": before,
        "after": after,
        "comparison": compare_revisions(before, after),
        "numbers": numbers,
        "errors": errors,
    }
    return render(request, "revisions/compare.html", context, status=422 if errors else 200)


def _sections(answers: Answers, recording: Trace | None) -> list[tuple[str, list[Answer]]]:
    given, name = answers.model_dump(), recording.name if recording else DELETED
    return [
        (
            section.title,
            [
                Answer(f"{field_id(question.path)}-input", question.label, _words(question.path, given, name))
                for question in section.questions
                if question.applies(answers)
            ],
        )
        for section in SECTIONS
    ]


def _words(path: str, given: dict[str, object], recording: str) -> str:
    value = value_at(given, path)
    return recording if path == TRACE and value else value_words(path, value)

"""What the page of a decision shows: its questionnaire, its advice, and what became of it."""

import uuid
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.http import QueryDict

from advisor.advice.contract import Recommendation
from advisor.decisions.models import Decision, Revision, Run, Status, Trace
from advisor.teams.middleware import MemberRequest
from advisor.web.access import may_change
from advisor.web.forms import FieldGroup, errors_by_field, groups_of
from simulator.schema import Problem

TOP_REASONS = 5


def page_of(
    request: MemberRequest,
    decision: Decision,
    revision: Revision,
    post: QueryDict | None = None,
    problems: Iterable[Problem] = (),
) -> dict[str, Any]:
    """The page; where a post was refused, with what was posted, what is wrong with it, and the last valid advice."""
    problems = tuple(problems)
    answers = revision.answers
    return {
        "decision": decision,
        "revision": revision,
        "answers": answers,
        "groups": groups_of(answers, post, problems),
        "problem": errors_by_field(problems).get("", ""),
        "problems": problems,
        "trace": trace_of(revision),
        "may_edit": may_change(request, decision.workspace),
        "statuses": Status.choices,
        "last_run": last_run_of(decision),
        "stale": bool(problems),
        **advice_of(revision.recommendation),
    }


def advice_of(recommendation: Recommendation) -> dict[str, Any]:
    """The advice, its reasons sorted by what they speak for; with a fresh key for the run that may come of it."""
    speaks = [reason for reason in recommendation.reasons if reason.favours == recommendation.style]
    against = [reason for reason in recommendation.reasons if reason not in speaks]
    neutral = [reason for reason in against if reason.favours == "neither"]
    said = {reason.rule for reason in neutral}
    return {
        "recommendation": recommendation,
        "reasons": speaks[:TOP_REASONS],
        "more_reasons": speaks[TOP_REASONS:],
        "against": [reason for reason in against if reason.favours != "neither"],
        "neutral": neutral,
        "warnings": [warning for warning in recommendation.warnings if warning.code not in said],
        "idempotency_key": uuid.uuid4().hex,
    }


def changes(before: tuple[FieldGroup, ...], after: tuple[FieldGroup, ...], moved: frozenset[str]) -> list[Any]:
    """The fields that the page must show anew: those that now apply or no longer do, and those that hold something else."""
    old = {field.id: field for group in before for field in group.fields}
    return [
        field
        for group in after
        for field in group.fields
        if field.hidden != old[field.id].hidden
        or field.question.path in moved
        or field.profile != old[field.id].profile
    ]


def trace_of(revision: Revision) -> Trace | None:
    """The recording that the answers refer to, if it is still there."""
    given = revision.answers.volume.trace
    if given is None:
        return None
    try:
        key = UUID(given)
    except ValueError:
        return None
    return Trace.objects.filter(pk=key, workspace=revision.decision.workspace_id).first()


def last_run_of(decision: Decision) -> Run | None:
    """The decision's latest run."""
    return Run.objects.without_result().filter(revision__decision=decision).order_by("-created_at").first()

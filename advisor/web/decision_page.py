"""What the page of a decision shows: its questionnaire, its advice, and what became of it."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from advisor.advice.behind import answers_behind
from advisor.advice.contract import Recommendation
from advisor.advice.editions import Library
from advisor.decisions.models import Decision, Direction, Revision, Run, Status
from advisor.decisions.services.decisions import summarize_status
from advisor.decisions.services.library import library_of
from advisor.decisions.services.recordings import recording_of
from advisor.decisions.services.undo import next_step
from advisor.teams.middleware import MemberRequest
from advisor.web.access import may_change
from advisor.web.forms import Field, FieldGroup, errors_by_field, groups_of, numbers
from advisor.web.forms.running import Running, chosen_for
from advisor.web.live_plan import offer, plan_of
from core.errors import Problem

TOP_REASONS = 5


def page_of(
    request: MemberRequest,
    decision: Decision,
    revision: Revision,
    post: QueryDict | None = None,
    problems: Iterable[Problem] = (),
    own: Library | None = None,
    running: Running | None = None,
) -> dict[str, Any]:
    """The page; where a post was refused, with what was posted, what is wrong with it, and the last valid advice.

    `own` is the workspace's library, for who has looked it up already; `running` how a simulation is to be run, where that is known
    better than the request says.
    """
    problems = tuple(problems)
    errors = errors_by_field(problems)
    running = running or chosen_for(request, decision)
    is_page = not request.htmx  # type: ignore[attr-defined]  # a fragment leaves the plan of a live run as it stands
    own = own or library_of(decision.workspace)
    answers = revision.answers
    return {
        "decision": decision,
        "revision": revision,
        "answers": answers,
        "groups": groups_of(answers, post, problems, revision.recommendation, own),
        "problem": errors.get("", ""),
        "problems": problems,
        "faults": [path for path in errors if path],
        "calm": all(problem.others for problem in problems),
        "trace": recording_of(revision),
        "may_edit": may_change(request, decision.workspace),
        "standing": summarize_status(decision, revision),
        "statuses": Status.choices,
        "last_run": last_run_of(decision),
        "undo": next_step(decision, Direction.UNDO),
        "redo": next_step(decision, Direction.REDO),
        "stale": bool(problems),
        "behind": answers_behind(answers, [reason.rule for reason in revision.recommendation.reasons]),
        **(plan_of(revision, running) if is_page else {"running": running, "outside": offer()}),
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


@dataclass(frozen=True)
class Changes:
    """What of the questionnaire the page must show anew."""

    fields: list[Field]
    """Whole: those that now apply or no longer do, and those that hold something else than the page shows."""
    besides: list[tuple[Field, str]]
    """What stands beside a field, and the text in it that is to be put plainly once it is left; empty where it is plain."""


def changes(
    before: tuple[FieldGroup, ...], after: tuple[FieldGroup, ...], elsewhere: frozenset[str], post: QueryDict
) -> Changes:
    """What differs between two states of the questionnaire, given what was posted and which fields were filled by something else than typing."""
    old = {field.id: field for group in before for field in group.fields}
    found = Changes([], [])
    for field in (field for group in after for field in group.fields):
        was, path = old[field.id], field.question.path
        typed = post.get(path, "")
        typed = "" if not field.question.uncertain or numbers.is_plain(typed) else typed
        if field.hidden != was.hidden or path in elsewhere or field.profile != was.profile:
            found.fields.append(field)
        elif field.beside != was.beside or typed:
            found.besides.append((field, typed))
    return found


def version_of(request: MemberRequest) -> int:
    """The version that the page was filled from; -1, which no decision has, where it says none."""
    text = request.POST.get("version", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


def last_run_of(decision: Decision) -> Run | None:
    """The decision's latest run."""
    return Run.objects.without_result().filter(revision__decision=decision).order_by("-created_at").first()

"""What the page of a decision shows: its questionnaire, its advice, its last run, and the plan of a live run."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict
from django.utils.functional import SimpleLazyObject

from advisor.advice.contract import Recommendation
from advisor.advice.library_overrides import Library
from advisor.advice.rule_inputs import rule_inputs
from advisor.decisions.external_endpoint import allowed_endpoint
from advisor.decisions.models import Decision, Direction, Revision, Run, Status
from advisor.decisions.services.decisions import summarize_status
from advisor.decisions.services.library import library_of
from advisor.decisions.services.recordings import recording_of
from advisor.decisions.services.revisions import steps_of
from advisor.decisions.services.run_verdicts import verdict_of_run
from advisor.decisions.services.runs import plan_run, runs_left
from advisor.decisions.services.simulated_advice import THREADS, Awaited, advise_revision
from advisor.reports.document.planned_run import endpoint_terms, plan_sentences
from advisor.teams.access import may_edit
from advisor.teams.middleware import MemberRequest
from advisor.web.access import NOT_STORED, parse_id, version_in_page
from advisor.web.forms import typed_numbers
from advisor.web.forms.fields import Field, FieldGroup, errors_by_field, first_fields, groups_of
from advisor.web.forms.run_options import RunOptions, load_run_options
from core.errors import InvalidInput, Problem
from core.numbers import count


def plan_of(revision: Revision, run_options: RunOptions) -> dict[str, Any]:
    """The plan in words, or what is wrong with the choice; nothing for the kernel, which needs no plan."""
    context: dict[str, Any] = {"run_options": run_options, "external": allowed_endpoint()}
    if not run_options.live or run_options.errors:
        return context
    try:
        plan = plan_run(revision, run_options.run_request)
    except InvalidInput as error:
        return context | {"run_options": run_options.refused(error)}
    at_most = None if plan.external is not None else plan.limit
    words = {"plan": plan_sentences(plan), "terms": _terms(endpoint_terms(plan))}
    return context | words | {"limit": at_most}


def _terms(words: str) -> str:
    permitted = allowed_endpoint()
    if not words or permitted is None:
        return ""
    return f"{words} {count(runs_left(permitted), 'such run')} left of {count(permitted.runs_per_day)} in 24 hours."


TOP_REASONS = 5
SAVE_PATIENCE_S = 0.02
"""How long a page waits for the simulation of its answers before it shows the forces alone, and asks for the rest. What was simulated before
is there by then."""
OLDER, FORMULAS = "older", "formulas"
"""What a page shows until the whole advice follows: the reasons and the plan of older answers, or thresholds by the formulas."""


def decision_context(
    request: MemberRequest,
    decision: Decision,
    revision: Revision,
    post: QueryDict | None = None,
    problems: Iterable[Problem] = (),
    own: Library | None = None,
    run_options: RunOptions | None = None,
    *,
    is_page: bool | None = None,
    patience_s: float | None = None,
) -> dict[str, Any]:
    """The page; if a post was refused, with what was posted, what is wrong with it, and the last valid advice.

    Pass `own`, the workspace's library, to avoid a second query; and `run_options` if the run options differ from those of the request.
    Unless `is_page`, which a request of htmx is not by itself, the plan of a live run stays as it is, and tags and comments, which a fragment
    seldom shows, are looked up where they are shown. The simulation of the answers begins first, and is waited for, `patience_s`, last.
    """
    advise_revision(revision)
    is_page = not request.htmx if is_page is None else is_page
    run_options = run_options or load_run_options(request, decision.pk)
    own = own or library_of(decision.workspace)
    runs = Run.objects.as_advised().select_related("revision").only("state", "revision__number")
    last_run = runs.filter(revision__decision=decision).order_by("created_at").last()
    steps = steps_of(decision)
    problems = tuple(problems)
    errors = errors_by_field(problems)
    trace, answers = recording_of(revision), revision.answers
    status_summary = summarize_status(decision, revision)
    if patience_s is None:
        patience_s = 0.0 if THREADS.is_busy else SAVE_PATIENCE_S
    advised = advise_revision(revision, patience_s)
    is_of_latest = last_run is not None and last_run.revision_id == revision.pk
    groups = groups_of(answers, post, problems, advised.recommendation, own)
    return {
        "decision": decision,
        "version_in_page": version_in_page(revision),
        "is_stored": not revision._state.adding,
        "revision": revision,
        "answers": answers,
        "groups": groups,
        "first_fields": first_fields(groups),
        "problem": errors.get("", ""),
        "problems": problems,
        "faults": [path for path in errors if path],
        "only_contradictions": all(problem.others for problem in problems),
        "trace": trace,
        "may_edit": may_edit(request.user, decision.workspace),
        "status_summary": status_summary,
        "statuses": Status.choices,
        "tags": tuple(decision.tags.all()) if is_page else decision.tags.all(),
        "comments": decision.comments.count() if is_page else decision.comments.count,
        "last_run": last_run,
        "run_verdict": verdict_of_run(last_run, advised.recommendation if is_of_latest else None),
        "undo": steps.get(Direction.UNDO),
        "redo": steps.get(Direction.REDO),
        "stale": bool(problems),
        "rule_inputs": SimpleLazyObject(
            lambda: rule_inputs(revision.evaluation, [reason.rule for reason in advised.recommendation.reasons])
        ),
        **(plan_of(revision, run_options) if is_page else {"run_options": run_options, "external": allowed_endpoint()}),
        **advice_of(*advised),
        "asks_again": True,
        "shows": FORMULAS if advised.awaited == "loading" else "",
    }


def advice_of(recommendation: Recommendation, awaited: Awaited = "") -> dict[str, Any]:
    speaks = [reason for reason in recommendation.reasons if reason.favours == recommendation.style]
    against = [reason for reason in recommendation.reasons if reason not in speaks]
    neutral = [reason for reason in against if reason.favours == "neither"]
    as_reasons = {reason.rule for reason in neutral}
    return {
        "recommendation": recommendation,
        "awaited": awaited,
        "reasons": speaks[:TOP_REASONS],
        "more_reasons": speaks[TOP_REASONS:],
        "against": [reason for reason in against if reason.favours != "neither"],
        "neutral": neutral,
        "warnings": [warning for warning in recommendation.warnings if warning.code not in as_reasons],
        "idempotency_key": uuid.uuid4().hex,
    }


@dataclass(frozen=True)
class Changes:
    """What a page shows otherwise than what is stored now."""

    fields: list[Field] = field(default_factory=list)
    """Whole: those that now apply or no longer do, and those that hold something else than the page shows."""
    hints: list[tuple[Field, str]] = field(default_factory=list)
    """A field whose hints differ, and the text in it that is rewritten plainly when the field is left; empty if it is plain already."""
    groups: list[FieldGroup] = field(default_factory=list)
    """Those that are summarised in other words."""
    title: bool = False
    status: bool = False


def changes(
    before: tuple[FieldGroup, ...],
    after: tuple[FieldGroup, ...],
    changed: frozenset[str],
    post: QueryDict,
    *,
    title: bool,
    status: bool,
) -> Changes:
    """What differs between two states of the questionnaire, given what was posted and which fields were filled by something else than typing."""
    old = {field.id: field for group in before for field in group.fields}
    result = Changes(title=title, status=status)
    result.groups.extend(group for was, group in zip(before, after, strict=True) if group.state != was.state)
    for now in (one for group in after for one in group.fields):
        was, path = old[now.id], now.question.path
        typed = post.get(path, "")
        typed = "" if not now.question.uncertain or typed_numbers.is_plain(typed) else typed
        if now.hidden != was.hidden or path in changed or now.profile != was.profile:
            result.fields.append(now)
        elif now.hints != was.hints or typed:
            result.hints.append((now, typed))
    return result


def version_of(request: MemberRequest) -> int:
    """The version that the page was filled from; -1, which no decision has, if the request has none. A new decision has the first."""
    posted = request.POST.get("version", "")
    version = 1 if posted.startswith(NOT_STORED) else parse_id(posted)
    return -1 if version is None else version

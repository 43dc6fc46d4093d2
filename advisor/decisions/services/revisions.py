from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Literal, NamedTuple, TypedDict, assert_never

from django.db import transaction
from django.db.models import Expression, Max, Prefetch, QuerySet
from django.utils import timezone

from advisor import advice
from advisor.advice.answers import LEAVES, Answers, answers_from
from advisor.advice.library_overrides import Library, apply_overrides
from advisor.decisions import stored
from advisor.decisions.cleaning import clean_name
from advisor.decisions.errors import StaleVersion
from advisor.decisions.models import Decision, Direction, Revision, Run, StatusChange, Step, Trace
from advisor.decisions.services.library import library_of
from advisor.decisions.services.recordings import lock_trace, propose_from_stored, recording_of, require_known_trace
from advisor.decisions.services.simulated_advice import first_recommendation
from advisor.reports.comparison.revisions import Comparison, compare
from advisor.reports.document.answers import TRACE
from advisor.reports.wording import shown_style
from advisor.teams.access import require_editor
from advisor.teams.models import User, Workspace
from core.errors import InvalidInput
from core.paths import value_at

FIRST_ANSWERS = "The first answers"
Change = Literal["new", "undo", "redo"]
TOGETHER = timedelta(seconds=3)
"""Changes of the same field within this time, without undo or redo between them, are one step: undo does not restore a number digit by digit."""
UNDO_LIMIT = 100
"""Per direction and decision."""
FIELDS = tuple(path for path in LEAVES if path != "schema")


def freeze_revision(revision: Revision) -> None:
    if revision.frozen:
        return
    revision.frozen_at = timezone.now()
    Revision.objects.filter(pk=revision.pk, frozen_at__isnull=True).update(frozen_at=revision.frozen_at)


class RevisionFields(TypedDict):
    answers_json: str
    recommendation_json: str
    shown_style: str
    versions: dict[str, str]


def build_revision_fields(answers: Answers, own: Library) -> RevisionFields:
    answers_json = stored.dump(answers)
    recommendation = first_recommendation(stored.evaluation_of(answers_json))
    return {
        "answers_json": answers_json,
        "recommendation_json": stored.dump(recommendation),
        "shown_style": shown_style(recommendation),
        "versions": advice.versions() | ({"library": own.version} if own.version else {}),
    }


def save_answers(
    decision: Decision,
    given: Mapping[str, Any],
    user: User,
    version: int,
    *,
    change: Change = "new",
    own: Library | None = None,
) -> Revision:
    """Save the answers in the latest revision, or in a new one if a run or a status has frozen it.

    `given` is merged into its template's values, not into the previous answers. `version` is the decision's
    `draft_version` that the change was made on; `decision` is updated. Undo restores the previous answers.
    `own` is the workspace's library, if the caller has it.

    Raises:
        PermissionDenied: unless the user may edit in the decision's workspace.
        InvalidInput: with what is wrong, nothing saved.
        StaleVersion: another request has saved since `version`, nothing saved.
        Decision.DoesNotExist: it was deleted meanwhile.
    """
    require_editor(user, decision.workspace)
    own = own or library_of(decision.workspace)
    answers = answers_from(apply_overrides(given, own))
    require_known_trace(answers, decision.workspace)
    fields = build_revision_fields(answers, own)
    with transaction.atomic():
        locked = Decision.objects.select_for_update().get(pk=decision.pk)
        if locked.draft_version != version:
            raise StaleVersion(version, locked.draft_version)
        latest = locked.latest()
        before = latest.answers
        if answers == before:
            return latest
        if answers.volume.trace != before.volume.trace:
            lock_trace(answers, decision.workspace)
        _record_step(locked, before, answers, change)
        if answers.name != before.name:
            locked.title = clean_name(answers.name)
        locked.draft_version += 1
        locked.save(update_fields=["title", "draft_version", "updated_at"])
        if latest.frozen:
            revision = Revision.objects.create(decision=locked, number=latest.number + 1, created_by=user, **fields)
        else:
            revision = latest
            for field, value in fields.items():
                setattr(revision, field, value)
            revision.save(update_fields=[*fields, "updated_at"])
    decision.title, decision.draft_version, decision.updated_at = locked.title, locked.draft_version, locked.updated_at
    return revision


class Stepped(NamedTuple):
    revision: Revision
    recording_lost: bool


def step_answers(
    decision: Decision, user: User, version: int, direction: Literal["undo", "redo"], *, own: Library | None = None
) -> Stepped:
    """Restore the answers before the last change, or before the last undo; do nothing if there is no step.

    If a run or a status refers to the current answers, the step opens a new revision, as every change does. Answers with
    a recording that was deleted since come back with its rate and peaks, but without it.

    Raises as `save_answers`.
    """
    latest = decision.latest()
    while step := next_step(decision, direction):
        wanted = _without_lost_trace(step.answers, decision.workspace)
        if wanted != latest.answers:
            revision = save_answers(decision, wanted.model_dump(), user, version, change=direction, own=own)
            return Stepped(revision, wanted != step.answers)
        step.delete()  # typed away and back again: there is nothing to see there
    return Stepped(latest, False)


def _without_lost_trace(answers: Answers, workspace: Workspace) -> Answers:
    try:
        require_known_trace(answers, workspace)
    except InvalidInput:
        return answers.model_copy(update={"volume": answers.volume.model_copy(update={"trace": None})})
    return answers


def use_trace(
    decision: Decision,
    trace: Trace,
    user: User,
    version: int,
    *,
    own: Library | None = None,
    taken: Collection[str] | None = None,
) -> Revision:
    """Replay the trace. What it says of the proposed answers that are `taken`, or of all, become answers. Raise as `save_answers`."""
    answers = decision.latest().answers
    given = propose_from_stored(trace, answers).over(answers.model_dump(), taken)
    given["volume"]["trace"] = str(trace.pk)
    return save_answers(decision, given, user, version, own=own)


def drop_trace(decision: Decision, user: User, version: int, *, own: Library | None = None) -> Revision:
    """Let arrivals follow the rate and peaks again, which keep the trace's figures. Raise as `save_answers`."""
    given = decision.latest().answers.model_dump()
    given["volume"]["trace"] = None
    return save_answers(decision, given, user, version, own=own)


def next_step(decision: Decision, direction: str) -> Step | None:
    return Step.objects.filter(decision=decision, direction=direction).order_by("-id").first()


def steps_of(decision: Decision) -> dict[str, Step]:
    """The next step of each direction that has one, without its answers."""
    return {step.direction: step for step in newest_steps(decision).defer("answers_json")}


def newest_steps(decision: Decision | Expression) -> "QuerySet[Step]":
    newest = Step.objects.filter(decision=decision).order_by().values("direction").annotate(newest=Max("id"))
    return Step.objects.filter(pk__in=newest.values("newest"))


def _record_step(decision: Decision, before: Answers, after: Answers, change: Change) -> None:
    """Keep the answers before a change. Call it in the transaction that saves `after`."""
    paths = _changed_paths(before, after)
    match change:
        case "new":
            undone, _ = Step.objects.filter(decision=decision, direction=Direction.REDO).delete()
            if undone or not _continues(decision, paths):
                _push(decision, Direction.UNDO, before, paths)
        case "undo":
            _pop(decision, Direction.UNDO)
            _push(decision, Direction.REDO, before, paths)
        case "redo":
            _pop(decision, Direction.REDO)
            _push(decision, Direction.UNDO, before, paths, timezone.now() - TOGETHER)
        case _:
            assert_never(change)


def _changed_paths(before: Answers, after: Answers) -> list[str]:
    return [path for path in FIELDS if _answer(before, path) != _answer(after, path)]


def _answer(answers: Answers, path: str) -> tuple[object, object]:
    return value_at(answers, path), answers.uncertain.get(path)


def _continues(decision: Decision, paths: list[str]) -> bool:
    last = next_step(decision, Direction.UNDO)
    now = timezone.now()
    if last is None or last.paths != paths or now - last.changed_at > TOGETHER:
        return False
    last.changed_at = now
    last.save(update_fields=["changed_at"])
    return True


def _push(
    decision: Decision, direction: Direction, answers: Answers, paths: list[str], changed_at: datetime | None = None
) -> None:
    text = stored.dump(answers)
    Step.objects.create(
        decision=decision,
        direction=direction,
        answers_json=text,
        paths=paths,
        changed_at=changed_at or timezone.now(),
    )
    kept = Step.objects.filter(decision=decision, direction=direction).order_by("-id").values_list("id", flat=True)
    oldest = kept[UNDO_LIMIT - 1 : UNDO_LIMIT].first()
    if oldest is not None:
        Step.objects.filter(decision=decision, direction=direction, id__lt=oldest).delete()


def _pop(decision: Decision, direction: Direction) -> None:
    last = next_step(decision, direction)
    if last is not None:
        last.delete()


@dataclass(frozen=True)
class RevisionChange:
    revision: Revision
    change: str


def history(decision: Decision) -> QuerySet[Revision]:
    return (
        decision.revisions.select_related("created_by")
        .prefetch_related(
            Prefetch("runs", Run.objects.without_result()),
            Prefetch("status_changes", StatusChange.objects.select_related("changed_by")),
        )
        .order_by("-number")
    )


def list_changes(revisions: Sequence[Revision]) -> list[RevisionChange]:
    """Compare each with the one before it that has not been pruned."""
    if not revisions:
        return []
    of_decision = Revision.objects.filter(decision=revisions[0].decision_id)
    numbers = list(of_decision.order_by("number").values_list("number", flat=True))
    previous = {after: before for before, after in pairwise(numbers)}
    before = {
        one.number: one for one in of_decision.filter(number__in=[previous.get(one.number, 0) for one in revisions])
    }
    return [
        RevisionChange(
            one,
            compare_revisions(before[previous[one.number]], one).sentence if one.number in previous else FIRST_ANSWERS,
        )
        for one in revisions
    ]


def compare_revisions(before: Revision, after: Revision) -> Comparison:
    paths = _changed_paths(before.answers, after.answers)
    recordings = (_recording(before), _recording(after)) if TRACE in paths else (None, None)
    return compare((before.answers, before.recommendation), (after.answers, after.recommendation), paths, recordings)


def _recording(revision: Revision) -> str | None:
    trace = recording_of(revision)
    return trace.name if trace else None

from datetime import timedelta
from typing import Literal, assert_never

from django.utils import timezone

from advisor.advice.answers import LEAVES, Answers
from advisor.decisions import stored
from advisor.decisions.models import Decision, Direction, Step
from core.paths import value_at

Change = Literal["new", "undo", "redo"]
TOGETHER = timedelta(seconds=3)
"""Changes of the same field within this time are one step, so that undo does not restore a number digit by digit."""
UNDO_LIMIT = 100
"""Per direction and decision."""
FIELDS = tuple(path for path in LEAVES if path != "schema")


def next_step(decision: Decision, direction: str) -> Step | None:
    return Step.objects.filter(decision=decision, direction=direction).order_by("-id").first()


def record(decision: Decision, before: Answers, after: Answers, change: Change) -> None:
    """Keep the answers before a change. Call it in the transaction that saves `after`."""
    paths = changed_paths(before, after)
    match change:
        case "new":
            Step.objects.filter(decision=decision, direction=Direction.REDO).delete()
            if not _continues(decision, paths):
                _push(decision, Direction.UNDO, before, paths)
        case "undo":
            _pop(decision, Direction.UNDO)
            _push(decision, Direction.REDO, before, paths)
        case "redo":
            _pop(decision, Direction.REDO)
            _push(decision, Direction.UNDO, before, paths)
        case _:
            assert_never(change)


def changed_paths(before: Answers, after: Answers) -> list[str]:
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


def _push(decision: Decision, direction: Direction, answers: Answers, paths: list[str]) -> None:
    text = stored.dump(answers)
    Step.objects.create(
        decision=decision, direction=direction, answers_json=text, paths=paths, changed_at=timezone.now()
    )
    kept = Step.objects.filter(decision=decision, direction=direction).order_by("-id").values_list("id", flat=True)
    oldest = kept[UNDO_LIMIT - 1 : UNDO_LIMIT].first()
    if oldest is not None:
        Step.objects.filter(decision=decision, direction=direction, id__lt=oldest).delete()


def _pop(decision: Decision, direction: Direction) -> None:
    last = next_step(decision, direction)
    if last is not None:
        last.delete()

"""Goes one step back, or forward again."""

from typing import Literal, NamedTuple

from advisor.advice.answers import Answers
from advisor.advice.editions import Library
from advisor.decisions.models import Decision, Revision
from advisor.decisions.services.advising import require_known_trace
from advisor.decisions.services.save_answers import save_answers
from advisor.decisions.services.undo import next_step
from advisor.teams.models import User, Workspace
from core.errors import InvalidInput


class Stepped(NamedTuple):
    """Where a step led, and whether the answers there named a recording that has been deleted since."""

    revision: Revision
    recording_lost: bool


def step_answers(
    decision: Decision, user: User, version: int, direction: Literal["undo", "redo"], *, own: Library | None = None
) -> Stepped:
    """The revision that holds the answers of before the last change, or of before the last undo; where there is no step, the latest one.

    A run or an export that refers to the answers keeps them: then the step opens a new revision, as every change does.
    Answers that replay a recording which was deleted since come back with its rate and peaks, but without it. `own` is as in `save_answers`.

    Raises:
        PermissionDenied, InvalidInput, StaleVersion: as `save_answers`.
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

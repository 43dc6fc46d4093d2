"""Goes one step back, or forward again."""

from typing import Literal

from advisor.decisions.models import Decision, Revision
from advisor.decisions.services.save_answers import save_answers
from advisor.decisions.services.undo import next_step
from advisor.teams.models import User


def step_answers(decision: Decision, user: User, version: int, direction: Literal["undo", "redo"]) -> Revision:
    """The revision that holds the answers of before the last change, or of before the last undo; where there is no step, the latest one.

    A run or an export that refers to the answers keeps them: then the step opens a new revision, as every change does.

    Raises:
        PermissionDenied, InvalidInput, StaleVersion: as `save_answers`.
    """
    latest = decision.latest()
    while (step := next_step(decision, direction)) and step.answers == latest.answers:
        step.delete()  # typed away and back again: there is nothing to see there
    if step is None:
        return latest
    return save_answers(decision, step.answers.model_dump(), user, version, change=direction)

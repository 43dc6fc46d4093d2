"""Answers and the advice on them, as a revision keeps both."""

from typing import TypedDict
from uuid import UUID

from advisor import advice
from advisor.advice.answers import Answers
from advisor.advice.editions import Library
from advisor.advice.recommendation import advise
from advisor.decisions import stored
from advisor.decisions.models import Trace
from advisor.teams.models import Workspace
from core.errors import InvalidInput, Problem


class Advised(TypedDict):
    """The fields of a revision that its answers decide."""

    answers_json: str
    recommendation_json: str
    versions: dict[str, str]


def advised(answers: Answers, own: Library) -> Advised:
    """The answers with today's advice on them, and the versions that gave it: the edits of the workspace's library, too."""
    return {
        "answers_json": stored.dump(answers),
        "recommendation_json": stored.dump(advise(answers)),
        "versions": advice.versions() | ({"library": own.version} if own.version else {}),
    }


def require_known_trace(answers: Answers, workspace: Workspace) -> None:
    """A trace is given by the id of an upload of the workspace; a path means something on the command line only.

    Raises:
        InvalidInput: if it isn't.
    """
    if answers.volume.trace is not None:
        find_trace(answers.volume.trace, workspace)


def hold_trace(answers: Answers, workspace: Workspace) -> None:
    """Keeps the answers' trace from being deleted until the transaction that saves them ends.

    Raises:
        InvalidInput: if it has just been.
    """
    if answers.volume.trace is not None:
        held = Trace.objects.select_for_update().filter(pk=find_trace(answers.volume.trace, workspace).pk)
        if held.first() is None:
            raise _no_such_trace("volume.trace")


def find_trace(given: str, workspace: Workspace, path: str = "volume.trace") -> Trace:
    """The workspace's trace with the id.

    Raises:
        InvalidInput: if there is none.
    """
    try:
        trace = Trace.objects.for_workspace(workspace).filter(pk=UUID(given)).first()
    except ValueError:
        trace = None
    if trace is None:
        raise _no_such_trace(path)
    return trace


def _no_such_trace(path: str) -> InvalidInput:
    return InvalidInput([Problem(path, "there is no such recording in this workspace; upload it first")])

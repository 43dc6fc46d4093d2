"""Begins a decision."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from advisor.advice.answers import answers_from
from advisor.advice.editions import taken_over
from advisor.decisions.models import Decision, Revision
from advisor.decisions.names import clean_name
from advisor.decisions.services.advising import advised, require_known_trace
from advisor.decisions.services.edit_library import library_of
from advisor.teams.access import require_editor
from advisor.teams.models import User, Workspace


def create_decision(
    workspace: Workspace, user: User, given: Mapping[str, Any], *, title: str | None = None, is_demo: bool = False
) -> Decision:
    """A draft with its first revision; `given` is laid over its template's values, so `{"template": name}` will do.

    Raises:
        PermissionDenied: unless the user may edit in the workspace.
        InvalidInput: with what is wrong in `given` or the title; nothing is saved.
    """
    require_editor(user, workspace)
    own = library_of(workspace)
    answers = answers_from(taken_over(given, own))
    require_known_trace(answers, workspace)
    name = clean_name(answers.name if title is None else title, "title")
    fields = advised(answers, own)
    with transaction.atomic():
        decision = Decision.objects.create(workspace=workspace, title=name, is_demo=is_demo, created_by=user)
        Revision.objects.create(decision=decision, number=1, created_by=user, **fields)
    return decision

"""Changes a decision's answers."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from advisor.advice.answers import answers_from
from advisor.advice.editions import Library, taken_over
from advisor.decisions.errors import StaleVersion
from advisor.decisions.models import Decision, Revision
from advisor.decisions.names import clean_name
from advisor.decisions.services.advising import advised, hold_trace, require_known_trace
from advisor.decisions.services.edit_library import library_of
from advisor.decisions.services.undo import Change, record
from advisor.teams.access import require_editor
from advisor.teams.models import User


def save_answers(
    decision: Decision,
    given: Mapping[str, Any],
    user: User,
    version: int,
    *,
    change: Change = "new",
    own: Library | None = None,
) -> Revision:
    """The revision that holds the answers now: the latest one, or a new one where a run or an export has frozen it.

    `given` is laid over its template's values, not over the answers of before. `version` is the decision's
    `draft_version` that the change was made on; `decision` is brought up to date. What changes nothing saves nothing.
    The answers of before stay a step away (`undo`). `own` is the workspace's library, for who has looked it up already.

    Raises:
        PermissionDenied: unless the user may edit in the decision's workspace.
        InvalidInput: with what is wrong, nothing saved.
        StaleVersion: if somebody saved since `version`, nothing saved.
        Decision.DoesNotExist: if it was deleted meanwhile.
    """
    require_editor(user, decision.workspace)
    own = own or library_of(decision.workspace)
    answers = answers_from(taken_over(given, own))
    require_known_trace(answers, decision.workspace)
    fields = advised(answers, own)
    with transaction.atomic():
        locked = Decision.objects.select_for_update().get(pk=decision.pk)
        if locked.draft_version != version:
            raise StaleVersion(version, locked.draft_version)
        latest = locked.latest()
        before = latest.answers
        if answers == before:
            return latest
        if answers.volume.trace != before.volume.trace:
            hold_trace(answers, decision.workspace)
        record(locked, before, answers, change)
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

"""What requests for runs and for sweeps share: a key that makes repeating them harmless, and a lock that makes caps exact."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import QuerySet

from advisor.decisions.errors import StaleVersion, TooManyTasks
from advisor.decisions.limits import IDEMPOTENCY_KEY_LENGTH
from advisor.decisions.models import Decision, Revision, Run, Sweep
from advisor.decisions.services.revisions import freeze_revision
from advisor.teams.access import require_editor
from advisor.teams.models import User
from core.errors import InvalidInput, Problem

IDEMPOTENCY_KEY = re.compile(rf"[A-Za-z0-9_.:-]{{1,{IDEMPOTENCY_KEY_LENGTH}}}")

Requested = TypeVar("Requested", Run, Sweep)


def find_requested(model: type[Requested], revision: Revision, user: User, idempotency_key: str) -> Requested | None:
    """Return what this key has requested already.

    Raises:
        PermissionDenied: unless the user may edit in the revision's workspace.
        InvalidInput: the key is malformed, or was used for another revision.
    """
    require_editor(user, revision.decision.workspace)
    if not IDEMPOTENCY_KEY.fullmatch(idempotency_key):
        raise InvalidInput([Problem("idempotency_key", "should be 1 to 64 letters, digits or _ . : -")])
    row = model._default_manager.filter(workspace=revision.decision.workspace, idempotency_key=idempotency_key).first()
    return require_same_revision(row, revision) if row else None


def require_same_revision(row: Requested, revision: Revision) -> Requested:
    if row.revision_id != revision.pk:
        noun = "run" if isinstance(row, Run) else "map"
        raise InvalidInput([Problem("idempotency_key", f"was used for another {noun}")])
    return row


@contextmanager
def new_request(revision: Revision, others: "QuerySet[Any]", cap: int, words: str) -> Iterator[None]:
    """Lock the decision while a request is saved, and freeze the revision. `others` are rows under way; `words` count them.

    Raises:
        StaleVersion: the revision's answers were changed since it was read.
        TooManyTasks: the workspace has as many under way as it may have.
    """
    with transaction.atomic():
        decision = Decision.objects.select_for_update().get(pk=revision.decision_id)
        if not Revision.objects.filter(pk=revision.pk, answers_json=revision.answers_json).exists():
            raise StaleVersion(revision.decision.draft_version, decision.draft_version)
        if others.filter(workspace=revision.decision.workspace).count() >= cap:
            raise TooManyTasks(cap, words, revision.decision.workspace_id)
        yield
        freeze_revision(revision)

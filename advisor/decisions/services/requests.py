"""What requests for runs and for sweeps share: a key that makes repeating them harmless, and a lock that makes caps exact."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.db.models import CharField, QuerySet

from advisor.decisions.errors import StaleVersion, TooManyTasks
from advisor.decisions.limits import IDEMPOTENCY_KEY_LENGTH
from advisor.decisions.models import Decision, Revision, Run, Sweep
from advisor.decisions.services.revisions import freeze_revision
from advisor.teams.access import require_editor
from advisor.teams.models import User
from advisor.teams.prepared_queries import Given, PreparedQuery, given_id
from core.errors import InvalidInput, Problem

IDEMPOTENCY_KEY = re.compile(rf"[A-Za-z0-9_.:-]{{1,{IDEMPOTENCY_KEY_LENGTH}}}")

Requested = TypeVar("Requested", Run, Sweep)


def _prepare_requested(model: type[Run] | type[Sweep]) -> PreparedQuery:
    key = Given(1, CharField())
    return PreparedQuery(
        lambda: model._default_manager.filter(workspace=given_id(), idempotency_key=key).order_by().values_list("pk")
    )


_REQUESTED = {Run: _prepare_requested(Run), Sweep: _prepare_requested(Sweep)}


def find_requested(model: type[Requested], revision: Revision, user: User, idempotency_key: str) -> Requested | None:
    """Return what this key has requested already.

    Raises:
        PermissionDenied: unless the user may edit in the revision's workspace.
        InvalidInput: the key is malformed, or was used for another revision.
    """
    require_editor(user, revision.decision.workspace)
    if not IDEMPOTENCY_KEY.fullmatch(idempotency_key):
        raise InvalidInput([Problem("idempotency_key", "should be 1 to 64 letters, digits or _ . : -")])
    return _row_with_key(model, revision, idempotency_key)


def _row_with_key(model: type[Requested], revision: Revision, idempotency_key: str) -> Requested | None:
    """Raise InvalidInput if it is of another revision."""
    keys = _REQUESTED[model](revision.decision.workspace_id, idempotency_key)
    if not keys:
        return None
    row = model._default_manager.get(pk=keys[0][0])
    if row.revision_id != revision.pk:
        noun = "run" if isinstance(row, Run) else "map"
        raise InvalidInput([Problem("idempotency_key", f"was used for another {noun}")])
    return row


@contextmanager
def new_request(revision: Revision, others: "QuerySet[Any]", cap: int, words: str) -> Iterator[int]:
    """Lock the decision while a request is saved, and freeze the revision. `others` are rows under way; `words` count them.

    Gives how many of the workspace there are.

    Raises:
        StaleVersion: the revision's answers were changed since it was read.
        TooManyTasks: the workspace has as many under way as it may have.
    """
    with transaction.atomic():
        decisions = Decision.objects.select_for_update().order_by()
        version = decisions.values_list("draft_version", flat=True).get(pk=revision.decision_id)
        stored_now = Revision.objects.filter(pk=revision.pk, answers_json=revision.answers_json)
        if not revision.frozen and not stored_now.exists():
            raise StaleVersion(revision.decision.draft_version, version)
        under_way = others.filter(workspace=revision.decision.workspace_id).count()
        if under_way >= cap:
            raise TooManyTasks(cap, words, revision.decision.workspace_id)
        yield under_way
        freeze_revision(revision)


def create_once(
    model: type[Requested], revision: Revision, idempotency_key: str, **values: Any
) -> tuple[Requested, bool]:
    """Return the row, and whether it is new: another request with its key may have saved one since `find_requested`."""
    values |= {"workspace_id": revision.decision.workspace_id, "idempotency_key": idempotency_key}
    try:
        with transaction.atomic():
            return model._default_manager.create(revision=revision, **values), True
    except IntegrityError:
        row = _row_with_key(model, revision, idempotency_key)
        if row is None:
            raise
        return row, False

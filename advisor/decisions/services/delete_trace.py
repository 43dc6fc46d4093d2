"""Makes room: deletes an uploaded trace."""

from django.db import IntegrityError, transaction
from django.db.models import RestrictedError

from advisor.decisions.models import Trace
from advisor.teams.access import require_editor
from advisor.teams.models import User
from simulator.schema import InvalidInput, Problem


def delete_trace(trace: Trace, user: User) -> None:
    """Deletes a trace that no run has replayed; what a result rests on stays as long as the result.

    Raises:
        PermissionDenied: unless the user may edit in its workspace.
        InvalidInput: if a run refers to it.
    """
    require_editor(user, trace.workspace)
    try:
        with transaction.atomic():
            trace.delete()
    except (RestrictedError, IntegrityError) as error:
        reason = "has been simulated; delete the decisions that did so first"
        raise InvalidInput([Problem("trace", reason)]) from error

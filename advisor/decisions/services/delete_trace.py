"""Makes room: deletes an uploaded trace."""

from django.db import IntegrityError, transaction
from django.db.models import RestrictedError

from advisor.decisions.models import Revision, Trace
from advisor.teams.access import require_editor
from advisor.teams.models import User
from simulator.schema import InvalidInput, Problem


def delete_trace(trace: Trace, user: User) -> None:
    """Deletes a trace that no simulation has replayed and no decision goes by; what a result rests on stays as long as the result.

    Raises:
        PermissionDenied: unless the user may edit in its workspace.
        InvalidInput: if a simulation, or the current answers of a decision, refer to it.
    """
    require_editor(user, trace.workspace)
    current = Revision.objects.for_workspace(trace.workspace).latest_only()
    going_by_it = current.filter(answers_json__contains=str(trace.pk)).select_related("decision").first()
    if going_by_it is not None:
        reason = f"is what arrives in {going_by_it.decision.title}; let that decision go by a rate first"
        raise InvalidInput([Problem("trace", reason)])
    try:
        with transaction.atomic():
            trace.delete()
    except (RestrictedError, IntegrityError) as error:
        reason = "has been simulated; delete the decisions that did so first"
        raise InvalidInput([Problem("trace", reason)]) from error

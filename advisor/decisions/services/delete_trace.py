"""Makes room: deletes an uploaded trace."""

from django.db import transaction

from advisor.decisions.models import Trace
from advisor.decisions.services.recording_uses import uses_of
from advisor.reports.wording import listed
from advisor.teams.access import require_editor
from advisor.teams.models import User
from core.errors import InvalidInput, Problem


def delete_trace(trace: Trace, user: User) -> None:
    """Deletes a trace that no simulation has replayed and no decision goes by; what a result rests on stays as long as the result.

    Answers of older revisions may still name it: those keep the rate and the peaks that were read from it.

    Raises:
        PermissionDenied: unless the user may edit in its workspace.
        InvalidInput: if a simulation, or the current answers of a decision, refer to it; with the decisions.
        Trace.DoesNotExist: if somebody else has deleted it meanwhile.
    """
    require_editor(user, trace.workspace)
    with transaction.atomic():
        locked = Trace.objects.select_for_update().get(pk=trace.pk)
        uses = uses_of([locked], trace.workspace)[locked.pk]
        if titles := uses.going_by_it:
            raise InvalidInput([Problem("trace", f"is used by {listed(titles)}; remove the recording there first")])
        if titles := uses.resting_on_it:
            reason = f"has been simulated in {listed(titles)}; it can be deleted when no simulation uses it"
            raise InvalidInput([Problem("trace", reason)])
        locked.delete()

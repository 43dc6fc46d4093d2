"""What happens to a decision as a whole: its title, its status, its end."""

from django.db import transaction

from advisor.decisions.models import Decision, Run, Status
from advisor.decisions.names import clean_name
from advisor.decisions.services.cancel_run import cancel_all
from advisor.teams.access import require_editor
from advisor.teams.models import User
from simulator.schema import InvalidInput, Problem


def rename_decision(decision: Decision, user: User, title: str) -> None:
    """Gives it another title.

    Raises:
        PermissionDenied: unless the user may edit in its workspace.
        InvalidInput: if the title is empty or too long.
    """
    require_editor(user, decision.workspace)
    decision.title = clean_name(title, "title")
    decision.save(update_fields=["title", "updated_at"])


def change_status(decision: Decision, user: User, status: str) -> None:
    """Marks it as a draft, proposed, accepted or superseded; any may follow any, for people change their minds.

    Raises:
        PermissionDenied: unless the user may edit in its workspace.
        InvalidInput: if there is no such status.
    """
    require_editor(user, decision.workspace)
    if status not in Status.values:
        raise InvalidInput([Problem("status", f"should be one of {', '.join(Status.values)}")])
    decision.status = status
    decision.save(update_fields=["status", "updated_at"])


def delete_decision(decision: Decision, user: User) -> None:
    """Deletes it for good, with its revisions and runs; runs that are under way are cancelled. Uploaded traces stay.

    A demo is no different. An accepted decision is refused: it is on record, so change its status first.

    Raises:
        PermissionDenied: unless the user may edit in its workspace.
        InvalidInput: if it is accepted.
    """
    require_editor(user, decision.workspace)
    with transaction.atomic():
        locked = Decision.objects.select_for_update().get(pk=decision.pk)
        if locked.status == Status.ACCEPTED:
            raise InvalidInput([Problem("status", "an accepted decision is on record; mark it superseded first")])
        cancel_all(Run.objects.filter(revision__decision=locked))
        locked.delete()

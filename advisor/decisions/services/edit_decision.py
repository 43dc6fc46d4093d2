"""What happens to a decision as a whole: its title, its status, its end."""

from django.db import transaction

from advisor.decisions.models import Decision, Run, Status, StatusChange
from advisor.decisions.names import clean_name
from advisor.decisions.services.cancel_run import cancel_all
from advisor.decisions.services.freeze_revision import freeze_revision
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

    Who changed it and when is on record. What is accepted is frozen: a later change of answers opens a new revision.

    Raises:
        PermissionDenied: unless the user may edit in its workspace.
        InvalidInput: if there is no such status.
    """
    require_editor(user, decision.workspace)
    if status not in Status.values:
        raise InvalidInput([Problem("status", f"should be one of {', '.join(Status.values)}")])
    with transaction.atomic():
        locked = Decision.objects.select_for_update().get(pk=decision.pk)
        if locked.status != status:
            latest = locked.latest()
            StatusChange.objects.create(
                decision=locked, revision=latest, before=locked.status, after=status, changed_by=user
            )
            if status == Status.ACCEPTED:
                freeze_revision(latest)
        locked.status = status
        locked.save(update_fields=["status", "updated_at"])
    decision.status, decision.updated_at = locked.status, locked.updated_at


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

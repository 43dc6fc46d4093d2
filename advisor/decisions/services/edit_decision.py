"""What happens to a decision as a whole: its title, its status, its end."""

from django.db import transaction
from django.db.models import Q, QuerySet

from advisor.decisions.errors import StaleStatus
from advisor.decisions.models import Decision, Revision, Run, Status, StatusChange
from advisor.decisions.services.cancel_run import cancel_all
from advisor.decisions.services.freeze_revision import freeze_revision
from advisor.reports.document.record import STATUS_WORDS
from advisor.teams.access import require_editor
from advisor.teams.models import User
from core.errors import InvalidInput, Problem


def change_status(
    decision: Decision,
    user: User,
    status: str,
    *,
    number: int | None = None,
    seen_status: str | None = None,
    seen_version: int | None = None,
) -> None:
    """Sets the status of a revision, the latest one unless `number` says which; any may follow any, for people change their minds.

    Who changed it and when is on record. A revision that is proposed, accepted or superseded is frozen: a later change of answers opens a new
    draft. One revision at most is accepted and one proposed: the one before is superseded, and so is an older proposal once a revision is accepted.

    `seen_status` and `seen_version` (the decision's `draft_version`) are what the page showed, if it was shown on one.

    Raises:
        PermissionDenied: unless the user may edit in its workspace.
        InvalidInput: if there is no such status or revision.
        StaleStatus: if the answers or the status have changed since they were seen.
    """
    require_editor(user, decision.workspace)
    if status not in Status.values:
        raise InvalidInput([Problem("status", f"should be one of {', '.join(Status.values)}")])
    with transaction.atomic():
        locked = Decision.objects.select_for_update().get(pk=decision.pk)
        revision = locked.latest() if number is None else locked.revisions.filter(number=number).first()
        if revision is None:
            raise InvalidInput([Problem("revision", f"there is no revision {number}")])
        if seen_version is not None and seen_version != locked.draft_version:
            raise StaleStatus("The answers were changed elsewhere since this page was shown.")
        if seen_status is not None and seen_status != revision.status:
            now = f"revision {revision.number} {STATUS_WORDS[revision.status]} now"
            raise StaleStatus(f"The status was changed elsewhere since this page was shown: {now}.")
        if revision.status == status:
            return
        if status != Status.DRAFT:
            freeze_revision(revision)
        for other in _replaced_by(revision, status):
            _set_status(other, user, Status.SUPERSEDED)
        _set_status(revision, user, status)
        locked.save(update_fields=["updated_at"])
    decision.updated_at = locked.updated_at


def _replaced_by(revision: Revision, status: str) -> QuerySet[Revision]:
    """The revisions that are superseded when this one gets the status."""
    others = Revision.objects.filter(decision=revision.decision_id).exclude(pk=revision.pk)
    match status:
        case Status.ACCEPTED:
            older_proposals = Q(status=Status.PROPOSED, number__lt=revision.number)
            return others.filter(Q(status=Status.ACCEPTED) | older_proposals)
        case Status.PROPOSED:
            return others.filter(status=Status.PROPOSED)
    return others.none()


def _set_status(revision: Revision, user: User, status: str) -> None:
    StatusChange.objects.create(
        decision_id=revision.decision_id, revision=revision, before=revision.status, after=status, changed_by=user
    )
    Revision.objects.filter(pk=revision.pk).update(status=status)


def delete_decision(decision: Decision, user: User) -> None:
    """Deletes it for good, with its revisions and runs; runs that are under way are cancelled. Uploaded traces stay.

    A demo is no different. One with an accepted revision is refused: it is on record, so change that status first.

    Raises:
        PermissionDenied: unless the user may edit in its workspace.
        InvalidInput: if a revision of it is accepted.
    """
    require_editor(user, decision.workspace)
    with transaction.atomic():
        locked = Decision.objects.select_for_update().get(pk=decision.pk)
        accepted = locked.revisions.filter(status=Status.ACCEPTED).first()
        if accepted is not None:
            reason = f"revision {accepted.number} is accepted and on record; mark it superseded on its own page first"
            raise InvalidInput([Problem("status", reason)])
        cancel_all(Run.objects.filter(revision__decision=locked))
        locked.delete()

"""Somebody wants a run no more."""

from django.utils import timezone

from advisor.decisions.models import ACTIVE, Run, State
from advisor.decisions.models.run import RunQuerySet
from advisor.teams.access import require_editor
from advisor.teams.models import User


def cancel_run(run: Run, user: User) -> bool:
    """Cancels the run at once, queued or running, whether or not its worker and the broker still live.

    False where it had ended before; that end stands. What was done is kept in its progress.

    Raises:
        PermissionDenied: unless the user may edit in the run's workspace.
    """
    require_editor(user, run.workspace)
    return bool(cancel_all(Run.objects.filter(pk=run.pk)))


def cancel_all(runs: RunQuerySet) -> int:
    """Cancels those of the runs that have not ended; how many."""
    return runs.filter(state__in=ACTIVE).update(state=State.CANCELLED, lease_until=None, finished_at=timezone.now())

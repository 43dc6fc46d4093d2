"""Where a run stands in the queue."""

from django.db.models import Q

from advisor.decisions.models import Run, State


def queue_position(run: Run) -> int | None:
    """1 for the run that is next; None for a run that isn't queued."""
    if run.state != State.QUEUED:
        return None
    earlier = Q(created_at__lt=run.created_at) | Q(created_at=run.created_at, id__lt=run.id)
    return Run.objects.filter(earlier, state=State.QUEUED).count() + 1

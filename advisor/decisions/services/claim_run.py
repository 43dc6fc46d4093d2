"""A worker takes a queued run."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F

from advisor.decisions.limits import LEASE
from advisor.decisions.models import Run, State


def claim_run(run_id: UUID, now: datetime, worker: str = "") -> int | None:
    """The attempt that the caller now holds, or None where there is nothing to do: taken, ended or deleted meanwhile.

    Of any number of workers that try, one gets it: the update holds for a queued row only.
    """
    with transaction.atomic():
        claimed = Run.objects.filter(pk=run_id, state=State.QUEUED).update(
            state=State.RUNNING,
            attempt=F("attempt") + 1,
            lease_until=now + LEASE,
            started_at=now,
            worker=worker[:100],
            elapsed_s=0,
            progress_step="Starting",
            progress_fraction=0,
        )
        return Run.objects.values_list("attempt", flat=True).get(pk=run_id) if claimed else None

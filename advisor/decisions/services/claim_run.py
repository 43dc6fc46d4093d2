"""A worker takes a queued run."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, Q

from advisor.decisions.limits import LEASE
from advisor.decisions.models import EngineName, Run, State


def claim_run(run_id: UUID, now: datetime, worker: str = "") -> int | None:
    """The attempt that the caller now holds, or None where there is nothing to do: taken, ended or deleted meanwhile.

    Of any number of workers that try, one gets it: the update holds for a queued row only. One live run at a time has the machine's
    cores to itself: another stays queued, and whoever rings for it rings again.
    """
    with transaction.atomic():
        live = Run.objects.filter(state=State.RUNNING, engine=EngineName.LIVE)
        free = Run.objects.filter(pk=run_id, state=State.QUEUED).exclude(Q(engine=EngineName.LIVE) & Exists(live))
        claimed = free.update(
            state=State.RUNNING,
            attempt=F("attempt") + 1,
            lease_until=now + LEASE,
            started_at=now,
            worker=worker[:100],
            elapsed_s=0,
            so_far_json="",
            progress_step="Starting",
            progress_fraction=0,
        )
        return Run.objects.values_list("attempt", flat=True).get(pk=run_id) if claimed else None

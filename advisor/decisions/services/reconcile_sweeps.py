"""Sets right what dead workers and lost messages have left of the sweeps. Called every few seconds, by one process or several."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import F

from advisor.decisions.limits import LEASE, LOST_LEASES_ALLOWED
from advisor.decisions.models import UNFINISHED, PartState, Sweep, SweepPart, SweepState
from advisor.decisions.services.hold_sweep import end_complete
from advisor.decisions.services.reconcile import WORKER_DIED

DIED_TWICE = "The worker died, or hung, twice on the same part of it. Simulate fewer jobs, or look at the worker's log."


class Waiting(NamedTuple):
    """A part that waits for a worker, and what kind of sweep it is of."""

    part: UUID
    attempt: int
    kind: str


@dataclass(frozen=True)
class ReconciledSweeps:
    """What was set right, and which parts wait for a worker, those of the oldest sweep first."""

    waiting: tuple[Waiting, ...]
    retried: int
    failed: int
    ended: int


def reconcile_sweeps(now: datetime) -> ReconciledSweeps:
    """Queues again a part that lost its worker once, fails the sweep of one that lost it twice, ends a sweep without a part to do."""
    running = SweepPart.objects.filter(state=PartState.RUNNING, sweep__state__in=UNFINISHED)
    # A lease further ahead than a lease is long: the clock was set back.
    running.filter(lease_until__gt=now + 2 * LEASE).update(lease_until=now + LEASE)
    expired = running.filter(lease_until__lt=now)
    lost = list(expired.filter(lost_leases__gte=LOST_LEASES_ALLOWED).values_list("sweep_id", flat=True))
    failed = Sweep.objects.filter(pk__in=lost, state__in=UNFINISHED).update(
        state=SweepState.FAILED, error_text=DIED_TWICE, finished_at=now
    )
    Sweep.objects.filter(pk__in=list(expired.values_list("sweep_id", flat=True))).update(progress_step=WORKER_DIED)
    retried = expired.update(state=PartState.QUEUED, lost_leases=F("lost_leases") + 1, lease_until=None)
    ended = end_complete(now, Sweep.objects.active())
    queued = SweepPart.objects.filter(state=PartState.QUEUED, sweep__state__in=UNFINISHED)
    waiting = queued.order_by("sweep__created_at", "sweep_id", "first").values_list("id", "attempt", "sweep__kind")
    return ReconciledSweeps(tuple(map(Waiting._make, waiting)), retried, failed, ended)

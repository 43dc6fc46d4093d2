"""Sets right what dead workers and lost messages have left of the sweeps. Called every few seconds, by one process or several."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import F

from advisor.decisions.limits import LEASE, LOST_LEASES_ALLOWED
from advisor.decisions.models import UNFINISHED, PartState, Sweep, SweepPart, SweepState
from advisor.decisions.services.hold_sweep import end_complete

DIED_TWICE = "The worker died twice on the same cells. Simulate fewer jobs a cell, or look at the worker's log."


@dataclass(frozen=True)
class ReconciledSweeps:
    """What was set right, and which parts wait for a worker: (part, attempt), those of the oldest sweep first."""

    waiting: tuple[tuple[UUID, int], ...]
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
    retried = expired.update(state=PartState.QUEUED, lost_leases=F("lost_leases") + 1, lease_until=None)
    ended = end_complete(now, Sweep.objects.active())
    queued = SweepPart.objects.filter(state=PartState.QUEUED, sweep__state__in=UNFINISHED)
    waiting = queued.order_by("sweep__created_at", "sweep_id", "first").values_list("id", "attempt")
    return ReconciledSweeps(tuple(waiting), retried, failed, ended)

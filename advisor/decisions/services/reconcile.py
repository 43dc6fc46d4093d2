"""Sets right what dead workers, lost messages and moved clocks have left behind. Called every few seconds, by one process or several."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import F

from advisor.decisions.limits import LEASE, LOST_LEASES_ALLOWED
from advisor.decisions.models import Run, State
from advisor.decisions.services.hold_run import time_out_text

WORKER_DIED = "Worker died, retrying"


@dataclass(frozen=True)
class Reconciled:
    """What was set right, and which runs wait for a worker: (run, attempt), the longest-waiting first."""

    waiting: tuple[tuple[UUID, int], ...]
    timed_out: int
    retried: int
    failed: int


def reconcile(now: datetime, limit_s: float) -> Reconciled:
    """Ends what ran past `limit_s`, queues again what lost its worker once, fails what lost it twice.

    Each step is one conditional update, so it may run at any time beside workers and beside itself.
    """
    running = Run.objects.filter(state=State.RUNNING)
    # A lease further ahead than a lease is long: the clock was set back. It would outlive its worker by that much.
    running.filter(lease_until__gt=now + 2 * LEASE).update(lease_until=now + LEASE)
    timed_out = running.filter(elapsed_s__gt=limit_s).update(
        state=State.TIMED_OUT,
        error_code="timed_out",
        error_text=time_out_text(limit_s),
        lease_until=None,
        finished_at=now,
    )
    expired = running.filter(lease_until__lt=now)
    failed = expired.filter(lost_leases__gte=LOST_LEASES_ALLOWED).update(
        state=State.FAILED,
        lost_leases=F("lost_leases") + 1,
        error_code="worker_died",
        error_text="The worker died twice on this simulation. Simulate fewer jobs, or look at the worker's log.",
        lease_until=None,
        finished_at=now,
    )
    retried = expired.filter(lost_leases__lt=LOST_LEASES_ALLOWED).update(
        state=State.QUEUED,
        lost_leases=F("lost_leases") + 1,
        lease_until=None,
        progress_step=WORKER_DIED,
        progress_fraction=0,
    )
    queued = Run.objects.filter(state=State.QUEUED).order_by("created_at", "id")
    return Reconciled(tuple(queued.values_list("id", "attempt")), timed_out, retried, failed)

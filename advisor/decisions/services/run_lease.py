"""What workers and the reconciler write about a run. A worker's write takes effect only while the run still runs its attempt."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, Q

from advisor.decisions.limits import ERROR_LENGTH, LEASE, LOST_LEASES_ALLOWED
from advisor.decisions.models import EngineName, Run, State
from advisor.decisions.models.run import RunProgress, RunQuerySet
from advisor.decisions.names import clean_sentence
from simulator.result import Result, SoFar

WORKER_DIED = "Worker died, retrying"


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


def extend_lease(run_id: UUID, attempt: int, now: datetime, elapsed_s: float) -> bool:
    """The worker is alive, and has been at it for `elapsed_s` by its own clock."""
    return bool(_held(run_id, attempt).update(lease_until=now + LEASE, elapsed_s=elapsed_s))


def record_progress(run_id: UUID, attempt: int, now: datetime, progress: RunProgress, elapsed_s: float) -> bool:
    """What is being done, and how much is."""
    fraction = min(1.0, max(0.0, progress.fraction))
    return bool(
        _held(run_id, attempt).update(
            lease_until=now + LEASE,
            elapsed_s=elapsed_s,
            progress_step=progress.step[:120],
            progress_fraction=fraction,
        )
    )


def finish_run(run_id: UUID, attempt: int, now: datetime, result: Result) -> bool:
    """It succeeded, with this result."""
    return bool(
        _held(run_id, attempt).update(
            state=State.SUCCEEDED,
            result_json=result.model_dump_json(by_alias=True),
            so_far_json="",
            progress_step="Done",
            progress_fraction=1,
            lease_until=None,
            finished_at=now,
        )
    )


def record_so_far(run_id: UUID, attempt: int, so_far: SoFar) -> bool:
    """What a live run has measured."""
    return bool(_held(run_id, attempt).update(so_far_json=so_far.model_dump_json(by_alias=True)))


def fail_run(run_id: UUID, attempt: int, now: datetime, code: str, text: str) -> bool:
    """It failed, for this reason: a code for programs and a sentence for people."""
    return _end_with_error(run_id, attempt, now, State.FAILED, code, text)


def time_out_run(run_id: UUID, attempt: int, now: datetime, limit_s: float) -> bool:
    """It ran longer than `limit_s`."""
    return _end_with_error(run_id, attempt, now, State.TIMED_OUT, "timed_out", time_out_text(limit_s))


def release_run(run_id: UUID, attempt: int, now: datetime) -> bool:
    """The worker is being stopped: the run goes back into the queue, and nobody counts it as a death."""
    return bool(
        _held(run_id, attempt).update(
            state=State.QUEUED,
            lease_until=None,
            progress_step="Worker stopped, starting again",
            progress_fraction=0,
        )
    )


def time_out_text(limit_s: float) -> str:
    """The sentence for a run that was stopped at its time limit."""
    return f"The simulation was stopped at its limit of {limit_s:g} s. Simulate fewer jobs or replications."


def _held(run_id: UUID, attempt: int) -> RunQuerySet:
    return Run.objects.filter(pk=run_id, state=State.RUNNING, attempt=attempt)


def _end_with_error(run_id: UUID, attempt: int, now: datetime, state: State, code: str, text: str) -> bool:
    sentence = clean_sentence(text, ERROR_LENGTH) or code
    return bool(
        _held(run_id, attempt).update(
            state=state, error_code=code, error_text=sentence, lease_until=None, finished_at=now
        )
    )


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

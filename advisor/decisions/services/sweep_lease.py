"""What workers and the reconciler write about the parts of a sweep."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from advisor.decisions.limits import ERROR_LENGTH, LEASE, LOST_LEASES_ALLOWED
from advisor.decisions.models import UNFINISHED, PartState, Sweep, SweepKind, SweepPart, SweepState
from advisor.decisions.names import clean_sentence
from advisor.decisions.services.run_lease import WORKER_DIED
from advisor.teams.access import require_editor
from advisor.teams.models import User

DIED_TWICE = "The worker died, or hung, twice on the same part of it. Simulate fewer jobs, or look at the worker's log."


def claim_part(part_id: UUID, now: datetime, worker: str = "") -> int | None:
    """The attempt that the caller now holds, or None where there is nothing to do: taken, done, deleted, or its sweep ended."""
    with transaction.atomic():
        free = SweepPart.objects.filter(pk=part_id, state=PartState.QUEUED, sweep__state__in=UNFINISHED)
        claimed = free.update(
            state=PartState.RUNNING, attempt=F("attempt") + 1, lease_until=now + LEASE, worker=worker[:100]
        )
        if not claimed:
            return None
        sweep_id, attempt = SweepPart.objects.values_list("sweep_id", "attempt").get(pk=part_id)
        Sweep.objects.filter(pk=sweep_id, state=SweepState.QUEUED).update(state=SweepState.RUNNING, started_at=now)
        return int(attempt)


def hold_part(part_id: UUID, attempt: int, now: datetime) -> bool:
    """Extends the lease; False where the caller has no more business with the part."""
    return bool(_held(part_id, attempt).update(lease_until=now + LEASE))


def record_search(part_id: UUID, attempt: int, step: str, fraction: float) -> bool:
    """What a search is trying."""
    held = _held(part_id, attempt).values("sweep_id")
    share = min(1.0, max(0.0, fraction))
    return bool(Sweep.objects.filter(pk__in=held).update(progress_step=step[:120], progress_fraction=share))


def finish_part(part_id: UUID, attempt: int, now: datetime, cells_json: str) -> bool:
    """It is done, with these cells; the last part ends the sweep. False where the cells are wanted no more."""
    if not _held(part_id, attempt).update(state=PartState.DONE, cells_json=cells_json, lease_until=None):
        return False
    Sweep.objects.filter(parts=part_id, kind=SweepKind.MAP).exclude(progress_step="").update(progress_step="")
    end_complete(now, Sweep.objects.filter(parts=part_id))
    return True


def release_part(part_id: UUID, attempt: int) -> bool:
    """The worker is being stopped: the part goes back into the queue, and nobody counts it as a death."""
    return bool(_held(part_id, attempt).update(state=PartState.QUEUED, lease_until=None))


def fail_sweep(part_id: UUID, attempt: int, now: datetime, text: str) -> bool:
    """A cell could not be simulated, for this reason: the whole map ends, the cells that were done are kept."""
    held = _held(part_id, attempt).values("sweep_id")
    sentence = clean_sentence(text, ERROR_LENGTH) or "A cell could not be simulated."
    return bool(Sweep.objects.filter(pk__in=held).update(state=SweepState.FAILED, error_text=sentence, finished_at=now))


def cancel_sweep(sweep: Sweep, user: User) -> bool:
    """Cancels it at once, whatever its workers do; the parts that are done are kept. False where it had ended before.

    Raises:
        PermissionDenied: unless the user may edit in the sweep's workspace.
    """
    require_editor(user, sweep.workspace)
    wanted = Sweep.objects.filter(pk=sweep.pk, state__in=UNFINISHED)
    return bool(wanted.update(state=SweepState.CANCELLED, finished_at=timezone.now()))


def end_complete(now: datetime, sweeps: "QuerySet[Sweep]") -> int:
    """Ends those of the sweeps that have no part left to do; how many."""
    left = SweepPart.objects.exclude(state=PartState.DONE).values("sweep_id")
    complete = sweeps.filter(state__in=UNFINISHED).exclude(pk__in=left).values("pk")
    return Sweep.objects.filter(pk__in=list(complete.values_list("pk", flat=True)), state__in=UNFINISHED).update(
        state=SweepState.SUCCEEDED, finished_at=now
    )


def _held(part_id: UUID, attempt: int) -> "QuerySet[SweepPart]":
    return SweepPart.objects.filter(pk=part_id, state=PartState.RUNNING, attempt=attempt, sweep__state__in=UNFINISHED)


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

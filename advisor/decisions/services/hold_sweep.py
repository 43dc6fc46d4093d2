"""The life of a sweep and its parts. Every write of a worker holds only while its part still runs its attempt and the sweep is wanted."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from advisor.decisions.limits import ERROR_LENGTH, LEASE
from advisor.decisions.models import UNFINISHED, PartState, Sweep, SweepKind, SweepPart, SweepState
from advisor.decisions.names import clean_sentence
from advisor.teams.access import require_editor
from advisor.teams.models import User


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

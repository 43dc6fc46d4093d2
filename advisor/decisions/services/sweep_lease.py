from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from advisor.decisions.limits import ERROR_LENGTH, LOST_LEASES_ALLOWED
from advisor.decisions.models import UNFINISHED, PartState, Sweep, SweepKind, SweepPart, SweepState
from advisor.decisions.names import clean_sentence
from advisor.decisions.services.leases import (
    WORKER_DIED,
    Reconciled,
    WaitingTask,
    claim_task,
    correct_leases,
    end_lease,
    expired_leases,
    queue_again,
    release_task,
    renew_lease,
)
from advisor.teams.access import require_editor
from advisor.teams.models import User

DIED_TWICE = "The worker died, or hung, twice on the same part of it. Simulate fewer jobs, or look at the worker's log."


def claim_part(part_id: UUID, now: datetime, worker: str = "") -> int | None:
    """As `claim_task`. The first claim starts the sweep."""
    with transaction.atomic():
        attempt = claim_task(SweepPart.objects.all(), part_id, now, worker)
        if attempt is not None:
            waiting = Sweep.objects.filter(parts=part_id, state=SweepState.QUEUED)
            waiting.update(state=SweepState.RUNNING, started_at=now)
        return attempt


def extend_part_lease(part_id: UUID, attempt: int, now: datetime) -> bool:
    return renew_lease(SweepPart.objects.all(), part_id, attempt, now)


def record_search(part_id: UUID, attempt: int, step: str, fraction: float) -> bool:
    share = min(1.0, max(0.0, fraction))
    return _update_sweep(part_id, attempt, progress_step=step[:120], progress_fraction=share)


def finish_part(part_id: UUID, attempt: int, now: datetime, cells_json: str) -> bool:
    """The last part ends the sweep."""
    if not end_lease(SweepPart.objects.all(), part_id, attempt, PartState.DONE, cells_json=cells_json):
        return False
    Sweep.objects.filter(parts=part_id, kind=SweepKind.MAP).exclude(progress_step="").update(progress_step="")
    end_complete(now, Sweep.objects.filter(parts=part_id))
    return True


def release_part(part_id: UUID, attempt: int) -> bool:
    return release_task(SweepPart.objects.all(), part_id, attempt)


def fail_sweep(part_id: UUID, attempt: int, now: datetime, text: str) -> bool:
    """A cell could not be simulated: the whole sweep ends. The cells that were done are kept."""
    sentence = clean_sentence(text, ERROR_LENGTH) or "A cell could not be simulated."
    return _update_sweep(part_id, attempt, state=SweepState.FAILED, error_text=sentence, finished_at=now)


def cancel_sweep(sweep: Sweep, user: User) -> bool:
    """Cancel it at once, whatever its workers do. The parts that are done are kept. False if it had ended before.

    Raises PermissionDenied unless the user may edit in the sweep's workspace.
    """
    require_editor(user, sweep.workspace)
    unfinished = Sweep.objects.filter(pk=sweep.pk, state__in=UNFINISHED)
    return bool(unfinished.update(state=SweepState.CANCELLED, finished_at=timezone.now()))


def end_complete(now: datetime, sweeps: "QuerySet[Sweep]") -> int:
    left = SweepPart.objects.exclude(state=PartState.DONE).values("sweep_id")
    complete = sweeps.filter(state__in=UNFINISHED).exclude(pk__in=left).values("pk")
    return Sweep.objects.filter(pk__in=list(complete.values_list("pk", flat=True)), state__in=UNFINISHED).update(
        state=SweepState.SUCCEEDED, finished_at=now
    )


def _update_sweep(part_id: UUID, attempt: int, **fields: object) -> bool:
    return bool(
        Sweep.objects.filter(pk__in=SweepPart.objects.held(part_id, attempt).values("sweep_id")).update(**fields)
    )


def reconcile_sweeps(now: datetime) -> Reconciled:
    """Queue again a part that lost its worker once, fail its sweep at the second time, end a sweep without a part left.

    Several processes may do this at once, at any time.
    """
    parts = SweepPart.objects.all()
    correct_leases(parts, now)
    expired = expired_leases(parts, now)
    lost = list(expired.filter(lost_leases__gte=LOST_LEASES_ALLOWED).values_list("sweep_id", flat=True))
    failed = Sweep.objects.filter(pk__in=lost, state__in=UNFINISHED).update(
        state=SweepState.FAILED, error_text=DIED_TWICE, finished_at=now
    )
    Sweep.objects.filter(pk__in=list(expired.values_list("sweep_id", flat=True))).update(progress_step=WORKER_DIED)
    retried = queue_again(expired)
    ended = end_complete(now, Sweep.objects.active())
    queued = parts.queued().order_by("sweep__created_at", "sweep_id", "first")
    waiting = queued.values_list("id", "attempt", "sweep__kind")
    return Reconciled(tuple(map(WaitingTask._make, waiting)), retried, failed, ended)

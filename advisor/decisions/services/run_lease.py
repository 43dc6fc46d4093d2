from datetime import datetime
from uuid import UUID

from django.db.models import Exists, F, Q

from advisor.decisions.limits import ERROR_LENGTH, LOST_LEASES_ALLOWED
from advisor.decisions.models import EngineName, Run, State
from advisor.decisions.models.run import RunProgress
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
from simulator.result import Result, SoFar

RUN = "run"


def claim_run(run_id: UUID, now: datetime, worker: str = "") -> int | None:
    """As `claim_task`. A live run needs the machine's cores for itself: while one runs, another stays queued."""
    live = Run.objects.filter(state=State.RUNNING, engine=EngineName.LIVE)
    return claim_task(
        Run.objects.all(),
        run_id,
        now,
        worker,
        only_if=~Q(engine=EngineName.LIVE) | Q(~Exists(live)),
        started_at=now,
        elapsed_s=0,
        so_far_json="",
        progress_step="Starting",
        progress_fraction=0,
    )


def extend_lease(run_id: UUID, attempt: int, now: datetime, elapsed_s: float) -> bool:
    """`elapsed_s` is by the worker's own monotonic clock."""
    return renew_lease(Run.objects.all(), run_id, attempt, now, elapsed_s=elapsed_s)


def record_progress(run_id: UUID, attempt: int, now: datetime, progress: RunProgress, elapsed_s: float) -> bool:
    return renew_lease(
        Run.objects.all(),
        run_id,
        attempt,
        now,
        elapsed_s=elapsed_s,
        progress_step=progress.step[:120],
        progress_fraction=min(1.0, max(0.0, progress.fraction)),
    )


def record_so_far(run_id: UUID, attempt: int, so_far: SoFar) -> bool:
    return bool(Run.objects.held(run_id, attempt).update(so_far_json=so_far.model_dump_json(by_alias=True)))


def finish_run(run_id: UUID, attempt: int, now: datetime, result: Result) -> bool:
    return end_lease(
        Run.objects.all(),
        run_id,
        attempt,
        State.SUCCEEDED,
        result_json=result.model_dump_json(by_alias=True),
        so_far_json="",
        progress_step="Done",
        progress_fraction=1,
        finished_at=now,
    )


def fail_run(run_id: UUID, attempt: int, now: datetime, code: str, text: str) -> bool:
    """`code` is for programs, `text` a sentence for people."""
    return _end_with_error(run_id, attempt, now, State.FAILED, code, text)


def time_out_run(run_id: UUID, attempt: int, now: datetime, limit_s: float) -> bool:
    return _end_with_error(run_id, attempt, now, State.TIMED_OUT, "timed_out", time_out_text(limit_s))


def release_run(run_id: UUID, attempt: int) -> bool:
    step = "Worker stopped, starting again"
    return release_task(Run.objects.all(), run_id, attempt, progress_step=step, progress_fraction=0)


def time_out_text(limit_s: float) -> str:
    return f"The simulation was stopped at its limit of {limit_s:g} s. Simulate fewer jobs or replications."


def _end_with_error(run_id: UUID, attempt: int, now: datetime, state: State, code: str, text: str) -> bool:
    sentence = clean_sentence(text, ERROR_LENGTH) or code
    return end_lease(Run.objects.all(), run_id, attempt, state, error_code=code, error_text=sentence, finished_at=now)


def reconcile_runs(now: datetime, limit_s: float) -> Reconciled:
    """End what ran past `limit_s`, queue again what lost its worker once, fail what lost it twice.

    Each step is one conditional update, so several processes may do this at once, at any time.
    """
    correct_leases(Run.objects.all(), now)
    timed_out = (
        Run.objects.running()
        .filter(elapsed_s__gt=limit_s)
        .update(
            state=State.TIMED_OUT,
            error_code="timed_out",
            error_text=time_out_text(limit_s),
            lease_until=None,
            finished_at=now,
        )
    )
    expired = expired_leases(Run.objects.all(), now)
    failed = expired.filter(lost_leases__gte=LOST_LEASES_ALLOWED).update(
        state=State.FAILED,
        lost_leases=F("lost_leases") + 1,
        error_code="worker_died",
        error_text="The worker died twice on this simulation. Simulate fewer jobs, or look at the worker's log.",
        lease_until=None,
        finished_at=now,
    )
    retried = queue_again(
        expired.filter(lost_leases__lt=LOST_LEASES_ALLOWED), progress_step=WORKER_DIED, progress_fraction=0
    )
    queued = Run.objects.queued().order_by("created_at", "id").values_list("id", "attempt")
    return Reconciled(tuple(WaitingTask(*row, RUN) for row in queued), retried, failed, timed_out)

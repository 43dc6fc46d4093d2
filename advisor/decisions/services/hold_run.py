"""What the worker that holds a run writes. Each write holds only while the run still runs that worker's attempt.

Each returns whether it did: False means that the run was cancelled, ended, deleted or given to another worker, and that
the caller has no more business with it.
"""

from datetime import datetime
from uuid import UUID

from advisor.decisions.limits import ERROR_LENGTH, LEASE
from advisor.decisions.models import Run, State
from advisor.decisions.models.run import RunProgress, RunQuerySet
from advisor.decisions.names import clean_sentence
from simulator.result import Result, SoFar


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

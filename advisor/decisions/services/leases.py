"""What workers and the reconciler write about leased tasks: about a run, and about a part of a sweep with its sweep."""

import socket
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Generic, NamedTuple, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, Q, QuerySet

from advisor.decisions.cleaning import clean_sentence
from advisor.decisions.limits import ERROR_LENGTH, LOOK_EVERY_S, LOST_LEASES_ALLOWED, PROGRESS_EVERY_S, SO_FAR_EVERY_S
from advisor.decisions.models import (
    TERMINAL,
    UNFINISHED,
    EngineName,
    PartState,
    Run,
    SharedReplication,
    State,
    Sweep,
    SweepKind,
    SweepPart,
    SweepState,
)
from advisor.decisions.models.leased_task import QUEUED
from advisor.decisions.models.run import RunQuerySet
from advisor.decisions.models.sweep import SweepPartQuerySet
from advisor.decisions.services.sweeps import add_refining_parts
from simulator.replications import Progress
from simulator.result import Result, SoFar

RUN_KIND, BULK_KIND = "run", "bulk run"
DIED = "died or hung"
RETRYING = ", retrying"
_KILLED = "SIGKILL"
_MEMORY_HINT = " A system ends processes in this way if memory runs out."

Outcome = TypeVar("Outcome")


class WaitingTask(NamedTuple):
    """A queued task. `kind` is that of its sweep, or of a run."""

    id: UUID
    attempt: int
    kind: str


@dataclass(frozen=True)
class Reconciled:
    """What was corrected, and which tasks wait for a worker, in the order in which they should start."""

    waiting: tuple[WaitingTask, ...]
    retried: int
    failed: int
    ended: int


def worker_name(pid: int) -> str:
    return f"{this_host()}:{pid}"


def this_host() -> str:
    return socket.gethostname()


@dataclass
class Lease(Generic[Outcome]):
    """One worker's attempt at a task.

    Each write returns whether it had an effect. False: the task was cancelled, ended, deleted or claimed by another
    worker, and this worker has to stop. `elapsed_s` is by the worker's own monotonic clock.
    """

    task_id: UUID
    attempt: int

    renews_in_background: ClassVar[bool]
    report_every_s: ClassVar[float]
    """Progress is written, and a cancellation noticed, at most this often."""
    defect: ClassVar[str]
    """How the sentence on an unexpected error begins."""
    out_of_memory: ClassVar[str]

    def renew(self, now: datetime, elapsed_s: float) -> bool:
        raise NotImplementedError

    def record(self, now: datetime, elapsed_s: float, progress: Progress) -> bool:
        """Write the progress and renew the lease."""
        raise NotImplementedError

    def finish(self, now: datetime, outcome: Outcome) -> bool:
        raise NotImplementedError

    def fail(self, now: datetime, code: str, text: str) -> bool:
        """`code` is for programs, `text` a sentence for people."""
        raise NotImplementedError

    def time_out(self, now: datetime, limit_s: float) -> bool:
        raise NotImplementedError

    def release(self) -> bool:
        """Queue the task again because its worker is being stopped. This does not count as a lost lease."""
        raise NotImplementedError


class RunLease(Lease[Result]):
    renews_in_background = True
    report_every_s = PROGRESS_EVERY_S
    defect = "The simulation stopped"
    out_of_memory = "The simulation needs more memory than there is."

    _so_far_written_s = -SO_FAR_EVERY_S

    def renew(self, now: datetime, elapsed_s: float, **fields: object) -> bool:
        return Run.objects.renew_lease(self.task_id, self.attempt, now, elapsed_s=elapsed_s, **fields)

    def record(self, now: datetime, elapsed_s: float, progress: Progress) -> bool:
        fields: dict[str, object] = {"progress_step": progress.step[:120], "progress_fraction": _share(progress)}
        if progress.so_far is not None and elapsed_s - self._so_far_written_s >= SO_FAR_EVERY_S:
            self._so_far_written_s = elapsed_s
            fields["so_far_json"] = progress.so_far.model_dump_json(by_alias=True)
        return self.renew(now, elapsed_s, **fields)

    def record_so_far(self, so_far: SoFar) -> bool:
        held = Run.objects.held(self.task_id, self.attempt)
        return bool(held.update(so_far_json=so_far.model_dump_json(by_alias=True)))

    def record_scenario(self, scenario_json: str) -> bool:
        return bool(Run.objects.held(self.task_id, self.attempt).update(scenario_json=scenario_json, awaits_plan=False))

    def finish(self, now: datetime, outcome: Result) -> bool:
        return self._end(
            State.SUCCEEDED,
            result_json=outcome.model_dump_json(by_alias=True),
            so_far_json="",
            progress_step="Done",
            progress_fraction=1,
            finished_at=now,
        )

    def fail(self, now: datetime, code: str, text: str) -> bool:
        sentence = clean_sentence(text, ERROR_LENGTH) or code
        return self._end(State.FAILED, error_code=code, error_text=sentence, finished_at=now)

    def time_out(self, now: datetime, limit_s: float) -> bool:
        return self._end(State.TIMED_OUT, **_time_out_fields(now, limit_s))

    def release(self) -> bool:
        return self._end(State.QUEUED, progress_step="Worker stopped, starting again", progress_fraction=0)

    def _end(self, state: State, **fields: object) -> bool:
        return Run.objects.end_lease(self.task_id, self.attempt, state, **fields)


def claim_run(run_id: UUID, now: datetime, worker: str = "") -> int | None:
    """Return the attempt. A live run needs the machine's cores for itself: while one runs, another stays queued."""
    live = Run.objects.filter(state=State.RUNNING, engine=EngineName.LIVE)
    return Run.objects.claim(
        run_id,
        now,
        worker,
        ~Q(engine=EngineName.LIVE) | Q(~Exists(live)),
        started_at=now,
        elapsed_s=0,
        so_far_json="",
        progress_step="Starting",
        progress_fraction=0,
    )


def reconcile_runs(now: datetime, limit_s: float) -> Reconciled:
    """End what ran past `limit_s`, queue again what lost its worker once, fail what lost it twice."""
    Run.objects.shorten_leases(now)
    overdue = Run.objects.running().filter(elapsed_s__gt=limit_s)
    timed_out = overdue.update(state=State.TIMED_OUT, lease_until=None, **_time_out_fields(now, limit_s))
    retried, failed = _take_runs_back(Run.objects.expired(now), now, DIED)
    _reconcile_replications(now)
    queued = Run.objects.queued().order_by("created_at", "id").values_list("id", "attempt", "is_bulk")
    waiting = (WaitingTask(run, attempt, BULK_KIND if is_bulk else RUN_KIND) for run, attempt, is_bulk in queued)
    return Reconciled(tuple(waiting), retried, failed, timed_out)


def _take_runs_back(lost: RunQuerySet, now: datetime, how: str) -> tuple[int, int]:
    """`how` its worker ended, after "The worker". Return how many are retried and how many have failed."""
    failed = lost.filter(lost_leases__gte=LOST_LEASES_ALLOWED).update(
        state=State.FAILED,
        lost_leases=F("lost_leases") + 1,
        error_code="worker_died",
        error_text=_died_twice(how, "this simulation"),
        lease_until=None,
        finished_at=now,
    )
    retried = lost.filter(lost_leases__lt=LOST_LEASES_ALLOWED).queue_again(
        progress_step=f"Worker {how}{RETRYING}", progress_fraction=0
    )
    return retried, failed


def _died_twice(how: str, what: str) -> str:
    hint = _MEMORY_HINT if _KILLED in how else ""
    return f"The worker {how} twice on {what}.{hint} Simulate fewer jobs, or look at the worker's log."


def take_back(worker: str, how: str, now: datetime) -> Reconciled:
    """Take back what a worker held that has ended. `how`: after "The worker", such as "was killed by signal 9 (SIGKILL)"."""
    runs = _take_runs_back(Run.objects.running().filter(worker=worker), now, how)
    parts = _take_parts_back(SweepPart.objects.running().filter(worker=worker), now, how)
    SharedReplication.objects.running().filter(worker=worker).queue_again()
    retried, failed = (sum(counts) for counts in zip(runs, parts, strict=True))
    return Reconciled((), retried, failed, 0)


def grant_all_again(now: datetime) -> int:
    return sum(model.objects.grant_again(now) for model in (Run, SweepPart, SharedReplication))


def _reconcile_replications(now: datetime) -> None:
    SharedReplication.objects.shorten_leases(now)
    SharedReplication.objects.expired(now).queue_again()
    SharedReplication.objects.filter(run__state__in=TERMINAL).delete()


def _time_out_fields(now: datetime, limit_s: float) -> dict[str, object]:
    text = f"The simulation was stopped at its limit of {limit_s:g} s. Simulate fewer jobs or replications."
    return {"error_code": "timed_out", "error_text": text, "finished_at": now}


def _share(progress: Progress) -> float:
    return min(1.0, max(0.0, progress.fraction))


@dataclass
class PartLease(Lease[str]):
    """Its outcome is JSON. Only progress renews the lease, so that a part that hangs is soon claimed by another worker."""

    is_search: bool = False

    renews_in_background = False
    report_every_s = LOOK_EVERY_S
    defect = "A cell could not be simulated"
    out_of_memory = "A cell needs more memory than there is; simulate fewer jobs a cell."

    def renew(self, now: datetime, elapsed_s: float) -> bool:
        return SweepPart.objects.renew_lease(self.task_id, self.attempt, now)

    def record(self, now: datetime, elapsed_s: float, progress: Progress) -> bool:
        held = self.renew(now, elapsed_s)
        if held and self.is_search:
            return self._update_sweep(progress_step=progress.step[:120], progress_fraction=_share(progress))
        return held

    def finish(self, now: datetime, outcome: str) -> bool:
        """The last part ends the sweep."""
        done = {"cells_json": outcome, "finished_at": now}
        if not SweepPart.objects.end_lease(self.task_id, self.attempt, PartState.DONE, **done):
            return False
        sweep = Sweep.objects.filter(parts=self.task_id)
        sweep.filter(kind=SweepKind.MAP).exclude(progress_step="").update(progress_step="")
        end_complete(now, sweep)
        return True

    def fail(self, now: datetime, code: str, text: str) -> bool:
        """End the whole sweep. The cells that were done are kept."""
        sentence = clean_sentence(text, ERROR_LENGTH) or "A cell could not be simulated."
        return self._update_sweep(state=SweepState.FAILED, error_text=sentence, finished_at=now)

    def time_out(self, now: datetime, limit_s: float) -> bool:
        what = "The search was" if self.is_search else "Some cells were"
        reason = f"{what} not done within the limit of {limit_s:g} s. Simulate fewer jobs, or shorter work."
        return self.fail(now, "timed_out", reason)

    def release(self) -> bool:
        return SweepPart.objects.end_lease(self.task_id, self.attempt, QUEUED)

    def _update_sweep(self, **fields: object) -> bool:
        held = SweepPart.objects.held(self.task_id, self.attempt)
        return bool(Sweep.objects.filter(pk__in=held.values("sweep_id")).update(**fields))


class ReplicationLease(Lease[bytes]):
    """Its outcome is what `stored_tallies` makes. Whatever ends it otherwise, the run's own worker simulates the replication."""

    renews_in_background = False
    report_every_s = LOOK_EVERY_S
    defect = "A replication could not be simulated"
    out_of_memory = "A replication needs more memory than there is."

    def renew(self, now: datetime, elapsed_s: float) -> bool:
        return SharedReplication.objects.renew_lease(self.task_id, self.attempt, now)

    def record(self, now: datetime, elapsed_s: float, progress: Progress) -> bool:
        return self.renew(now, elapsed_s)

    def finish(self, now: datetime, outcome: bytes) -> bool:
        return SharedReplication.objects.end_lease(self.task_id, self.attempt, PartState.DONE, tallies_npz=outcome)

    def fail(self, now: datetime, code: str, text: str) -> bool:
        return self.release()

    def time_out(self, now: datetime, limit_s: float) -> bool:
        return self.release()

    def release(self) -> bool:
        return SharedReplication.objects.end_lease(self.task_id, self.attempt, QUEUED)


def claim_replication(replication_id: UUID, now: datetime, worker: str = "") -> int | None:
    """Return the attempt; None also if it is the run's own worker that may simulate it."""
    if not SharedReplication.objects.for_others(this_host()).filter(pk=replication_id).exists():
        return None
    return SharedReplication.objects.claim(replication_id, now, worker, Q(attempt=0))


def claim_part(part_id: UUID, now: datetime, worker: str = "") -> int | None:
    """Return the attempt. The first claim starts the sweep."""
    with transaction.atomic():
        attempt = SweepPart.objects.claim(part_id, now, worker)
        if attempt is not None:
            queued = Sweep.objects.filter(parts=part_id, state=SweepState.QUEUED)
            queued.update(state=SweepState.RUNNING, started_at=now)
        return attempt


def end_complete(now: datetime, sweeps: "QuerySet[Sweep]") -> int:
    """A map whose coarse grid is done is refined first."""
    left = SweepPart.objects.exclude(state=PartState.DONE).values("sweep_id")
    complete = list(sweeps.filter(state__in=UNFINISHED).exclude(pk__in=left).select_related("revision"))
    for sweep in complete:
        add_refining_parts(sweep)
    ended = Sweep.objects.filter(pk__in=[sweep.pk for sweep in complete], state__in=UNFINISHED).exclude(pk__in=left)
    return ended.update(state=SweepState.SUCCEEDED, finished_at=now)


def _take_parts_back(lost: SweepPartQuerySet, now: datetime, how: str) -> tuple[int, int]:
    """As `_take_runs_back`; a part that is lost for the second time fails its sweep."""
    twice = list(lost.filter(lost_leases__gte=LOST_LEASES_ALLOWED).values_list("sweep_id", flat=True))
    failed = Sweep.objects.filter(pk__in=twice, state__in=UNFINISHED).update(
        state=SweepState.FAILED, error_text=_died_twice(how, "the same part of it"), finished_at=now
    )
    sweeps = list(lost.values_list("sweep_id", flat=True))
    Sweep.objects.filter(pk__in=sweeps).update(progress_step=f"Worker {how}{RETRYING}")
    return lost.queue_again(), failed


def reconcile_sweeps(now: datetime) -> Reconciled:
    """Queue again a part that lost its worker once, fail its sweep at the second time, end a sweep without a part left."""
    SweepPart.objects.shorten_leases(now)
    retried, failed = _take_parts_back(SweepPart.objects.expired(now), now, DIED)
    ended = end_complete(now, Sweep.objects.active())
    queued = SweepPart.objects.queued().order_by("sweep__created_at", "sweep_id", "first")
    waiting = queued.values_list("id", "attempt", "sweep__kind")
    return Reconciled(tuple(map(WaitingTask._make, waiting)), retried, failed, ended)

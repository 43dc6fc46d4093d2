"""Starting and reconciling tasks: the rows first, then the queue."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from django.conf import settings

from advisor.decisions.external_endpoint import OUTSIDE, SAMPLE
from advisor.decisions.jobs.counters import count_lost_leases
from advisor.decisions.jobs.queue_notifier import (
    BULK,
    LOOKS,
    MAPS,
    RUNS,
    SEARCHES,
    QueueNotifier,
    job_id,
    notify_on_commit,
)
from advisor.decisions.models import Decision, EngineName, QueueLook, Revision, Run, State, Sweep, SweepKind
from advisor.decisions.models.leased_task import database_now
from advisor.decisions.services.leases import BULK_KIND, RUN_KIND, Reconciled, reconcile_runs, reconcile_sweeps
from advisor.decisions.services.queue_looks import request_look
from advisor.decisions.services.runs import KERNEL_RUN, RunRequest, request_run
from advisor.decisions.services.sweeps import SweepRequest, request_fewest, request_sweep
from advisor.teams.models import User
from simulator.result import WorkerKind

log = logging.getLogger(__name__)


@dataclass
class StartedRun:
    """A run that is saved, and whether a worker was notified: None until the surrounding transaction commits.

    False is no failure: the run is saved and will start, because the reconciler queues it again.
    """

    run: Run
    notified: bool | None = None

    def set_notified(self, notified: bool) -> None:
        self.notified = notified


def start_run(
    revision: Revision,
    user: User,
    request: RunRequest = KERNEL_RUN,
    *,
    idempotency_key: str,
    notifier: QueueNotifier | None = None,
) -> StartedRun:
    """Request the run (see `request_run` for what it raises) and queue it once it is committed, in 2 s at most."""
    run = request_run(revision, user, idempotency_key, request)
    log.info("Run %s of decision %s is requested", run.pk, revision.decision_id)
    started = StartedRun(run)
    waiting = [(run.id, run.attempt)] if run.state == State.QUEUED else []
    notify_on_commit(notifier or (BULK if run.is_bulk else RUNS), waiting, started.set_notified)
    return started


def start_again(run: Run, user: User, *, idempotency_key: str, notifier: QueueNotifier | None = None) -> StartedRun:
    """Start a run with the settings that it ran with if it succeeded, otherwise with those that were requested."""
    if run.engine == EngineName.KERNEL:
        request = RunRequest(replications=run.replications, servers=run.servers)
        return start_run(run.revision, user, request, idempotency_key=idempotency_key, notifier=notifier)
    ran = run.result.live if run.result is not None and run.result.live is not None else run
    request = RunRequest(
        engine=run.engine,
        speed=ran.speed,
        seconds=ran.seconds,
        workers=cast("WorkerKind", run.workers),
        endpoint=OUTSIDE if run.endpoint_host else SAMPLE,
    )
    return start_run(run.revision, user, request, idempotency_key=idempotency_key, notifier=notifier)


def start_sweep(
    revision: Revision, user: User, wanted: SweepRequest, *, idempotency_key: str, notifier: QueueNotifier = MAPS
) -> Sweep:
    return _notify_of_parts(request_sweep(revision, user, wanted, idempotency_key), notifier)


def start_fewest(revision: Revision, user: User, *, idempotency_key: str, notifier: QueueNotifier = SEARCHES) -> Sweep:
    return _notify_of_parts(request_fewest(revision, user, idempotency_key), notifier)


def start_look(
    decision: Decision,
    user: User,
    broker: str,
    queues: str,
    seconds: float,
    wait_s: float,
    *,
    notifier: QueueNotifier = LOOKS,
) -> QueueLook:
    look, is_new = request_look(decision, user, broker, queues, seconds, wait_s)
    notify_on_commit(notifier, [(look.pk, 0)] if is_new else [])
    return look


def _notify_of_parts(sweep: Sweep, notifier: QueueNotifier) -> Sweep:
    parts = sweep.parts.filter(state=State.QUEUED) if sweep.active else sweep.parts.none()
    notify_on_commit(notifier, list(parts.values_list("id", "attempt")))
    return sweep


def reconcile_runs_and_notify(
    notifier: QueueNotifier = RUNS, clock: Callable[[], datetime] = database_now, *, bulk: QueueNotifier = BULK
) -> Reconciled:
    """Correct the rows, then queue each run that waits and has no job.

    Raises redis.RedisError if the broker is gone; the rows have been corrected by then.
    """
    reconciled = reconcile_runs(clock(), settings.CONFIGURATION.run_time_limit_s)
    return _notify_waiting(reconciled, {RUN_KIND: notifier, BULK_KIND: bulk})


def reconcile_sweeps_and_notify(
    maps: QueueNotifier = MAPS, clock: Callable[[], datetime] = database_now, *, searches: QueueNotifier = SEARCHES
) -> Reconciled:
    return _notify_waiting(reconcile_sweeps(clock()), {SweepKind.FEWEST: searches, SweepKind.MAP: maps})


def _notify_waiting(reconciled: Reconciled, notifiers: Mapping[str, QueueNotifier]) -> Reconciled:
    for kind, notifier in notifiers.items():
        waiting = [task for task in reconciled.waiting if task.kind == kind]
        known = notifier.waiting() if waiting else set()
        for task in waiting:
            if job_id(task.id, task.attempt) not in known:
                notifier.notify(task.id, task.attempt)
    count_lost_leases(reconciled)
    return reconciled

"""Starting runs: the row first, then the bell."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from advisor.decisions.jobs.doorbell import Doorbell, RqDoorbell, job_id
from advisor.decisions.models import EngineName, Revision, Run, State
from advisor.decisions.outside import OUTSIDE, SAMPLE
from advisor.decisions.services.run_lease import Reconciled, reconcile
from advisor.decisions.services.runs import request_run
from advisor.teams.models import User
from simulator.result import WorkerKind

log = logging.getLogger(__name__)

RQ: Doorbell = RqDoorbell()


@dataclass
class Started:
    """A run that is saved, and whether a worker has been told of it: None until the surrounding transaction commits.

    False is no failure: "saved, will start", because the reconciler rings again.
    """

    run: Run
    rung: bool | None = field(default=None)


def start(
    revision: Revision,
    user: User,
    *,
    idempotency_key: str,
    engine: str = EngineName.KERNEL,
    replications: int | None = None,
    speed: float | None = None,
    seconds: float | None = None,
    workers: WorkerKind = "threads",
    endpoint: str = SAMPLE,
    bell: Doorbell = RQ,
) -> Started:
    """Requests the run (see `request_run` for what it raises) and rings for it once it is committed, in 2 s at most."""
    run = request_run(
        revision,
        user,
        idempotency_key,
        engine=engine,
        replications=replications,
        speed=speed,
        seconds=seconds,
        workers=workers,
        endpoint=endpoint,
    )
    started = Started(run)

    def after_commit() -> None:
        started.rung = run.state != State.QUEUED or _rung(bell, run.id, run.attempt)

    transaction.on_commit(after_commit)
    return started


def start_again(run: Run, user: User, *, idempotency_key: str, bell: Doorbell = RQ) -> Started:
    """A live run with the same settings: those that it ran with if it succeeded, otherwise those that were asked for."""
    live = run.result.live if run.result is not None else None
    return start(
        run.revision,
        user,
        idempotency_key=idempotency_key,
        engine=run.engine,
        speed=live.speed if live is not None else run.speed,
        seconds=live.seconds if live is not None else run.seconds,
        workers=cast("WorkerKind", run.workers),
        endpoint=OUTSIDE if run.endpoint_host else SAMPLE,
        bell=bell,
    )


def reconcile_and_ring(bell: Doorbell = RQ, clock: Callable[[], datetime] = timezone.now) -> Reconciled:
    """Sets the rows right, then rings for each queued run that has no job.

    Raises:
        redis.RedisError: if the broker is gone; the rows have been set right by then.
    """
    reconciled = reconcile(clock(), settings.CONFIGURATION.run_time_limit_s)
    if reconciled.waiting:
        known = bell.waiting()
        for run_id, attempt in reconciled.waiting:
            if job_id(run_id, attempt) not in known:
                bell.ring(run_id, attempt)
    return reconciled


def _rung(bell: Doorbell, run_id: UUID, attempt: int) -> bool:
    try:
        bell.ring(run_id, attempt)
    except Exception:
        # The run is committed: whatever is wrong with the bell must not look like a failure of the request.
        log.exception("Could not ring for run %s; the reconciler will", run_id)
        return False
    return True

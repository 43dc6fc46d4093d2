"""What the rq workers execute."""

import time
from typing import Any

from rq import get_current_job
from rq.executions import Execution

from benchmarks.stock_rq.model_client import call_model
from benchmarks.stock_rq.records import append


class ModelError(Exception):
    """The model answered with an error; rq tries the job again."""


def process(job: int, model_port: int, record: str) -> None:
    started_at = time.time()
    succeeded = call_model(model_port, job)
    ended_at = time.time()
    append(record, job=job, **_taken(), started_at=started_at, ended_at=ended_at, succeeded=succeeded)
    if not succeeded:
        raise ModelError


def do_nothing(record: str) -> None:
    started_at = time.time()
    append(record, **_taken(), started_at=started_at)


def _taken() -> dict[str, Any]:
    """When rq put this attempt into its queue, and which worker took it up when, before it forked."""
    job = get_current_job()
    if job is None or job.enqueued_at is None:
        raise RuntimeError("this runs in an rq worker only")
    execution = Execution.fetch(job.get_executions()[-1].id, job.id, job.connection)
    return {
        "queued_at": job.enqueued_at.timestamp(),
        "taken_at": execution.created_at.timestamp(),
        "worker": job.worker_name,
    }

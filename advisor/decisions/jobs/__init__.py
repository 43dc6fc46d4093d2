"""Runs and sweeps in the queue. rq finds `run_simulation` and `run_part` here by name, in jobs of earlier versions, too."""

from advisor.decisions.jobs.queue_notifier import RqNotifier, job_id
from advisor.decisions.jobs.starting import (
    reconcile_runs_and_notify,
    reconcile_sweeps_and_notify,
    start_again,
    start_fewest,
    start_run,
    start_sweep,
)
from advisor.decisions.jobs.tasks import run_part, run_simulation

__all__ = [
    "RqNotifier",
    "job_id",
    "reconcile_runs_and_notify",
    "reconcile_sweeps_and_notify",
    "run_part",
    "run_simulation",
    "start_again",
    "start_fewest",
    "start_run",
    "start_sweep",
]

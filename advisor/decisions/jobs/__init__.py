"""Runs and sweeps in the queue. rq finds `run_simulation`, `run_part` and `look_at_queues` here by name, in jobs of earlier versions, too."""

from advisor.decisions.jobs.counters import count_refusal
from advisor.decisions.jobs.queue_notifier import RqNotifier, job_id
from advisor.decisions.jobs.starting import (
    reconcile_runs_and_notify,
    reconcile_sweeps_and_notify,
    start_again,
    start_fewest,
    start_look,
    start_run,
    start_sweep,
)
from advisor.decisions.jobs.tasks import look_at_queues, run_part, run_simulation

__all__ = [
    "RqNotifier",
    "count_refusal",
    "job_id",
    "look_at_queues",
    "reconcile_runs_and_notify",
    "reconcile_sweeps_and_notify",
    "run_part",
    "run_simulation",
    "start_again",
    "start_fewest",
    "start_look",
    "start_run",
    "start_sweep",
]

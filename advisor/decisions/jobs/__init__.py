"""Runs and the queue: the use case and the bell in one step, and what a worker does when the bell rings."""

from advisor.decisions.jobs.doorbell import Doorbell, RqDoorbell, job_id, ring
from advisor.decisions.jobs.starting import Started, reconcile_and_ring, start, start_again
from advisor.decisions.jobs.sweeping import reconcile_sweeps_and_ring, run_part, start_fewest, start_sweep
from advisor.decisions.jobs.work import run_simulation

__all__ = [
    "Doorbell",
    "RqDoorbell",
    "Started",
    "job_id",
    "reconcile_and_ring",
    "reconcile_sweeps_and_ring",
    "ring",
    "run_part",
    "run_simulation",
    "start",
    "start_again",
    "start_fewest",
    "start_sweep",
]

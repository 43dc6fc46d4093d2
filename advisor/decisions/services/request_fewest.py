"""Asks for the fewest workers or consumers that meet the deadline: checks it, and puts the search on record as queued."""

from advisor.decisions import limits
from advisor.decisions.models import Revision, Sweep, SweepKind, Trace
from advisor.decisions.services.request_sweep import put_on_record, requested_before, trace_of
from advisor.decisions.services.upload_trace import read_stored_trace
from advisor.sweeps.fewest import most_of, require_deadline
from advisor.sweeps.grid import JOBS, require_jobs
from advisor.sweeps.load import estimate_of_trial
from advisor.teams.models import User
from core.errors import InvalidInput, Problem

TRIALS = 32
"""Numbers that a search tries at the very most."""


def request_fewest(revision: Revision, user: User, idempotency_key: str, jobs: int = JOBS) -> Sweep:
    """The queued search, which freezes the revision; the one of before where the key was used already.

    It tells no worker: `jobs.start_fewest` does. Raises as `request_sweep` does, and:

    Raises:
        InvalidInput: where there is no deadline to meet.
    """
    existing = requested_before(revision, user, idempotency_key)
    if existing:
        return existing
    answers, trace = revision.answers, trace_of(revision)
    require_deadline(answers)
    require_jobs(jobs, "trial")
    _require_small_enough(revision, trace, jobs)
    fields = {
        "kind": SweepKind.FEWEST,
        "x_field": "synchronous.workers",
        "x_low": 1,
        "x_high": most_of(answers),
        "x_steps": 2,
        "jobs": jobs,
        "size": 1,
    }
    return put_on_record(revision, user, idempotency_key, trace, fields, 1)


def _require_small_enough(revision: Revision, trace: Trace | None, jobs: int) -> None:
    """
    Raises:
        InvalidInput: if the search would need more than a sweep may.
    """
    needed = estimate_of_trial(revision.answers, jobs, read_stored_trace(trace) if trace else None)
    if needed.jobs * TRIALS > limits.SWEEP_JOBS:
        sentence = (
            f"the search would simulate up to {needed.jobs * TRIALS / 1e6:,.0f} million jobs in both designs, over the limit of "
            f"{limits.SWEEP_JOBS / 1e6:,.0f} million; shorten the recording, or lower the rate"
        )
        raise InvalidInput([Problem("jobs", sentence)])
    if needed.memory_bytes > limits.RUN_MEMORY_BYTES:
        raise InvalidInput([Problem("jobs", "a trial would need more memory than a run may have; simulate fewer jobs")])

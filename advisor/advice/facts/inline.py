"""The in-line answer: how long it takes with everything that counts against a limit on the way."""

from dataclasses import dataclass

import numpy as np

from advisor.advice.columns import Columns, Flags, Floats
from advisor.advice.facts.caller import ATTENTION_S, Caller
from advisor.advice.facts.capacity import Capacity
from advisor.advice.facts.coupling import Coupling
from advisor.advice.facts.failure import Failure
from advisor.advice.facts.load import Load
from advisor.advice.facts.queueing import Wait, lognormal_p99, waiting
from advisor.advice.facts.work import Work

RARE = 0.01
"""Peaks that bring less than this share of the requests don't reach the 99th percentile."""
UNLIMITED_RATE = 1e12
"""Stands for a quota that is not there."""
MARGIN = 0.9
"""A hybrid answers in line for this part of the tightest limit."""


@dataclass(frozen=True)
class Inline:
    """Facts about the in-line answer."""

    backlog: Floats
    client_timeout_s: Floats
    hop_total_s: Floats
    """The tightest total limit; the streamed one for a response that streams."""
    hop_idle_s: Floats
    inline_limit_s: Floats
    """What the in-line answer must keep: the tightest limit that can end it."""
    counts_waits: Flags
    """Whether waiting is counted: not if nothing serves the load in time."""
    wait_s: Floats
    """Mean wait for a worker, in the peak where one request in a hundred or more arrives in it."""
    inline_p99_s: Floats
    """The in-line answer at the 99th percentile: waiting, retries and in-line subscribers included."""
    answer_p50_s: Floats
    answer_p99_s: Floats
    """The same without the other subscribers: what the caller of a hybrid waits for, since the others get an event."""
    patience_s: Floats
    """How long a person looks at nothing; infinite for others, and where the answer streams."""
    hybrid_wait_s: Floats
    """How long a hybrid answers in line: inside every limit and the deadline, and within patience where the typical answer is."""


def inline_of(
    c: Columns, caller: Caller, load: Load, work: Work, failure: Failure, capacity: Capacity, coupling: Coupling
) -> Inline:
    """The in-line answer behind columns of answers.

    Its 99th percentile is that of processing; what the lognormals with and without waiting and retries (matched in mean and variance) differ
    by; what a peak has gathered; and, where they are called in line, the other subscribers.
    Where nothing serves the load in time, waiting is left out: capacity comes first, and with it the wait goes.
    """
    out_of_reach = (capacity.long_run_load >= 1) | (capacity.gathers_s + work.p95_s > caller.deadline_s)
    waits = np.where(out_of_reach, 0.0, 1.0)
    peak = _wait(c, load, work, failure, capacity, load.peak_share >= RARE)
    typical = _wait(c, load, work, failure, capacity, load.peak_share > 0.5)
    handling_s = np.where(coupling.others > 0, coupling.handling_s, 0.0)

    spread = work.service_cv2 * work.mean_s**2
    retried = failure.transient * np.minimum(failure.max_retries, 1.0)
    mean = work.mean_s * failure.tries + failure.pauses_s + waits * peak.mean_s
    retries_variance = retried * (1 + retried) * work.mean_s**2 + failure.pauses_variance
    variance = spread * failure.tries + retries_variance + waits * peak.variance
    beyond = np.maximum(0.0, lognormal_p99(mean, variance) - lognormal_p99(work.mean_s, spread))

    total_s = np.where(caller.streams, c["hops.streaming_total_s"], c["hops.total_s"])
    timeout_s = np.where(caller.nobody, np.inf, c["synchronous.client_timeout_s"])
    hop_total_s = np.where(caller.nobody, np.inf, total_s)
    hop_idle_s = np.where(caller.nobody, np.inf, c["hops.idle_s"])
    limit_s = np.minimum(hop_total_s, np.where(caller.streams, np.inf, np.minimum(hop_idle_s, timeout_s)))
    patience_s = np.where(caller.end_user & ~caller.streams, ATTENTION_S, np.inf)
    p99_s = work.p99_s + beyond + waits * peak.gathered_s
    p50_s = work.p50_s + waits * (typical.mean_s + typical.gathered_s)
    allowed_s = np.minimum(MARGIN * limit_s, caller.deadline_s)
    in_line_s = np.where(p50_s <= patience_s, np.minimum(allowed_s, patience_s), allowed_s)
    return Inline(
        backlog=c["synchronous.backlog"],
        client_timeout_s=timeout_s,
        hop_total_s=hop_total_s,
        hop_idle_s=hop_idle_s,
        inline_limit_s=limit_s,
        counts_waits=~out_of_reach,
        wait_s=waits * (peak.mean_s + peak.gathered_s),
        inline_p99_s=p99_s + handling_s,
        answer_p50_s=p50_s,
        answer_p99_s=p99_s,
        patience_s=patience_s,
        hybrid_wait_s=np.where(np.isfinite(in_line_s), in_line_s, p99_s),
    )


def _wait(c: Columns, load: Load, work: Work, failure: Failure, capacity: Capacity, in_peak: Flags) -> Wait:
    """The wait for a worker, for the quotas (a bucket that gives at even intervals), and for what a peak gathers beyond both."""
    rate = np.where(in_peak, load.peak_rate, load.rate)
    fullest_s = c["synchronous.backlog"] / capacity.sync_cap
    held_s = work.mean_s * failure.attempts
    workers = waiting(
        rate=rate,
        cap=capacity.servers / held_s,
        servers=capacity.servers,
        factor=(load.arrival_cv**2 + work.service_cv2) / 2,
        longest_s=fullest_s,
    )
    quotas = waiting(
        rate=rate,
        cap=np.minimum(capacity.quotas, UNLIMITED_RATE),
        servers=np.ones_like(rate),
        factor=load.arrival_cv**2 / 2,
        longest_s=fullest_s,
    )
    gathers_s = np.where(in_peak, np.maximum(0.0, capacity.peak_load - 1) * load.peak_s, 0.0)
    return Wait(workers.mean_s + quotas.mean_s, workers.variance + quotas.variance, np.minimum(gathers_s, fullest_s))

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
    wait_s: Floats
    """Mean wait for a worker, in the peak where one request in a hundred or more arrives in it."""
    inline_p50_s: Floats
    inline_p99_s: Floats
    """The in-line answer at the median and the 99th percentile: waiting, retries and in-line subscribers included."""
    hybrid_wait_s: Floats
    """How long a hybrid answers in line: inside every limit, the deadline, and a person's attention where nothing streams."""


def inline_of(
    c: Columns, caller: Caller, load: Load, work: Work, failure: Failure, capacity: Capacity, coupling: Coupling
) -> Inline:
    """The in-line answer behind columns of answers.

    Its 99th percentile is that of processing plus what the lognormals with and without the rest (matched in mean and variance) differ by.
    Where nothing serves the load in time, waiting is left out: capacity comes first, and with it the wait goes.
    """
    out_of_reach = (capacity.long_run_load >= 1) | (capacity.gathers_s + work.p95_s > caller.deadline_s)
    peak = _wait(c, load, work, failure, capacity, load.peak_share >= RARE)
    typical = _wait(c, load, work, failure, capacity, load.peak_share > 0.5)
    wait_s, wait_variance = np.where(out_of_reach, 0.0, peak.mean_s), np.where(out_of_reach, 0.0, peak.variance)
    handling_s = np.where(coupling.others > 0, coupling.handling_s, 0.0)

    spread = work.service_cv2 * work.mean_s**2
    retried = failure.transient * np.minimum(failure.max_retries, 1.0)
    mean = work.mean_s * failure.tries + failure.pauses_s + wait_s + handling_s
    variance = (
        spread * failure.tries + retried * (1 + retried) * work.mean_s**2 + failure.pauses_variance + wait_variance
    )
    beyond = np.maximum(0.0, lognormal_p99(mean, variance) - lognormal_p99(work.mean_s, spread))

    total_s = np.where(caller.streams, c["hops.streaming_total_s"], c["hops.total_s"])
    timeout_s = np.where(caller.nobody, np.inf, c["synchronous.client_timeout_s"])
    hop_total_s = np.where(caller.nobody, np.inf, total_s)
    hop_idle_s = np.where(caller.nobody, np.inf, c["hops.idle_s"])
    limit_s = np.minimum(hop_total_s, np.where(caller.streams, np.inf, np.minimum(hop_idle_s, timeout_s)))
    patience_s = np.where(caller.end_user & ~caller.streams, ATTENTION_S, np.inf)
    in_line_s = np.minimum(np.minimum(MARGIN * limit_s, caller.deadline_s), patience_s)
    p99_s = work.p99_s + beyond
    return Inline(
        backlog=c["synchronous.backlog"],
        client_timeout_s=timeout_s,
        hop_total_s=hop_total_s,
        hop_idle_s=hop_idle_s,
        inline_limit_s=limit_s,
        wait_s=wait_s,
        inline_p50_s=work.p50_s + np.where(out_of_reach, 0.0, typical.mean_s) + handling_s,
        inline_p99_s=p99_s,
        hybrid_wait_s=np.where(np.isfinite(in_line_s), in_line_s, p99_s),
    )


def _wait(c: Columns, load: Load, work: Work, failure: Failure, capacity: Capacity, in_peak: Flags) -> Wait:
    return waiting(
        rate=np.where(in_peak, load.peak_rate, load.rate),
        cap=capacity.sync_cap,
        servers=np.maximum(capacity.sync_cap * work.mean_s * failure.attempts, 1e-9),
        factor=(load.arrival_cv**2 + work.service_cv2) / 2,
        gathers_s=np.where(in_peak, (capacity.peak_load - 1) * load.peak_s, 0.0),
        backlog=c["synchronous.backlog"],
    )

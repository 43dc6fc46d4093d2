"""Cross-checks of retries, outages and what fails for good."""

import math

from advisor.advice.cautions.shape import Case, Check
from advisor.advice.words import a_day, apart, count, duration, number, past, percent, plural

BURNT = 0.05
"""Failing calls that take this part of the quota are worth a word."""


def _retries(case: Case) -> str:
    return count(case.point.failure.max_retries, "retry", "retries")


def _fails(case: Case) -> bool:
    return case.point.failure.max_retries > 0 and case.point.failure.transient + case.point.failure.poison > 0


def _is_lost(case: Case) -> str:
    return "would become a dead letter" if case.answers.failures.dead_letter else "would fail for good"


def _has_quota(case: Case) -> bool:
    return any(
        math.isfinite(cap)
        for cap in (case.point.capacity.requests_cap, case.point.capacity.input_cap, case.point.capacity.output_cap)
    )


def _layers(case: Case) -> tuple[int, int]:
    return case.answers.synchronous.client_retries + 1, case.answers.failures.max_retries + 1


def _past_deadline(case: Case) -> str:
    p = case.point
    takes, beyond, deadline = past(p.failure.retry_window_s + p.work.p95_s, p.caller.deadline_s)
    return (
        f"{_retries(case)} may pause for {duration(p.failure.retry_window_s)} in all; with p95 "
        f"{duration(p.work.p95_s)} that makes {takes}, {beyond} the "
        f"deadline of {deadline}, when nobody wants the result any more."
    )


def _too_few(case: Case) -> str:
    p = case.point
    fail, tolerated = apart(100 * p.failure.transient ** (p.failure.max_retries + 1), 100 * p.caller.tolerated, percent)
    tried = _retries(case) if p.failure.max_retries else "no retries"
    return (
        f"With {percent(100 * p.failure.transient)} of the calls failing and {tried}, {fail} of the requests fail for "
        f"good, more than the {tolerated} "
        "that may."
    )


FAILURES: tuple[Check, ...] = (
    Check(
        "retry_window_past_deadline",
        "Retries go on past the deadline",
        "Pauses between retries that outlast the deadline: the last tries are for nobody.",
        lambda c: _fails(c) and c.point.failure.retry_window_s + c.point.work.p95_s > c.point.caller.deadline_s,
        _past_deadline,
    ),
    Check(
        "retries_at_two_layers",
        "Two layers retry",
        "Tries multiply where two layers retry. Retry at one layer (Google, Site Reliability Engineering, chapter 22).",
        lambda c: not c.point.caller.nobody and min(_layers(c)) > 1,
        lambda c: (
            f"The client tries {_layers(c)[0]} times and the service {_layers(c)[1]} times: up to {math.prod(_layers(c))} attempts for one "
            "request. Retry at one layer."
        ),
    ),
    Check(
        "not_idempotent",
        "Work is repeated that must not be",
        "Retries and queues process a request at least once. Give each request a key and refuse the second.",
        lambda c: not c.answers.failures.idempotent and (c.point.failure.max_retries > 0 or c.style != "synchronous"),
        lambda c: (
            f"{'Retries' if c.style == 'synchronous' else 'Queues and retries'} process a request at least once, and twice does harm here: "
            "give each request a key and refuse the second."
        ),
    ),
    Check(
        "outage_outlasts_retries",
        "An outage outlasts the retries",
        "An outage is not independent from call to call: without a circuit breaker everything that fails in it becomes a dead letter.",
        lambda c: (
            c.style != "synchronous"
            and c.point.failure.max_retries > 0
            and c.point.load.outage_s > c.point.failure.retry_window_s
        ),
        lambda c: (
            f"{_retries(c)} {plural(c.point.failure.max_retries, 'spans', 'span')} "
            f"{apart(c.point.failure.retry_window_s, c.point.load.outage_s)[0]} at most, "
            f"an outage {apart(c.point.failure.retry_window_s, c.point.load.outage_s)[1]}: nearly everything that meets it {_is_lost(c)}. "
            "Pause the consumers while the provider is away (a circuit breaker)."
        ),
    ),
    Check(
        "quota_burnt",
        "Failing calls use up quota",
        "Failed calls count against the quota, and each retry takes a place of its own.",
        lambda c: 1 - 1 / c.point.failure.attempts >= BURNT and _has_quota(c),
        lambda c: (
            f"A request takes {number(c.point.failure.attempts)} attempts on average, so failing calls burn "
            f"{percent(100 * (1 - 1 / c.point.failure.attempts))} of "
            "the quota."
        ),
    ),
    Check(
        "too_few_retries",
        "Retries leave more failures than may be",
        "Transient failures that all retries together do not bring below the tolerated misses.",
        lambda c: c.point.failure.transient ** (c.point.failure.max_retries + 1) > c.point.caller.tolerated,
        _too_few,
    ),
    Check(
        "poison_without_dead_letters",
        "What never works has nowhere to go",
        "Requests that never work, and no dead-letter queue to show them to a person.",
        lambda c: c.style != "synchronous" and not c.answers.failures.dead_letter and c.point.failure.poison > 0,
        lambda c: (
            f"{percent(100 * c.point.failure.poison)} of the requests never work, "
            f"{a_day(c.point.load.rate * 86_400 * c.point.failure.poison)}, and nothing keeps "
            "them: a dead-letter queue shows them to a person."
        ),
    ),
    Check(
        "no_jitter",
        "Retries return as one wave",
        "Pauses without jitter bring everything that failed together back together.",
        lambda c: (
            _fails(c) and (c.answers.failures.jitter == "none" or c.answers.failures.retry_intervals_s is not None)
        ),
        lambda c: (
            "Without jitter everything that failed together is tried again together: use full jitter."
            if c.answers.failures.retry_intervals_s is None
            else "A list of pauses is the same for everything that failed together, which is tried again together: spread the pauses."
        ),
    ),
)

"""Cross-checks: what is wrong or will go wrong with the answers, whichever style is chosen. One entry, one shape each."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from advisor.advice import library, sizing
from advisor.advice.answers import Answers
from advisor.advice.contract import Method, Style
from advisor.advice.delivery import polling_interval_s
from advisor.advice.facts import Point
from advisor.advice.words import count, number, percent, rate, seconds

BURNT = 0.05
"""Failing calls that take this much more of the quota are worth a word."""


@dataclass(frozen=True)
class Case:
    """What a check looks at."""

    answers: Answers
    point: Point
    style: Style
    method: Method


@dataclass(frozen=True)
class Check:
    """One cross-check."""

    code: str
    title: str
    when: Callable[[Case], bool]
    sentence: Callable[[Case], str]


def _several_tries(case: Case) -> bool:
    return case.point.max_retries > 0 and case.point.transient + case.point.poison > 0


def _past_workers(case: Case) -> str:
    p = case.point
    growth = (p.peak_rate - p.sync_cap) * 60
    spare = p.sync_cap - sizing.between_peaks(p)
    gathered = (p.peak_rate - p.sync_cap) * p.peak_s if p.peak_to_mean > 1 else math.inf
    drain = f"is gone {seconds(gathered / spare)} after it" if spare > 0 and math.isfinite(gathered) else "never drains"
    return (
        f"Peak demand of {rate(p.peak_rate)} is past the {rate(p.sync_cap)} that {count(p.workers, 'worker')} can do: in a peak the backlog "
        f"grows by {number(growth)} a minute and {drain}."
    )


def _past_provider(case: Case) -> str:
    p = case.point
    bound = sizing.concurrency(p).bound_by
    cap = sizing.provider_cap(p)
    return (
        f"Peak demand of {rate(p.peak_rate)} is past the {rate(cap)} that the model provider allows"
        f"{'' if bound == 'workers' else f' (bound by {bound})'}: more workers cannot help."
    )


def _unchecked(case: Case) -> list[str]:
    facts = [library.hop_named(hop) for hop in case.answers.synchronous.hops if isinstance(hop, str)]
    profile = library.profiles().get(case.answers.provider.profile or "")
    return [fact.title for fact in facts if fact and fact.unchecked] + (
        [profile.title] if profile and profile.unchecked else []
    )


CHECKS: tuple[Check, ...] = (
    Check(
        "impossible_deadline",
        "The deadline is shorter than the work",
        lambda c: c.point.late_share > c.point.tolerated + 1e-9,
        lambda c: (
            f"{percent(100 * c.point.late_share)} of the requests take longer than {seconds(c.point.deadline_s)} to process, and "
            f"{percent(100 * c.point.tolerated)} may be late: no design can keep this deadline."
        ),
    ),
    Check(
        "overload",
        "More arrives than can be served",
        lambda c: c.point.long_run_load >= 1,
        lambda c: (
            f"{rate(c.point.rate)} arrive on average and {rate(c.point.cap)} can be served: the backlog grows by "
            f"{number((c.point.rate - c.point.cap) * 60)} a minute and never drains."
        ),
    ),
    Check(
        "peak_past_workers",
        "A peak needs more workers than there are",
        lambda c: c.point.peak_rate > c.point.sync_cap,
        _past_workers,
    ),
    Check(
        "demand_past_provider",
        "A peak needs more than the provider allows",
        lambda c: c.point.peak_rate > sizing.provider_cap(c.point),
        _past_provider,
    ),
    Check(
        "targets_need_more_consumers",
        "The classes' wait targets need more consumers than are allowed",
        lambda c: (
            c.style != "synchronous"
            and sizing.plan(c.answers, c.point).needed > sizing.plan(c.answers, c.point).available
        ),
        lambda c: (
            f"In a peak the wait targets take {count(sizing.plan(c.answers, c.point).needed, 'consumer')}; "
            f"{sizing.plan(c.answers, c.point).available} are allowed or of use. The most urgent queue is served first; "
            "the others wait longer than they should."
        ),
    ),
    Check(
        "retry_window_past_deadline",
        "Retries go on past the deadline",
        lambda c: _several_tries(c) and c.point.retry_window_s + c.point.p95_s > c.point.deadline_s,
        lambda c: (
            f"{count(c.point.max_retries, 'retry', 'retries')} may pause for {seconds(c.point.retry_window_s)} in all; with p95 "
            f"{seconds(c.point.p95_s)} that is past the deadline of {seconds(c.point.deadline_s)}, when nobody wants the result any more."
        ),
    ),
    Check(
        "retries_at_two_layers",
        "Two layers retry",
        lambda c: not c.point.nobody and c.answers.synchronous.client_retries > 0 and c.point.max_retries > 0,
        lambda c: (
            f"The client tries {c.answers.synchronous.client_retries + 1} times and the service {c.answers.failures.max_retries + 1} times: up to "
            f"{(c.answers.synchronous.client_retries + 1) * (c.answers.failures.max_retries + 1)} attempts for one request. Retry at one layer."
        ),
    ),
    Check(
        "not_idempotent",
        "Work is repeated that must not be",
        lambda c: not c.answers.failures.idempotent and (c.point.max_retries > 0 or c.style != "synchronous"),
        lambda c: (
            "Retries and queues process a request at least once, and twice does harm here: give each request a key and refuse the second."
        ),
    ),
    Check(
        "timeout_under_p99",
        "The client gives up before the slowest answers",
        lambda c: c.point.client_timeout_s < c.point.p99_s,
        lambda c: (
            f"The client gives up after {seconds(c.point.client_timeout_s)}, before the slowest one in a hundred ({seconds(c.point.p99_s)}) is "
            "processed: the work goes on for nobody."
        ),
    ),
    Check(
        "retention_too_short",
        "A result may be gone before it is asked for",
        lambda c: c.method == "polling" and c.point.retention_s < polling_interval_s(c.point),
        lambda c: (
            f"Results are kept for {seconds(c.point.retention_s)}, shorter than the polling interval of {seconds(polling_interval_s(c.point))}: "
            "a caller may miss its result."
        ),
    ),
    Check(
        "quota_burnt",
        "Failing calls use up quota",
        lambda c: (
            c.point.attempts - 1 >= BURNT
            and any(map(math.isfinite, (c.point.requests_cap, c.point.input_cap, c.point.output_cap)))
        ),
        lambda c: (
            f"A request takes {number(c.point.attempts)} attempts on average, so failing calls burn "
            f"{percent(100 * (1 - 1 / c.point.attempts))} of the quota."
        ),
    ),
    Check(
        "outage_outlasts_retries",
        "An outage outlasts the retries",
        lambda c: c.style != "synchronous" and c.point.max_retries > 0 and c.point.outage_s > c.point.retry_window_s,
        lambda c: (
            f"{count(c.point.max_retries, 'retry', 'retries')} span {seconds(c.point.retry_window_s)} at most, "
            f"an outage {seconds(c.point.outage_s)}: "
            "nearly everything would become a dead letter. Pause the consumers while the provider is away (a circuit breaker)."
        ),
    ),
    Check(
        "recovery_too_slow",
        "The outage's backlog is not gone in time",
        lambda c: (
            c.point.long_run_load < 1
            and sizing.drain_after_outage_s(c.point) > 60 * c.answers.resilience.recover_within_minutes
        ),
        lambda c: (
            f"After an outage of {seconds(c.point.outage_s)} the backlog needs {seconds(sizing.drain_after_outage_s(c.point))} to go, longer than "
            f"{seconds(60 * c.answers.resilience.recover_within_minutes)}: recovery takes "
            f"{count(sizing.consumers_to_recover(c.point, 60 * c.answers.resilience.recover_within_minutes), 'consumer')}."
        ),
    ),
    Check(
        "poison_without_dead_letters",
        "What never works has nowhere to go",
        lambda c: c.style != "synchronous" and not c.answers.failures.dead_letter and c.point.poison > 0,
        lambda c: (
            f"{percent(100 * c.point.poison)} of the requests never work, {number(c.point.rate * 86400 * c.point.poison)} a day, "
            "and nothing keeps them: "
            "a dead-letter queue shows them to a person."
        ),
    ),
    Check(
        "no_jitter",
        "Retries return as one wave",
        lambda c: _several_tries(c) and c.answers.failures.jitter == "none",
        lambda c: "Without jitter everything that failed together is tried again together: use full jitter.",
    ),
    Check(
        "order_needs_partitions",
        "Order for each key needs partitions",
        lambda c: c.style != "synchronous" and bool(c.point.ordered_by_key),
        lambda c: (
            "Order for each key needs a partition by key: one consumer a partition, and a retry holds back its key alone."
        ),
    ),
    Check(
        "global_order",
        "One order leaves one consumer",
        lambda c: bool(c.point.ordered_globally),
        lambda c: (
            f"One order for all results leaves one at a time: {rate(1 / (c.point.mean_s * c.point.attempts))} at the most, "
            "whatever the number of workers."
        ),
    ),
    Check(
        "immediate_answer_impossible",
        "No answer in line can be immediate",
        lambda c: bool(c.point.immediate) and c.style == "event_driven",
        lambda c: (
            f"The caller wants its answer at once, but the work takes {seconds(c.point.p50_s)} at the median and no answer in line "
            f"outlives {seconds(c.point.inline_limit_s)}: answer with 202 and show progress, or make the work shorter."
        ),
    ),
    Check(
        "first_token_unknown",
        "The first token's time is not known",
        lambda c: bool(c.point.streams) and math.isnan(c.point.first_token_s),
        lambda c: (
            "The answer streams, but nothing says when its first part comes: measure it, for the idle limits on the way count from the start."
        ),
    ),
    Check(
        "unchecked_fact",
        "A limit has not been seen at its source",
        lambda c: bool(_unchecked(c)),
        lambda c: f"Not yet checked at the source: {', '.join(_unchecked(c))}. Check it before you rely on it.",
    ),
)

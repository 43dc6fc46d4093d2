"""Retries, dead letters, and the time to drain a backlog after a peak and after an outage."""

import math

from advisor.advice.answers import Answers
from advisor.advice.contract import RetryPlan
from advisor.advice.facts import PointFacts
from advisor.advice.words import apart
from core.numbers import count, duration, percent, plural
from simulator import theory
from simulator.retries import Retries

SPARE = 0.01
"""Retries may leave this part of the tolerated misses to failures."""
RARELY = 1e-6
"""Shares of the requests under one in a million are written alike."""


def retry_plan(answers: Answers, point: PointFacts, has: str = "You allow") -> RetryPlan:
    failures = answers.failures
    fails = theory.all_attempts_fail(point.failure.transient, failures.max_retries)
    return RetryPlan(
        max=failures.max_retries,
        base_s=failures.backoff_base_s,
        cap_s=failures.backoff_cap_s,
        jitter=failures.jitter,
        intervals_s=failures.retry_intervals_s,
        all_fail_probability=fails,
        why=" ".join((_retries_and_failures(answers, fails, has), *_fewer(answers, point))),
    )


def _retries_and_failures(answers: Answers, fails: float, has: str) -> str:
    failures = answers.failures
    if failures.max_retries == 0:
        return f"{has} no retries: {percent(100 * fails)} of the calls fail."
    share = percent(100 * fails) if fails == 0 or fails >= RARELY else f"less than {percent(100 * RARELY)}"
    return (
        f"{has} {count(failures.max_retries, 'retry')}, {_pauses(answers)}. All attempts fail for {share} of the requests, where "
        "failures are independent."
    )


def _pauses(answers: Answers) -> str:
    failures = answers.failures
    if window_s(answers, failures.max_retries) == 0:
        return "without a pause"
    if listed := _listed_s(answers):
        *first, last = map(duration, listed)
        return f"after pauses of {', '.join(first)} and {last}" if first else f"after a pause of {last}"
    base, cap = duration(failures.backoff_base_s), duration(failures.backoff_cap_s)
    jitter = "without jitter" if failures.jitter == "none" else f"with {failures.jitter} jitter"
    if failures.max_retries == 1:
        return f"after a pause of up to {base} {jitter}"
    return f"after pauses of {f'up to {base} each' if base == cap else f'{base} up to {cap}'} {jitter}"


def _fewer(answers: Answers, point: PointFacts) -> list[str]:
    most, sentences = answers.failures.max_retries, []
    enough = enough_retries(point, most)
    if most and point.failure.transient == 0:
        sentences.append("No call fails, so none is needed.")
    elif enough is not None and enough < most:
        fail, tolerated = apart(
            100 * theory.all_attempts_fail(point.failure.transient, enough), 100 * point.caller.tolerated, percent
        )
        sentences.append(
            f"{count(enough) if enough else 'None'} would be enough for {tolerated} missed ({fail} {'fail all' if enough else 'fail'})."
        )
    in_time = next(
        (n for n in range(most, 0, -1) if window_s(answers, n) + point.work.p95_s <= point.caller.deadline_s), 0
    )
    if in_time < most and point.failure.transient > 0:
        fits = f"Only {count(in_time)} {plural(in_time, 'fits', 'fit')}" if in_time else "None fits"
        sentences.append(
            f"{fits} into the deadline of {duration(point.caller.deadline_s)} when pauses are at their longest."
        )
    return sentences


def enough_retries(point: PointFacts, most: int) -> int | None:
    return next(
        (
            n
            for n in range(most + 1)
            if theory.all_attempts_fail(point.failure.transient, n) <= SPARE * point.caller.tolerated
        ),
        None,
    )


def window_s(answers: Answers, attempts: int) -> float:
    """The longest time that the pauses before this many retries span."""
    failures, listed = answers.failures, _listed_s(answers)
    if listed is not None:
        return math.fsum(listed[:attempts])
    return math.fsum(min(failures.backoff_cap_s, failures.backoff_base_s * 2.0**n) for n in range(attempts))


def _listed_s(answers: Answers) -> tuple[float, ...] | None:
    failures = answers.failures
    return Retries(intervals_s=failures.retry_intervals_s).listed_pauses_s(failures.max_retries)


def dead_letters_a_day(point: PointFacts, plan: RetryPlan) -> float:
    return 86_400 * point.load.rate * (point.failure.poison + (1 - point.failure.poison) * plan.all_fail_probability)


def drain_after_peak_s(point: PointFacts, cap: float | None = None) -> float:
    """How long the backlog of a peak takes to go at a capacity (all that is allowed, unless given); infinite where it never does."""
    cap = point.capacity.cap if cap is None else cap
    return drain_time_s(point, max(0.0, point.load.peak_rate - cap) * point.load.peak_s, cap)


def drain_after_outage_s(point: PointFacts) -> float:
    return drain_time_s(point, point.load.arrives_in_outage, point.capacity.cap)


def drain_time_s(point: PointFacts, backlog: float, cap: float) -> float:
    """B / (capacity - arrivals), the arrivals being those between the peaks."""
    spare = cap - between_peaks(point)
    if backlog <= 0:
        return 0.0
    return backlog / spare if spare > 0 else math.inf


def between_peaks(point: PointFacts) -> float:
    time_share = point.load.peak_share / point.load.peak_to_mean
    return 0.0 if time_share >= 1 else point.load.rate * max(0.0, 1 - point.load.peak_share) / (1 - time_share)


def consumers_to_recover(point: PointFacts, within_s: float) -> int:
    """Consumers that work off the stated outage's backlog in time: lambda / mu + B / (mu RTO)."""
    work_s = point.work.mean_s * point.failure.attempts
    return math.ceil(
        min(1e9, theory.consumers_to_recover(point.load.arrives_in_outage, point.load.rate, work_s, within_s)) - 1e-9
    )

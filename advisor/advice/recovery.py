"""What failures leave behind: retries, dead letters, and the time to drain after a peak and after an outage."""

import math

from advisor.advice.answers import Answers
from advisor.advice.contract import RetryPlan
from advisor.advice.facts import Point
from simulator import theory

SPARE = 0.01
"""Retries may leave this part of the tolerated misses to failures."""


def retries(answers: Answers, point: Point) -> RetryPlan:
    """As few retries as leave a hundredth of the tolerated misses to failures; no more than were asked for, nor than the deadline has time for."""
    failures = answers.failures
    enough = next(
        (
            n
            for n in range(failures.max_retries)
            if theory.all_attempts_fail(point.transient, n) <= SPARE * point.tolerated
        ),
        failures.max_retries,
    )
    while enough > 0 and window_s(answers, enough) + point.p95_s > point.deadline_s:
        enough -= 1
    return RetryPlan(
        max=enough,
        base_s=failures.backoff_base_s,
        cap_s=failures.backoff_cap_s,
        jitter="full" if failures.jitter == "none" else failures.jitter,
        all_fail_probability=theory.all_attempts_fail(point.transient, enough),
    )


def window_s(answers: Answers, attempts: int) -> float:
    """The longest time that the pauses before this many retries span."""
    failures = answers.failures
    return math.fsum(min(failures.backoff_cap_s, failures.backoff_base_s * 2.0**n) for n in range(attempts))


def dead_letters_a_day(point: Point, plan: RetryPlan) -> float:
    """Jobs a day that fail for good under a retry plan, poison included."""
    return 86_400 * point.rate * (point.poison + (1 - point.poison) * plan.all_fail_probability)


def drain_after_peak_s(point: Point, cap: float | None = None) -> float:
    """How long the backlog of a peak takes to go at a capacity (all that is allowed, unless given); infinite where it never does."""
    cap = point.cap if cap is None else cap
    return drain_s(point, max(0.0, point.peak_rate - cap) * point.peak_s, cap)


def drain_after_outage_s(point: Point) -> float:
    """How long the backlog of the stated outage takes to go."""
    return drain_s(point, point.arrives_in_outage, point.cap)


def drain_s(point: Point, backlog: float, cap: float) -> float:
    """B / (capacity - arrivals), the arrivals being those between the peaks."""
    spare = cap - between_peaks(point)
    if backlog <= 0:
        return 0.0
    return backlog / spare if spare > 0 else math.inf


def between_peaks(point: Point) -> float:
    """The arrival rate outside the peaks: the mean, less what the peaks bring."""
    time_share = point.peak_share / point.peak_to_mean
    return 0.0 if time_share >= 1 else point.rate * max(0.0, 1 - point.peak_share) / (1 - time_share)


def consumers_to_recover(point: Point, within_s: float) -> int:
    """Consumers that work off the stated outage's backlog in time: lambda / mu + B / (mu RTO)."""
    work_s = point.mean_s * point.attempts
    return math.ceil(
        min(1e9, theory.consumers_to_recover(point.arrives_in_outage, point.rate, work_s, within_s)) - 1e-9
    )

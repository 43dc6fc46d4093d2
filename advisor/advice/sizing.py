"""How much of everything: useful concurrency, consumers a queue, retries, alarms, drain times."""

import math
from dataclasses import dataclass

from advisor.advice.answers import Answers, Priority
from advisor.advice.contract import Concurrency, Queue, RetryPlan
from advisor.advice.facts import Point
from advisor.advice.facts.queueing import NEAR_CAPACITY
from simulator import theory

WAITS = 0.95
"""The share of a class's jobs that are to start within its longest wait."""
ALARM = 0.8
"""An alarm sounds at this part of what would miss, so that there is time to act."""
STEADY_UTILISATION = 0.9
"""No queue is planned to be busier than this over the day."""
SPARE = 0.1
"""Retries may leave this part of the tolerated misses to failures."""


def concurrency(point: Point) -> Concurrency:
    """Up to how many calls at once more consumers help, from the provider's terms alone, and what binds."""
    terms = {
        "concurrency": point.concurrency,
        "requests per minute": point.requests_cap * point.mean_s,
        "input tokens per minute": point.input_cap * point.mean_s,
        "output tokens per minute": point.output_cap * point.mean_s,
    }
    binding = min(terms, key=lambda name: terms[name])
    most = max(point.workers, point.consumers)
    if not math.isfinite(terms[binding]):
        return Concurrency(useful=int(most), bound_by="workers")
    useful = max(1, math.ceil(terms[binding] - 1e-9))
    return Concurrency(useful=useful, bound_by=binding if useful <= most else "workers")


def provider_cap(point: Point) -> float:
    """Jobs a second that the provider's terms alone allow."""
    return min(
        point.concurrency / (point.mean_s * point.attempts), point.requests_cap, point.input_cap, point.output_cap
    )


@dataclass(frozen=True)
class Stream:
    """The jobs of one class, as its queue meets them."""

    rate: float
    peak_rate: float
    peak_s: float
    work_s: float
    """Time a job holds a consumer, all attempts together."""
    factor: float
    """(Ca^2 + Cs^2) / 2 of Allen-Cunneen."""

    def wait_s(self, consumers: int) -> float:
        """The wait that 95 % keep, in the peak: what gathers beyond capacity, and the stationary wait beneath it (Erlang C, Allen-Cunneen)."""
        cap = consumers / self.work_s
        stable = min(self.peak_rate, NEAR_CAPACITY * cap)
        gathers = max(0.0, self.peak_rate / cap - 1) * self.peak_s
        return gathers + self.factor * theory.wait_quantile_s(stable, self.work_s, consumers, WAITS)

    @property
    def steady(self) -> int:
        """Consumers that the mean rate needs over the day."""
        return max(1, math.ceil(self.rate * self.work_s / STEADY_UTILISATION))

    def consumers(self, max_wait_s: float, most: int) -> int:
        """The fewest consumers, `most` at the most, with which 95 % wait no longer than `max_wait_s`. The wait falls with each one more."""
        low, high = self.steady, max(self.steady, most)
        while low < high:
            middle = (low + high) // 2
            if self.wait_s(middle) <= max_wait_s:
                high = middle
            else:
                low = middle + 1
        return low


def stream_of(point: Point, share: float = 1.0) -> Stream:
    """A share of the load as one queue meets it."""
    return Stream(
        rate=point.rate * share,
        peak_rate=point.peak_rate * share,
        peak_s=point.peak_s,
        work_s=point.mean_s * point.attempts,
        factor=(point.arrival_cv**2 + point.service_cv2) / 2,
    )


@dataclass(frozen=True)
class Plan:
    """The queues, and how many consumers their wait targets would take."""

    queues: tuple[Queue, ...]
    needed: int
    available: int


def plan(answers: Answers, point: Point) -> Plan:
    """A queue a class, the consumers shared out: what keeps each queue up with its mean rate, then the most urgent's target first."""
    classes = answers.priorities.shares()
    streams = {name: stream_of(point, priority.share_percent / 100) for name, priority in classes.items()}
    available = int(min(max(point.workers, point.consumers), max(concurrency(point).useful, 1)))
    if point.ordered_globally:
        available = 1
    reach = max(4 * available, 1000)
    needs = {name: streams[name].consumers(priority.max_wait_s, reach) for name, priority in classes.items()}
    given = _shared_out(needs, {name: stream.steady for name, stream in streams.items()}, available)
    queues = tuple(_queue(name, classes[name], given[name], streams[name], point) for name in classes)
    return Plan(queues, sum(needs.values()), available)


def _shared_out(needs: dict[str, int], steady: dict[str, int], available: int) -> dict[str, int]:
    given = {name: min(steady[name], needs[name]) for name in needs}
    if sum(given.values()) > available:
        total = sum(given.values())
        return {name: max(1, available * count // total) for name, count in given.items()}
    left = available - sum(given.values())
    for name, need in needs.items():
        more = min(left, need - given[name])
        given[name] += more
        left -= more
    return given


def _queue(name: str, priority: Priority, consumers: int, stream: Stream, point: Point) -> Queue:
    allowed = max(0.0, min(priority.max_wait_s, point.deadline_s - point.p95_s))
    return Queue(
        name=name,
        share_percent=priority.share_percent,
        consumers=consumers,
        max_wait_s=priority.max_wait_s,
        alarm_depth=max(1, math.floor(ALARM * allowed * consumers / stream.work_s)),
        alarm_lag_s=ALARM * allowed,
    )


def retries(answers: Answers, point: Point) -> RetryPlan:
    """As few retries as leave a tenth of the tolerated misses to failures; never more than were asked for, nor than the deadline has time for."""
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
        jitter=failures.jitter,
        all_fail_probability=theory.all_attempts_fail(point.transient, enough),
    )


def window_s(answers: Answers, attempts: int) -> float:
    """The longest time that the pauses before this many retries span."""
    failures = answers.failures
    return math.fsum(min(failures.backoff_cap_s, failures.backoff_base_s * 2.0**n) for n in range(attempts))


def drain_after_peak_s(point: Point) -> float:
    """How long the backlog of a peak takes to go, at the mean rate of the rest of the day; infinite where it never does."""
    gathered = max(0.0, point.peak_rate - point.cap) * point.peak_s
    return drain_s(point, gathered)


def drain_after_outage_s(point: Point) -> float:
    """How long the backlog of the stated outage takes to go."""
    return drain_s(point, point.arrives_in_outage)


def drain_s(point: Point, backlog: float) -> float:
    """B / (capacity - arrivals), the arrivals being those between the peaks (fluid approximation)."""
    spare = point.cap - between_peaks(point)
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
    return math.ceil(theory.consumers_to_recover(point.arrives_in_outage, point.rate, work_s, within_s) - 1e-9)

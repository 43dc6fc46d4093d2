"""How much of everything: worker costs, useful concurrency, consumers a queue, alarms."""

import math
from dataclasses import dataclass, fields

import numpy as np

from advisor.advice import library
from advisor.advice.answers import Answers, Priority
from advisor.advice.contract import Concurrency, Queue
from advisor.advice.facts import HANDLING_MEDIAN, PointFacts
from advisor.advice.few_jobs import queue_classes
from advisor.advice.queueing import NEAR_CAPACITY, erlang_c
from simulator.lognormal import Lognormal


@dataclass(frozen=True)
class WorkerCosts:
    accept_s: float
    dispatch_s: float
    retry_tick_s: float


def worker_costs(answers: Answers) -> WorkerCosts:
    """As answered, else as the kind of worker has it."""
    operations, usual = answers.operations, library.worker_kinds()[answers.operations.worker_kind]
    names = [cost.name for cost in fields(WorkerCosts)]
    given = {name: getattr(operations, name) for name in names}
    return WorkerCosts(**{name: getattr(usual, name) if given[name] is None else given[name] for name in names})


WAITS = 0.95
"""The share of a class's jobs that are to start within its longest wait."""
ALARM = 0.8
"""An alarm sounds at this part of what would miss, so that there is time to act."""
LONGEST_WAIT_PART = 0.5
"""The alarm for busy workers: in line, a caller notices a mean wait of half of processing."""
STEADY_UTILISATION = 0.9
"""No queue is planned to be busier than this over the day."""
MOST_CONSUMERS = 1_000_000
"""Where the search for consumers ends."""


def concurrency(point: PointFacts) -> Concurrency:
    """Up to how many calls at once more consumers help, from one order of results or the provider's terms alone, and what binds."""
    terms = {
        "concurrency": point.capacity.concurrency,
        "requests per minute": point.capacity.requests_cap * point.work.mean_s,
        "input tokens per minute": point.capacity.input_cap * point.work.mean_s,
        "output tokens per minute": point.capacity.output_cap * point.work.mean_s,
    }
    if point.capacity.ordered_globally:
        return Concurrency(useful=1, bound_by="order")
    binding = min(terms, key=lambda name: terms[name])
    most = int(point.capacity.consumers)
    if not math.isfinite(terms[binding]):
        return Concurrency(useful=most, bound_by="workers")
    useful = max(1, math.ceil(min(terms[binding], MOST_CONSUMERS) - 1e-9))
    return Concurrency(useful=useful, bound_by=binding if useful <= most else "workers")


BEYOND_QUOTA = 1.5
"""A quota that binds is used up by this many times the consumers that it keeps busy on average."""


def most_consumers(point: PointFacts) -> int:
    """More consumers bring nothing, or are not allowed."""
    useful = concurrency(point)
    return min(int(point.capacity.consumers), math.ceil(useful.useful * (BEYOND_QUOTA if useful.is_quota else 1)))


def provider_cap(point: PointFacts) -> float:
    """Jobs a second that the provider's terms alone allow."""
    return min(
        point.capacity.concurrency / (point.work.mean_s * point.failure.attempts),
        point.capacity.requests_cap,
        point.capacity.input_cap,
        point.capacity.output_cap,
    )


@dataclass(frozen=True)
class Stream:
    rate: float
    peak_rate: float
    peak_s: float
    work_s: float
    """Time a job holds a consumer, all attempts and their dispatch together."""
    factor: float
    """(Ca^2 + Cs^2) / 2 of Allen-Cunneen."""

    def wait_s(self, consumers: int) -> float:
        """The wait that 95 % keep, in the peak: the backlog beyond capacity, and the stationary wait below it (Erlang C, Allen-Cunneen)."""
        cap = consumers / self.work_s
        stable = min(self.peak_rate, NEAR_CAPACITY * cap)
        gathers = max(0.0, self.peak_rate / cap - 1) * self.peak_s
        waits = float(erlang_c(np.array([float(consumers)]), np.array([stable * self.work_s]))[0])
        stationary = math.log(waits / (1 - WAITS)) / (cap - stable) if waits > 1 - WAITS else 0.0
        return gathers + self.factor * stationary

    @property
    def steady(self) -> int:
        return max(1, math.ceil(min(self.rate * self.work_s / STEADY_UTILISATION, MOST_CONSUMERS)))

    def consumers(self, max_wait_s: float) -> int:
        """The fewest consumers with which 95 % wait no longer than `max_wait_s`. The wait falls with each one more."""
        low, high = self.steady, MOST_CONSUMERS
        while low < high:
            middle = min((low + high) // 2, 2 * low)
            if self.wait_s(middle) <= max_wait_s:
                high = middle
            else:
                low = middle + 1
        return low


def consumers_at_work(point: PointFacts) -> float:
    """How many consumers a peak keeps busy, if all of it is worked on as it comes."""
    return point.load.peak_rate * stream_of(point).work_s


def stream_of(point: PointFacts, share: float = 1.0, priority: Priority | None = None) -> Stream:
    """Of a class, whose times may differ from the others'."""
    usual = point.answers.processing
    mean_s, cv2 = point.work.mean_s, point.work.service_cv2
    if priority is not None and priority.p50_s is not None:
        times = Lognormal.through(priority.p50_s, priority.p95_s or priority.p50_s * usual.p95_s / usual.p50_s)
        mean_s, cv2 = float(times.mean_s), float(times.cv2)
    return Stream(
        rate=point.load.rate * share,
        peak_rate=point.load.peak_rate * share,
        peak_s=point.load.peak_s,
        work_s=(mean_s + worker_costs(point.answers).dispatch_s) * point.failure.attempts,
        factor=(point.load.arrival_cv**2 + cv2) / 2,
    )


EVENTS = "events"
"""The queue of a hybrid that answers everything in line: each result goes to the subscribers, as an event."""
MOST_OF_A_SUBSCRIBER = 10_000
SHORTEST_WAIT_S = 0.01
"""No wait for a subscriber is planned to be shorter."""


def events_queue(answers: Answers, point: PointFacts) -> Queue:
    """The consumers of each subscriber, by its handling of events; the model's work is done in line.

    An event waits no longer than it takes to be handled (p95): the same consumers answer the calls of a synchronous design.
    """
    p95_s = answers.subscribers.handling_p95_s
    handling = Lognormal.through(p95_s * HANDLING_MEDIAN, p95_s) if p95_s > 0 else None
    stream = Stream(
        rate=point.load.rate,
        peak_rate=point.load.peak_rate,
        peak_s=point.load.peak_s,
        work_s=max(1e-6, (float(handling.mean_s) if handling else 0.0) + worker_costs(answers).dispatch_s),
        factor=(point.load.arrival_cv**2 + (float(handling.cv2) if handling else 0.0)) / 2,
    )
    longest_s = min(priority.max_wait_s for priority in answers.priorities.shares().values())
    max_wait_s = min(longest_s, max(p95_s, SHORTEST_WAIT_S))
    consumers = min(MOST_OF_A_SUBSCRIBER, stream.consumers(max_wait_s))
    return Queue(
        name=EVENTS,
        share_percent=100.0,
        consumers=consumers,
        max_wait_s=max_wait_s,
        alarm_depth=_alarm_depth(longest_s, consumers, stream),
        alarm_lag_s=ALARM * longest_s,
    )


def knee(point: PointFacts, servers: float) -> float:
    """The utilisation past which the mean wait is longer than half of processing (Erlang C, Allen-Cunneen): .33 for one worker, .9 for ten.

    Waits grow as fast as they like past it; one flat figure for all numbers of workers is wrong at both ends.
    """
    factor = (point.load.arrival_cv**2 + point.work.service_cv2) / 2
    tried = np.linspace(0.01, 0.99, 99)
    waits = factor * erlang_c(np.full_like(tried, servers), tried * servers) / (servers * (1 - tried))
    fits = tried[waits <= LONGEST_WAIT_PART]
    return float(fits[-1]) if len(fits) else float(tried[0])


@dataclass(frozen=True)
class Plan:
    queues: tuple[Queue, ...]
    needed: int
    available: int
    steady: int
    """The consumers that keep up with the mean rate."""


def allowed_waits_s(answers: Answers, point: PointFacts) -> dict[str, float]:
    """How long 95 % of each class may wait: as answered, or what the deadline leaves after processing (p95), if that is shorter."""
    classes, left_s = queue_classes(answers, point), left_for_waiting_s(answers, point)
    return {
        name: min(priority.max_wait_s, left_s[name]) if left_s[name] > 0 else priority.max_wait_s
        for name, priority in classes.items()
    }


def left_for_waiting_s(answers: Answers, point: PointFacts) -> dict[str, float]:
    """What the deadline leaves of each class after processing (p95); negative if that alone takes longer."""
    usual = answers.processing
    times_s = {
        name: usual.p95_s if priority.p50_s is None else priority.p95_s or priority.p50_s * usual.p95_s / usual.p50_s
        for name, priority in queue_classes(answers, point).items()
    }
    return {name: point.caller.deadline_s - p95_s for name, p95_s in times_s.items()}


def plan(answers: Answers, point: PointFacts) -> Plan:
    """A queue a class, the consumers shared out: first what keeps each queue up with its mean rate, then the most urgent's target."""
    classes = queue_classes(answers, point)
    streams = {name: stream_of(point, priority.share_percent / 100, priority) for name, priority in classes.items()}
    available = int(min(point.capacity.consumers, concurrency(point).useful))
    waits_s = allowed_waits_s(answers, point)
    needs = {name: streams[name].consumers(waits_s[name]) for name in classes}
    steady = {name: stream.steady for name, stream in streams.items()}
    given = _shared_out(needs, steady, available)
    queues = tuple(_queue(name, classes[name], given[name], streams[name], waits_s[name]) for name in classes)
    return Plan(queues, sum(needs.values()), available, sum(steady.values()))


def work_shares(answers: Answers, point: PointFacts) -> dict[str, float]:
    """Of the work that arrives, each queue's part."""
    classes = queue_classes(answers, point)
    streams = {name: stream_of(point, priority.share_percent / 100, priority) for name, priority in classes.items()}
    total = sum(stream.rate * stream.work_s for stream in streams.values())
    return {name: stream.rate * stream.work_s / total for name, stream in streams.items()}


def _shared_out(needs: dict[str, int], steady: dict[str, int], available: int) -> dict[str, int]:
    given = {name: min(steady[name], needs[name]) for name in needs}
    total = sum(given.values())
    if total > available:
        return {name: max(1, available * consumers // total) for name, consumers in given.items()}
    left = available - total
    for name, need in needs.items():
        more = min(left, need - given[name])
        given[name] += more
        left -= more
    return given


def _queue(name: str, priority: Priority, consumers: int, stream: Stream, allowed: float) -> Queue:
    return Queue(
        name=name,
        share_percent=priority.share_percent,
        consumers=consumers,
        max_wait_s=allowed,
        alarm_depth=_alarm_depth(allowed, consumers, stream),
        alarm_lag_s=ALARM * allowed,
    )


def _alarm_depth(allowed_s: float, consumers: int, stream: Stream) -> int:
    """One job that waits is no cause for alarm."""
    return max(2, math.floor(ALARM * allowed_s * consumers / stream.work_s))

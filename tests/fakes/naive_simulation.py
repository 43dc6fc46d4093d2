"""Both designs as slow, plain event simulations over objects: the oracle that the compiled loops must agree with, event by event.

Nothing here comes from the simulator; the random numbers are its own (naive_draws), and so is the order of simultaneous events:
the end of work, then connections tried again, then patience, then calls again, then the provider's limits, then arrivals, then the autoscaler.
"""

import heapq
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from math import ceil, exp, floor, inf, log
from typing import Any

from scipy.special import ndtri

from tests.fakes.naive_draws import (
    HANDLING,
    JITTER,
    PHASE,
    RECONNECT,
    REFUSAL,
    SUB_JITTER,
    TICK,
    WEBHOOK,
    Draws,
)

WORK, CONNECT, PATIENCE, AGAIN, LIMIT, ARRIVAL, LOOK = range(7)
LEASE = CONNECT
LEASED = ("redelivered", "duplicates")
OUTCOMES = ("completed", "failed", "timed_out", "rejected", "dead_lettered", "undelivered", "lost")


class Job:
    def __init__(self, number: int, arrived: float, place: int) -> None:
        self.number, self.arrived, self.place = number, arrived, place
        self.attempt = self.caller = 0
        self.waited = self.backoff = 0.0
        self.probes = 0
        self.refused = False
        self.met_outage = False
        self.started = self.accepted = self.probe = self.abandoned = False
        self.streams = False
        self.gave_up = inf
        self.listening = True
        self.called_at, self.deliveries = arrived, 0
        self.unhandled = False
        self.life: Life | None = None


class Life:
    """What several deliveries of one job have in common."""

    def __init__(self) -> None:
        self.results, self.settled = 0, False


class Delivery:
    """A job in the hands of one consumer."""

    def __init__(self, job: Job, began: float) -> None:
        self.job, self.began = job, began
        self.late = self.over = self.fails = False
        self.end: Callable[[bool], None] = lambda silent: None


class Account:
    """What became of the jobs of one class."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.waits: list[float] = []
        self.latencies: list[float] = []


class Naive:
    def __init__(
        self, scenario: Any, draws: Draws, jobs: float, last: float, drains: bool, servers: int, limited: bool
    ) -> None:
        self.scenario, self.draws, self.drains = scenario, draws, drains
        self.timer = inf
        self.calendar: list[tuple[float, int, int, Callable[[], None]]] = []
        self.serial = 0
        self.now = 0.0
        self.jobs, self.last, self.end = jobs, last, scenario.duration_s or inf
        self.instants = draws.arrivals()
        self.next_job, self.more = 0, True
        self.closed = scenario.arrivals.process == "closed"
        self.sent: list[float] = []
        self.outside: set[Job] = set()
        self.leased: set[Delivery] = set()
        self.free_at: dict[int, list[float]] = {}
        self.idle, self.queued, self.in_system, self.calls_now = servers, 0, 0, 0
        self.counts = dict.fromkeys(
            ("offered", "accepted", "good", "calls", "paced", "delivery", "called_again", *LEASED, *OUTCOMES), 0
        )
        self.waits: list[float] = []
        self.called_at: list[float] = []
        self.busy = self.lag = 0.0
        self.classes = [Account() for _ in scenario.event_driven.queues]
        self.latencies: list[float] = []
        self.arrived: list[float] = []
        self.settled: list[tuple[float, float, str]] = []
        self.offered_jobs: dict[int, tuple[float, int]] = {}
        self.settled_jobs: dict[int, tuple[str, float]] = {}
        self.wasted = self.area = self.area_since = 0.0
        self.fans = [[0, 0, 0] for _ in range(self.called())]
        provider = scenario.provider
        self.limited = limited
        self.shared: list[list[Any]] = []
        self.worked_until = 0.0
        self.first_end: Callable[[], None] | None = None
        own = 1 - provider.others_percent / 100
        requests, tokens_in, tokens_out = (
            quota and quota * own
            for quota in (
                provider.requests_per_minute,
                provider.input_tokens_per_minute,
                provider.output_tokens_per_minute,
            )
        )
        self.buckets = [
            [requests, float(provider.burst_requests), None],
            [tokens_in, tokens_in, None],
            [tokens_out, tokens_out, None],
        ]
        self.full = [-inf, -inf, -inf]
        self.calls_of_day: dict[int, int] = {}
        self.fired = {f"{scenario.arrivals.process} arrivals", f"{scenario.service.distribution} service"}
        self.history: list[tuple[Any, ...]] = []
        self.levels: list[tuple[float, int]] = []
        self.servers, self.starting = servers, 0
        if scenario.autoscaling is not None:
            scaling = scenario.autoscaling
            self.servers = self.idle = min(max(servers, scaling.min), scaling.max)
            self.at(15.0, LOOK, self.look)

    def saw(self, what: str) -> None:
        """Note what came to pass, so that a test can say whether its scenarios turn every knob."""
        self.fired.add(what)

    def look(self) -> None:
        scaling = self.scenario.autoscaling
        self.at(self.now + 15.0, LOOK, self.look)
        there = wanted = self.servers + self.starting
        if self.queued:
            if scaling.target_depth is not None and self.queued / self.servers > scaling.target_depth:
                wanted = max(wanted, ceil(self.queued / scaling.target_depth))
            if scaling.target_lag_s is not None and self.oldest() > scaling.target_lag_s:
                wanted = max(wanted, ceil(self.servers * min(2.0, self.oldest() / scaling.target_lag_s)))
        elif self.idle and there > scaling.min:
            self.saw("scaled down")
            self.servers -= 1
            self.idle -= 1
            return
        more = min(wanted, scaling.max) - there
        if more > 0:
            self.starting += more
            self.at(self.now + scaling.start_up_s, WORK, lambda: self.are_ready(more))

    def are_ready(self, more: int) -> None:
        self.saw("scaled up")
        self.servers += more
        self.starting -= more
        self.idle += more
        self.servers_came()

    def oldest(self) -> float:
        raise NotImplementedError

    def servers_came(self) -> None:
        raise NotImplementedError

    def called(self) -> int:
        waits = self.scenario.event_driven.delivery.method != "none"
        return max(0, self.scenario.subscribers.count - waits)

    def at(self, instant: float, priority: int, action: Callable[[], None]) -> None:
        self.serial += 1
        heapq.heappush(self.calendar, (instant, priority, self.serial, action))

    def plan_arrival(self, delay: float) -> None:
        instant = next(self.instants, inf) if self.next_job < self.jobs else inf
        if instant > self.last or instant == inf:
            self.more = False
            return
        self.pending = instant
        self.at(instant + delay, ARRIVAL, lambda: self.arrival(instant, delay))

    def arrival(self, instant: float, delay: float) -> None:
        job = Job(self.next_job, instant, self.draws.place(self.next_job))
        self.arrived.append(instant)
        if self.scenario.service_by_queue:
            self.saw("service of its queue")
        if job.number >= self.scenario.warmup_jobs:
            self.levels.append((instant, self.waiting()))
        self.next_job += 1
        self.in_system += 1
        if job.number == self.scenario.warmup_jobs:
            self.area, self.area_since = 0.0, self.now
        self.count("offered", job)
        self.offered_jobs[job.number] = instant, job.place
        self.classes[job.place].counts["offered"] += job.number >= self.scenario.warmup_jobs
        self.plan_arrival(delay)
        self.arrive(job)

    def send_at(self, instant: float, delay: float) -> None:
        """A client of a closed system will send its next request."""
        self.sent.append(instant)

        def sends() -> None:
            self.sent.remove(instant)
            self.arrival(instant, delay)
            if self.next_job >= self.jobs:
                self.sent = []
                self.calendar = [entry for entry in self.calendar if entry[1] != ARRIVAL]
                heapq.heapify(self.calendar)

        self.at(instant + delay, ARRIVAL, sends)

    def client_returns(self, job: Job, learns: float) -> None:
        if self.closed and job.number >= self.scenario.backlog_jobs and self.next_job < self.jobs:
            self.saw("sent at once" if learns == job.arrived else "thought")
            self.send_at(max(learns + self.draws.think(job.number), job.arrived + 0.001), self.delay)

    def arrive(self, job: Job) -> None:
        raise NotImplementedError

    def waiting(self) -> int:
        """The backlog: jobs, and calls at the server, that wait or back off without a server, and callers who will call again."""
        return self.in_system - (self.servers - self.idle)

    def count(self, what: str, job: Job, by: int = 1) -> None:
        if job.number >= self.scenario.warmup_jobs:
            self.counts[what] += by

    def queue_changes(self, by: int) -> None:
        self.area += self.queued * (self.now - self.area_since)
        self.area_since = self.now
        self.queued += by

    def leaves_queue(self, since: float) -> None:
        self.queue_changes(-1)
        self.lag = max(self.lag, self.now - since)

    def run(self, delay: float = 0.0) -> None:
        self.delay = delay
        self.plan_arrival(delay)
        if self.scenario.backlog_jobs:
            self.saw("began with a backlog")
        if self.closed:
            for client in range(self.scenario.arrivals.clients):
                self.send_at(self.draws.think(client, first=True), delay)
        while self.goes_on() and (self.drains or self.more):
            if self.calendar[0][0] > self.end:
                break
            instant, _, _, action = heapq.heappop(self.calendar)
            self.busy += (self.servers - self.idle) * (instant - self.now)
            self.now = instant
            action()
            self.history.append((self.now, self.queued, self.idle, self.in_system, *self.counts.values()))
        if self.calendar and self.end < inf:
            self.busy += (self.servers - self.idle) * (self.end - self.now)
        if self.more and self.end < inf:
            while self.pending <= self.end and self.more:
                self.counts["offered"] += self.next_job >= self.scenario.warmup_jobs
                self.offered_jobs[self.next_job] = self.pending, self.draws.place(self.next_job)
                self.in_system += 1
                self.next_job += 1
                self.calendar = []
                self.plan_arrival(delay)
        for instant in sorted(instant for instant in self.sent if instant <= self.end < inf)[: self.left()]:
            self.offered_jobs[self.next_job] = instant, self.draws.place(self.next_job)
            self.counts["offered"] += self.next_job >= self.scenario.warmup_jobs
            self.in_system += 1
            self.next_job += 1

    def left(self) -> int | None:
        return None if self.jobs == inf else int(self.jobs) - self.next_job

    def goes_on(self) -> bool:
        """Whether anything is still to happen, but for the autoscaler's looks and the patience and SYNs of clients who have their answer."""
        return (
            bool(self.outside)
            or bool(self.leased)
            or any(
                entry[1] in (WORK, AGAIN, ARRIVAL) or (entry[1] == LIMIT and self.timer < inf)
                for entry in self.calendar
            )
        )

    # the provider

    def opens(self, job: Job) -> float:
        wanted = (1.0, *self.draws.tokens(job.number))
        if self.calls_of_day.get(self.day(), 0) >= self.calls_a_day():
            self.saw("waited for the next day")
            return (self.day() + 1) * 86_400.0
        return max(
            (
                full - (size - min(want, size)) / (quota / 60)
                for (quota, size, _), full, want in zip(self.buckets, self.full, wanted, strict=True)
                if quota is not None
            ),
            default=-inf,
        )

    def charge(self, job: Job, sign: int) -> None:
        if sign < 0:
            self.saw("quota given back")
        self.calls_of_day[self.day()] = max(0, self.calls_of_day.get(self.day(), 0) + sign)
        for place, want in enumerate((1.0, *self.draws.tokens(job.number))):
            quota = self.buckets[place][0]
            if quota is not None:
                base = max(self.full[place], self.now) if sign > 0 else self.full[place]
                self.full[place] = base + sign * want / (quota / 60)

    def calls_a_day(self) -> float:
        provider = self.scenario.provider
        if provider.requests_per_day is None:
            return inf
        return max(1, floor(provider.requests_per_day * (1 - provider.others_percent / 100)))

    def ask(self, job: Job) -> None:
        """A call reaches the provider's limits: it is let through, or (unpaced) refused."""
        provider = self.scenario.provider
        job.refused = provider.pacing == "none" and not (self.room() and self.opens(job) <= self.now + 1e-9)
        if not job.refused:
            self.calls_now += 1
            self.charge(job, 1)
            return
        self.saw("refused")
        self.count("paced", job)
        if not provider.failed_calls_count:
            return
        if self.calls_of_day.get(self.day(), 0) < self.calls_a_day():
            self.calls_of_day[self.day()] = self.calls_of_day.get(self.day(), 0) + 1
        for place, want in enumerate((1.0, *self.draws.tokens(job.number))):
            quota, size, _ = self.buckets[place]
            if quota is not None:
                left = (self.now - self.full[place]) * quota / 60 + size  # in the bucket, were it without bounds
                left = min(left, size)
                self.full[place] = self.now + (size - max(min(left, 0.0), left - want)) / (quota / 60)

    def leave_provider(self, job: Job, fails: bool) -> None:
        if not job.refused:
            self.calls_now -= 1
            if fails and not self.scenario.provider.failed_calls_count:
                self.charge(job, -1)

    def retry_pause(self, job: Job) -> float:
        if (
            job.refused
            and self.scenario.provider.retry_after == "honoured"
            and self.opens(job) > self.now + job.backoff
        ):
            self.saw("heeded retry-after")
            return self.opens(job) - self.now
        return job.backoff

    def day(self) -> int:
        return floor((self.now + 1e-9) / 86_400)

    def outage(self, instant: float) -> Any:
        return next(
            (o for o in self.scenario.provider.outages if o.start_s <= instant < o.start_s + o.length_s),
            None,
        )

    def wake(self, instant: float, action: Callable[[], None]) -> None:
        self.timer = instant
        self.saw("waited for the limits")

        def look_again() -> None:
            if self.timer == instant:
                self.timer = inf
                action()

        self.at(instant, LIMIT, look_again)

    def room(self) -> bool:
        most = self.scenario.provider.max_concurrency
        if most is not None and self.calls_now >= most:
            self.saw("waited for other calls")
        return most is None or self.calls_now < most

    # the tally

    def start_call(
        self,
        job: Job,
        instant: float,
        fails: bool,
        ends: Callable[[bool], None],
        first: tuple[float, Callable[[], None]] | None = None,
    ) -> None:
        """The call reaches the model at `instant`. `ends` when it is done: with True if it has no answer. `first`: work and what it leads to."""
        provider, failure_s = self.scenario.provider, self.scenario.failures.failure_s
        timeout, outage = provider.call_timeout_s or inf, self.outage(instant)
        job.met_outage = outage is not None
        if job.refused:
            self.at(instant, WORK, lambda: ends(True))
            return
        if outage is not None:
            hangs = outage.mode == "hang"
            self.saw("hung" if hangs else "outage")
            seconds = outage.start_s + outage.length_s - instant if hangs else failure_s or 0.0
            self.plan_end(instant + min(seconds, timeout), ends, True)
            return
        fails_early = fails and failure_s is not None
        seconds = self.draws.service(job.number)
        if fails_early:
            self.saw("failed after a time of its own")
            seconds = failure_s
        gives_up = seconds > timeout
        if provider.slowdown is not None:
            if fails_early:
                seconds = min(seconds, timeout)
            if instant > self.now:
                self.at(instant, WORK, lambda: self.share(seconds, fails_early, gives_up, ends))
            else:
                self.share(seconds, fails_early, gives_up, ends, first)
            return
        if gives_up:
            self.saw("call timed out")
        elif first is not None:
            self.at(instant + min(first[0], seconds), WORK, first[1])
        self.plan_end(instant + min(seconds, timeout), ends, gives_up)

    def plan_end(self, instant: float, ends: Callable[[bool], None], silent: bool) -> None:
        self.at(instant, WORK, partial(ends, silent))

    def abandon_call(self, ends: Callable[[bool], None]) -> None:
        self.calendar = [entry for entry in self.calendar if getattr(entry[3], "func", None) is not ends]
        heapq.heapify(self.calendar)

    def share(
        self,
        seconds: float,
        fails_early: bool,
        gives_up: bool,
        ends: Callable[[bool], None],
        first: tuple[float, Callable[[], None]] | None = None,
    ) -> None:
        self.work_on()
        until_byte, byte = first or (inf, None)
        call = [inf if fails_early else seconds, ends, lambda: None, min(until_byte, seconds) if byte else inf, byte]
        self.shared.append(call)
        self.saw("shared the model" if len(self.shared) > 1 else "had the model alone")
        self.plan_first_end()
        if fails_early:
            call[2] = lambda: self.leave(call, gives_up)
            self.at(self.now + seconds, WORK, call[2])
        elif self.scenario.provider.call_timeout_s is not None:
            call[2] = lambda: self.leave(call, True)
            self.at(self.now + self.scenario.provider.call_timeout_s, WORK, call[2])

    def leave(self, call: list[Any], silent: bool) -> None:
        if silent:
            self.saw("call timed out while it shared the model")
        self.work_on()
        self.shared = [other for other in self.shared if other is not call]
        self.calendar = [entry for entry in self.calendar if entry[3] is not call[2]]
        self.plan_first_end()
        call[1](silent)

    def work_on(self) -> None:
        """Every call in flight gets the same speed, whatever has happened since the last change of their number."""
        done = (self.now - self.worked_until) / self.slowness() if self.shared else 0.0
        self.worked_until = self.now
        for call in self.shared:
            call[0] -= done
            call[3] -= done

    def slowness(self) -> float:
        slowdown, mean = self.scenario.provider.slowdown, self.draws.mean_service()
        steepness = (slowdown.high_mean_s - mean) / (slowdown.high_in_flight - slowdown.measured_in_flight)
        return float(mean + steepness * (len(self.shared) - slowdown.measured_in_flight)) / mean

    def plan_first_end(self) -> None:
        self.calendar = [entry for entry in self.calendar if entry[3] is not self.first_end]
        heapq.heapify(self.calendar)
        if self.shared:
            left = max(0.0, min(min(call[0], call[3]) for call in self.shared))
            if left == inf:
                return
            self.first_end = lambda: self.end_first()
            self.at(self.now + left * self.slowness(), WORK, self.first_end)

    def end_first(self) -> None:
        first = min(self.shared, key=lambda call: min(call[0], call[3]))
        if first[3] > first[0]:
            self.leave(first, False)
            return
        self.work_on()
        first[3] = inf
        self.plan_first_end()
        first[4]()

    def settle(self, job: Job, outcome: str, instant: float, learns: float = -inf) -> None:
        """`learns`: when the client does, if later."""
        if job.life is not None:
            job.life.settled = True
        self.in_system -= 1
        self.settled.append((job.arrived, instant, outcome))
        self.settled_jobs[job.number] = outcome, instant
        self.client_returns(job, max(instant, learns))
        self.saw(outcome)
        self.count(outcome, job)
        if job.number < self.scenario.warmup_jobs:
            return
        own = self.classes[job.place]
        own.counts[outcome] += 1
        if job.accepted:
            self.waits.append(job.waited)
            own.waits.append(job.waited)
        if outcome == "completed":
            latency = instant - job.arrived
            self.latencies.append(latency)
            own.latencies.append(latency)
            good = latency <= self.deadline(job) + 1e-9
            self.saw("good" if good else "late")
            self.counts["good"] += good
            own.counts["good"] += good

    def deadline(self, job: Job) -> float:
        return self.deadline_of(job.place)

    def deadline_of(self, place: int) -> float:
        deadline = self.scenario.deadline_s
        if isinstance(deadline, dict):
            return float(deadline.get(list(self.scenario.event_driven.queues)[place], inf))
        return float(deadline or inf)

    def left_open(self) -> list[list[int]]:
        """By class: jobs that the cut leaves undecided, jobs that the good share leaves out, and the good ones of those."""
        counts = [[0, 0, 0] for _ in self.classes]
        for number, (arrived, place) in self.offered_jobs.items():
            deadline = self.deadline_of(place)
            if number < self.scenario.warmup_jobs or arrived + deadline <= self.end + 1e-9:
                continue
            outcome, instant = self.settled_jobs.get(number, ("", inf))
            counts[place][0] += not outcome and deadline < inf
            counts[place][1] += not outcome or deadline < inf
            counts[place][2] += deadline < inf and outcome == "completed" and instant - arrived <= deadline + 1e-9
            self.saw("settled before its deadline at the cut" if outcome else "left undecided")
        return counts

    def ages_at_the_cut(self) -> list[float]:
        counted = range(self.scenario.warmup_jobs, self.next_job)
        return [self.end - self.offered_jobs[job][0] for job in counted if job not in self.settled_jobs]

    def worked(self, job: Job, began: float, useless_from: float) -> None:
        if job.number >= self.scenario.warmup_jobs and useless_from < self.now:
            self.saw("wasted work")
            self.wasted += self.now - max(began, useless_from)

    def handling(self, job: Job, subscriber: int) -> float:
        subscribers, retries = self.scenario.subscribers, self.retries
        fails_the_call = self.in_line_fails and subscribers.inline_failure == "fails_the_call"
        number = job.number + (job.caller * 2**30 if fails_the_call else 0)
        p50 = subscribers.handling_p50_s or subscribers.handling_p95_s
        once = 0.0
        if p50 > 0:
            sigma = (
                log(subscribers.handling_p95_s / p50) / 1.6448536269514722 if subscribers.handling_p95_s > p50 else 0.0
            )
            once = exp(log(p50) + sigma * float(ndtri(self.draws.uniform(number, HANDLING, subscriber))))
        taken, pause, handled = 0.0, 0.0, False
        for attempt in range(retries + 1):
            taken += once
            index = subscriber * 101 + attempt
            if self.draws.uniform(number, REFUSAL, index) >= subscribers.failure_percent / 100:
                handled = True
                break
            if attempt < retries:
                pause = self.draws.backoff(self.draws.uniform(number, SUB_JITTER, index), attempt, pause, retries)
                taken += pause
        if subscribers.consumers is not None:
            free = self.free_at.setdefault(subscriber, [0.0] * subscribers.consumers)
            free.sort()
            begins = max(self.now, free[0])
            self.saw("waited for a subscriber" if begins > self.now else "subscriber was free")
            free[0] = begins + taken
            taken += begins - self.now
        job.unhandled |= not handled
        if job.number >= self.scenario.warmup_jobs:
            tally = self.fans[subscriber]
            tally[0] += 1
            tally[1 if handled else 2] += 1
            self.saw("handled" if handled and not pause else "handled again" if handled else "handling given up")
        return taken

    retries = 0
    in_line_fails = False


class NaiveEventDriven(Naive):
    def __init__(
        self, scenario: Any, draws: Draws, jobs: float, last: float, drains: bool, inline_wait: float = -inf
    ) -> None:
        provider, design = scenario.provider, scenario.event_driven
        self.inline_wait = inline_wait
        limits = (
            provider.max_concurrency,
            provider.requests_per_minute,
            provider.input_tokens_per_minute,
            provider.output_tokens_per_minute,
            provider.requests_per_day,
        )
        limited = design.breaker is not None or any(limit is not None for limit in limits)
        super().__init__(scenario, draws, jobs, last, drains, design.consumers, limited)
        self.design, self.retries = design, scenario.retries.max
        self.lines: list[deque[tuple[Job, float]]] = [deque() for _ in design.queues]
        self.own = self.dedicated(design.consumers)
        if scenario.autoscaling is not None and design.discipline == "dedicated":
            self.scale_dedicated()
        self.streak, self.circuit, self.until = 0, "closed", 0.0
        synchronous = scenario.synchronous
        self.calls_again = synchronous.client_retries if design.client_retries is None else design.client_retries
        self.pause = synchronous.client_backoff_s if design.client_backoff_s is None else design.client_backoff_s
        self.backing_off = 0
        self.orders: dict[int, deque[int]] = {}
        self.ready_since: dict[int, float] = {}
        self.most = design.max_deliveries or inf
        self.lease = design.lease_s or inf
        self.asks: list[tuple[float, int]] = []
        self.tags, self.last_tag = [0.0 for _ in design.queues], 0.0

    def oldest(self) -> float:
        return max(self.now - line[0][1] for line in self.lines if line)

    def servers_came(self) -> None:
        self.dispatch(False)

    def scale_dedicated(self) -> None:
        scaling = self.scenario.autoscaling
        most = self.dedicated(scaling.max)
        fewest = [min(pair) for pair in zip(self.dedicated(scaling.min), most, strict=True)]
        self.own = [sorted(three)[1] for three in zip(fewest, self.own, most, strict=True)]
        self.has, self.comes = self.own.copy(), [0] * len(self.own)
        self.servers = self.idle = sum(self.own)
        self.bounds = list(zip(fewest, most, strict=True))

    def look(self) -> None:
        if self.design.discipline != "dedicated":
            super().look()
            return
        self.at(self.now + 15.0, LOOK, self.look)
        for place in range(len(self.lines)):
            self.look_at(place)

    def look_at(self, place: int) -> None:
        scaling, (fewest, most) = self.scenario.autoscaling, self.bounds[place]
        line = [entry for entry in self.lines[place] if self.has_its_turn(entry[0])]
        there = wanted = self.has[place] + self.comes[place]
        if not line:
            if self.own[place] and there > fewest:
                self.saw("dedicated scaled down")
                self.has[place] -= 1
                self.own[place] -= 1
                self.servers -= 1
                self.idle -= 1
            return
        if scaling.target_depth is not None and len(line) / self.has[place] > scaling.target_depth:
            wanted = max(wanted, ceil(len(line) / scaling.target_depth))
        if scaling.target_lag_s is not None and self.now - line[0][1] > scaling.target_lag_s:
            wanted = max(wanted, ceil(self.has[place] * min(2.0, (self.now - line[0][1]) / scaling.target_lag_s)))
        more = min(wanted, most) - there
        if more > 0:
            self.comes[place] += more
            self.at(self.now + scaling.start_up_s, WORK, lambda: self.come(place, more))

    def come(self, place: int, more: int) -> None:
        self.saw("dedicated scaled up")
        self.comes[place] -= more
        self.has[place] += more
        self.own[place] += more
        self.servers += more
        self.idle += more
        self.dispatch(False)

    def dedicated(self, consumers: int) -> list[int]:
        if self.design.queue_consumers is not None:
            return self.in_proportion([self.design.queue_consumers[name] for name in self.design.queues], consumers)
        shares = list(self.design.queues.values())
        spare = max(0, consumers - len(shares))
        exact = [share / 100 * spare for share in shares]
        given = [int(part) for part in exact]
        for place in sorted(range(len(shares)), key=lambda place: given[place] - exact[place])[: spare - sum(given)]:
            given[place] += 1
        return [part + 1 for part in given]

    def in_proportion(self, counts: list[int], consumers: int) -> list[int]:
        """One by one: the next consumer goes to the queue that would have the most for each."""
        given = [1 for _ in counts]
        while sum(given) < consumers:
            given[max(range(len(counts)), key=lambda place: (counts[place] / (given[place] + 1), -place))] += 1
        return given

    def arrive(self, job: Job) -> None:
        if self.design.max_queue is not None and self.queued >= self.design.max_queue:
            if job.caller >= self.calls_again:
                self.settle(job, "rejected", self.now)
                return
            job.caller += 1
            job.called_at = self.now + self.pause
            self.saw("called again")
            self.at(job.called_at + self.design.accept_s, CONNECT, lambda: self.arrive_again(job))
            self.outside.add(job)
            return
        self.count("accepted", job)
        job.accepted = True
        order = self.orders.setdefault(self.key_of(job), deque())
        order.append(job.number)
        self.ready_since[job.number] = self.now
        self.offer(job)

    def arrive_again(self, job: Job) -> None:
        self.outside.remove(job)
        self.count("called_again", job)
        self.arrive(job)

    def key_of(self, job: Job) -> int:
        ordering = self.design.ordering
        if ordering == "none":
            return -1 - job.number
        return self.draws.key_of(job.number, self.design.keys) if ordering == "per_key" else 0

    def eligible(self, line: deque[tuple[Job, float]]) -> int | None:
        """The place in the line of its first job that is the oldest of its key."""
        return next((at for at, (job, _) in enumerate(line) if self.has_its_turn(job)), None)

    def has_its_turn(self, job: Job) -> bool:
        settled = job.life is not None and job.life.settled
        return settled or self.orders[self.key_of(job)][0] == job.number

    def settle(self, job: Job, outcome: str, instant: float, learns: float = -inf) -> None:
        if outcome != "rejected":
            self.leaves_order(job)
        super().settle(job, outcome, instant, learns)

    def leaves_order(self, job: Job) -> None:
        order = self.orders[self.key_of(job)]
        if job.number in order:
            order.remove(job.number)
            if order:
                self.saw("held up by its key")
                self.ready_since[order[0]] = self.now

    def try_again(self, job: Job) -> None:
        self.backing_off -= 1
        self.offer(job)

    def offer(self, job: Job) -> None:
        if job.life is not None and job.life.settled:
            self.saw("settled while backing off")
            return
        self.lines[job.place].append((job, self.now))
        self.queue_changes(1)
        self.dispatch(False)

    def choose(self) -> int | None:
        filled = [place for place, line in enumerate(self.lines) if self.eligible(line) is not None]
        if len(filled) > 1:
            self.saw(f"chose between queues, {self.design.discipline}")
        if not filled:
            self.saw("every key is held")
            return None
        if self.design.discipline == "strict":
            return filled[0]
        if self.design.discipline == "dedicated":
            if self.queue_of_asks():
                return min(self.asks)[1] if self.asks else None
            firsts = [(place, self.lines[place][self.eligible(self.lines[place]) or 0]) for place in filled]
            ready = [
                (max(since, self.ready_since[job.number]), place)
                for place, (job, since) in firsts
                if self.own[place] > 0
            ]
            return min(ready)[1] if ready else None
        if self.design.discipline != "weighted":
            raise NotImplementedError(f"add {self.design.discipline} to choose in tests/fakes/naive_simulation.py")
        return min(filled, key=lambda place: (max(self.tags[place], self.last_tag), place))

    def queue_of_asks(self) -> bool:
        return bool(self.design.discipline == "dedicated" and self.design.ordering == "none")

    def consumers_ask(self) -> None:
        """Each idle consumer that has a job to ask for asks once, in the order in which they come to."""
        for place, line in enumerate(self.lines if self.queue_of_asks() else ()):
            asking = sum(asked == place for _, asked in self.asks)
            self.asks += [(self.now, place)] * (min(len(line), self.own[place]) - asking)

    def dispatch(self, paced: bool) -> None:
        self.consumers_ask()
        while self.queued and self.idle:
            self.consumers_ask()
            place = self.choose()
            if place is None:
                return
            first = self.eligible(self.lines[place])
            job, since = self.lines[place][first or 0]
            if job.life is not None and job.life.settled:
                self.drop(job)
                del self.lines[place][first or 0]
                self.leaves_queue(since)
                self.served(place)
                continue
            if self.now > job.called_at + (self.design.expires_s or inf) + 1e-9:
                del self.lines[place][first or 0]
                self.leaves_queue(since)
                job.waited += self.now - since
                self.served(place)
                self.give_up(job, "timed_out")
                continue
            if self.limited and not self.let_through(job):
                return
            del self.lines[place][first or 0]
            self.leaves_queue(since)
            self.served(place)
            if self.design.discipline == "weighted":
                self.last_tag = max(self.tags[place], self.last_tag)
                self.tags[place] = self.last_tag + 100 / list(self.design.queues.values())[place]
            if paced and (self.design.ordering == "none" or max(since, self.ready_since[job.number]) < self.now):
                self.count("paced", job)
            job.waited += self.now - since
            self.begin(job)

    def drop(self, job: Job) -> None:
        self.saw("settled while queued")

    def served(self, place: int) -> None:
        if self.queue_of_asks():
            self.asks.remove(min(ask for ask in self.asks if ask[1] == place))

    def let_through(self, job: Job) -> bool:
        if self.circuit == "probing":
            return False
        if self.circuit == "open" and self.now < self.until:
            self.wake(self.until, lambda: self.dispatch(True))
            return False
        if self.scenario.provider.pacing == "none":
            return True
        if not self.room():
            return False
        opens = self.opens(job)
        if opens > self.now + 1e-9:
            self.wake(opens, lambda: self.dispatch(True))
            return False
        return True

    def begin(self, job: Job) -> None:
        self.idle -= 1
        self.own[job.place] -= 1
        if self.limited:
            self.ask(job)
            if self.circuit == "open":
                self.circuit, job.probe = "probing", True
                self.saw("probed")
        job.started = True
        self.count("calls", job)
        calls_at = self.now + self.design.dispatch_s
        self.called_at.append(calls_at)
        delivery = Delivery(job, self.now)
        number, job.deliveries = job.deliveries, job.deliveries + 1
        index = number if self.design.redelivers else job.attempt
        delivery.fails = self.draws.fails(job.number, index, job.probes)
        delivery.end = lambda silent: self.ends(delivery, silent)
        self.start_call(job, calls_at, delivery.fails, delivery.end)
        if self.lease < inf:
            self.at(self.now + (self.lease + 0.25e-9), LEASE, lambda: self.lease_ends(delivery))
        if self.design.crashes_per_hour:
            after = self.draws.crash(job.number, number, self.design.crashes_per_hour)
            self.at(self.now + after, LEASE, lambda: self.crashes(delivery))

    def frees(self, delivery: Delivery) -> bool:
        """The consumer is free, without a result. Returns whether others were."""
        delivery.over = True
        self.abandon_call(delivery.end)
        job = delivery.job
        others = self.idle > 0 if self.design.discipline != "dedicated" else self.own[job.place] > 0
        self.idle += 1
        self.own[job.place] += 1
        if self.limited:
            self.leave_provider(job, False)
            if job.probe:
                self.saw("probe abandoned")
                self.hear(job, True, True)
        self.worked(job, delivery.began, -inf)
        return others

    def waiting(self) -> int:
        return self.queued + self.backing_off + len(self.outside) + len(self.leased)

    def lease_ends(self, delivery: Delivery) -> None:
        job = delivery.job
        if delivery.over:
            return
        if self.design.lease_ends == "stops":
            self.saw("stopped")
            others = self.frees(delivery)
            self.redeliver(job)
            self.dispatch(others)
        else:
            delivery.late = True
            self.saw("late")
            if job.life is None:
                job.life = Life()
            if job.life.settled:
                return
            again = Job(job.number, job.arrived, job.place)
            again.attempt, again.caller, again.called_at, again.probes = (
                job.attempt,
                job.caller,
                job.called_at,
                job.probes,
            )
            again.waited, again.backoff, again.started = job.waited, job.backoff, job.started
            again.deliveries, again.life, again.accepted = job.deliveries, job.life, job.accepted
            self.redeliver(again)
            self.dispatch_rest()

    def crashed_lease_ends(self, delivery: Delivery) -> None:
        self.leased.remove(delivery)
        self.redeliver(delivery.job)
        self.dispatch_rest()

    def dispatch_rest(self) -> None:
        if self.queued:
            self.dispatch(False)

    def redeliver(self, job: Job) -> None:
        if job.life is not None and job.life.settled:
            return
        if job.deliveries >= self.most:
            self.saw("delivered too often")
            self.give_up(job, "dead_lettered" if self.design.dead_letter else "failed")
            return
        self.saw("redelivered")
        self.count("redelivered", job)
        self.offer(job)

    def crashes(self, delivery: Delivery) -> None:
        if delivery.over:
            return
        job = delivery.job
        self.saw("crashed")
        others = self.frees(delivery)
        if delivery.late or (job.life is not None and job.life.settled):
            self.saw("crashed late")
        elif self.design.acknowledges == "early":
            self.give_up(job, "lost")
        elif self.lease == inf:
            self.redeliver(job)
        else:
            self.leased.add(delivery)
            self.at(delivery.began + (self.lease + 0.25e-9), LEASE, lambda: self.crashed_lease_ends(delivery))
        if self.queued:
            self.dispatch(others)

    def is_unused(self, delivery: Delivery, life: Life, fails: bool) -> bool:
        unused = life.settled or (delivery.late and (fails or self.design.lease_ends == "discards"))
        if not fails:
            self.count("duplicates", delivery.job, int(life.results > 0))
            self.saw("duplicate" if life.results else "late result refused" if unused else "late result counts")
            life.results += 1
        return unused

    def ends(self, delivery: Delivery, out: bool) -> None:
        if delivery.over:
            return
        delivery.over = True
        job, began, life = delivery.job, delivery.began, delivery.job.life
        others = self.idle > 0 if self.design.discipline != "dedicated" else self.own[job.place] > 0
        fails, free = out or delivery.fails, False
        self.idle += 1
        self.own[job.place] += 1
        unused = life is not None and self.is_unused(delivery, life, fails)
        if self.limited:
            self.leave_provider(job, fails)
            if self.design.breaker is not None:
                free = self.hear(job, fails, out)
        expired = job.called_at + (self.design.expires_s or inf)
        self.worked(job, began, -inf if unused else min(job.arrived + self.deadline(job), expired))
        again = job.deliveries < self.most
        if unused:
            pass
        elif not fails:
            for subscriber in range(len(self.fans)):
                self.handling(job, subscriber)
            self.deliver(job)
        elif free and again:
            self.saw("probe failed")
            self.lines[job.place].append((job, self.now))
            self.queue_changes(1)
        elif job.attempt < self.retries and again:
            job.backoff = self.draws.backoff(
                self.draws.uniform(job.number, JITTER, job.attempt), job.attempt, job.backoff, self.retries
            )
            job.attempt += 1
            flat, listed = self.scenario.retries.flat_s, self.scenario.retries.intervals_s
            self.saw("backed off" if flat is None else "backed off flat")
            if listed is not None:
                self.saw("backed off as listed" if len(listed) <= self.retries else "backed off as listed last")
            self.saw(f"backoff {self.scenario.retries.jitter}")
            self.backing_off += 1
            self.at(self.found_due(self.retry_pause(job)), WORK, lambda: self.try_again(job))
        else:
            self.give_up(job, "dead_lettered" if self.design.dead_letter else "failed")
        if self.queued:
            self.dispatch(others)

    def found_due(self, pause: float) -> float:
        """Look by look, by a clock whose whole ticks and looks have nothing to do with when the run began."""
        tick = self.design.retry_tick_s
        if not tick or not pause:
            return self.now + pause
        clock = self.draws.uniform(0, TICK) * tick
        registered = self.now + clock
        score = floor((registered + pause) / tick)
        phase, whole = self.draws.uniform(0, TICK, 1), int(self.now / tick) - 1
        while (whole + phase) * tick < registered + 1e-6 * tick or whole < score:
            whole += 1  # not the sum with the phase, so that every retry of a look is due at the very same instant
        pause_left = (whole + phase) * tick - clock
        self.saw("retried early" if pause_left < self.now + pause else "retried late")
        return max(self.now, pause_left)

    def hear(self, job: Job, fails: bool, out: bool) -> bool:
        """Whether the job was a probe whose failure costs it no attempt."""
        if not out and self.draws.is_poison(job.number):
            fails = False
        probe, job.probe = job.probe, False
        self.streak = self.streak + 1 if fails else 0
        if self.circuit != "closed" and not probe:
            return False
        opens = fails if probe else self.streak >= self.design.breaker.failures
        self.circuit = "open" if opens else "closed"
        self.saw("circuit opened" if opens else "circuit closed" if probe else "circuit heard")
        if opens:
            self.until = self.now + self.design.breaker.pause_s
        free = probe and fails and (job.met_outage or not out)
        job.probes += free
        return free

    def give_up(self, job: Job, outcome: str) -> None:
        learns = self.now
        if self.in_line(job):
            self.saw("failed in line")
        elif self.design.delivery.method == "polling":
            learns, calls = self.poll(job)
            self.saw("polled for nothing")
            self.count("delivery", job, calls - (learns > self.end))
        elif self.design.delivery.method in ("sse", "websocket"):
            connections = self.connections(job)
            self.saw("reconnected for nothing" if len(connections) > 1 else "connected for nothing")
            learns += sum(connections)
            self.count("delivery", job, len(connections) - (learns > self.end))
        self.saw(outcome)
        self.settle(job, outcome, self.now, learns)

    def in_line(self, job: Job) -> bool:
        return self.now <= job.called_at + self.inline_wait + 1e-9

    def poll(self, job: Job) -> tuple[float, int]:
        interval = self.design.delivery.interval_s
        if interval == 0:
            return self.now, 1
        accepted = job.called_at + max(self.design.accept_s, self.inline_wait)
        first, calls = accepted + interval * self.draws.uniform(job.number, PHASE), 1
        while first + (calls - 1) * interval < self.now:
            calls += 1
        return first + (calls - 1) * interval, calls

    def connections(self, job: Job) -> list[float]:
        delivery = self.design.delivery
        lost = self.draws.uniform(job.number, RECONNECT) < delivery.reconnect_percent / 100
        return [delivery.latency_s, delivery.reconnect_s] if lost else [delivery.latency_s]

    def deliver(self, job: Job) -> None:
        if job.life is not None:
            job.life.settled = True
        delivery, at, calls, arrives = self.design.delivery, self.now, 0, True
        if self.in_line(job):
            self.saw("answered in line")
        elif delivery.method == "polling":
            at, calls = self.poll(job)
            arrives = at - self.now <= (delivery.retention_s or inf) + 1e-9
            self.saw("polled too late" if not arrives else "polled again" if calls > 1 else "polled once")
        elif delivery.method == "webhook":
            arrives = False
            pauses = delivery.schedule if delivery.schedule[:1] == (0,) else (0.0, *delivery.schedule)
            for call, pause in enumerate(pauses):
                at, calls = at + pause, calls + 1
                if self.draws.uniform(job.number, WEBHOOK, call) >= delivery.failure_percent / 100:
                    at, arrives = at + delivery.latency_s, True
                    self.saw("webhook again" if calls > 1 else "webhook at once")
                    break
            else:
                self.saw("webhook in vain")
        elif delivery.method in ("sse", "websocket"):
            connections = self.connections(job)
            calls, at = len(connections), at + sum(connections)
            self.saw("reconnected" if calls > 1 else "pushed")
        elif delivery.method == "none":
            self.saw("nobody waits")
        else:
            raise NotImplementedError(f"add {delivery.method} to deliver in tests/fakes/naive_simulation.py")
        if at > self.end:
            self.leaves_order(job)
            return
        self.count("delivery", job, calls)
        self.settle(job, "completed" if arrives else "undelivered", at)


class NaiveSynchronous(Naive):
    def __init__(self, scenario: Any, draws: Draws, jobs: float, last: float, drains: bool) -> None:
        provider, design = scenario.provider, scenario.synchronous
        limits = (
            provider.max_concurrency,
            provider.requests_per_minute,
            provider.input_tokens_per_minute,
            provider.output_tokens_per_minute,
            provider.requests_per_day,
        )
        super().__init__(
            scenario, draws, jobs, last, drains, design.workers, any(limit is not None for limit in limits)
        )
        self.design = design
        self.retries = scenario.retries.max if design.inline_retries is None else design.inline_retries
        totals_s = [hop.limit_s for hop in design.hops if hop.kind == "total"]
        idle_s = [hop.limit_s for hop in design.hops if hop.kind == "idle"]
        client_s, grace_s = design.client_timeout_s or inf, 0.25e-9  # what comes at the limit is in time
        self.first_token_s = scenario.first_token_s if design.streams_response else None
        if self.first_token_s is not None:
            self.patience = min([client_s, *idle_s, *totals_s]) + grace_s
            self.patience_for_all = min(totals_s, default=inf) + grace_s
        else:
            self.patience = min([client_s, *totals_s, *([] if design.streams_response else idle_s)]) + grace_s
            self.patience_for_all = inf
        self.backlog: deque[tuple[Job, float]] = deque()
        self.line: deque[tuple[Job, float, float]] = deque()

    def arrive(self, job: Job) -> None:
        self.send(job)

    def waiting(self) -> int:
        return self.queued + len(self.outside) + sum(entry[1] == AGAIN for entry in self.calendar)

    def oldest(self) -> float:
        return self.now - self.backlog[0][1]

    def servers_came(self) -> None:
        self.take_next()

    def accept(self, job: Job) -> None:
        if not job.accepted:
            job.accepted = True
            self.count("accepted", job)

    def send(self, job: Job) -> None:
        if self.patience < inf:
            self.at(self.now + self.patience, PATIENCE, lambda: job.streams or self.give_up(job))
        if self.patience_for_all < inf:
            self.at(self.now + self.patience_for_all, PATIENCE, lambda: self.cut_stream(job))
        if self.takes_in(job):
            return
        if self.design.overflow == "refuse":
            job.listening = False
            self.refused(job, "rejected")
            return
        self.outside.add(job)
        self.saw("dropped the connection")
        sent, after = self.now, 0
        for place in range(self.design.syn_linear_timeouts + 6):
            after += 2 ** max(0, place - self.design.syn_linear_timeouts)
            self.at(sent + after, CONNECT, lambda: self.connect(job))
        after += 2**6
        self.at(sent + after, CONNECT, lambda: self.connection_fails(job))

    def takes_in(self, job: Job) -> bool:
        if self.idle:
            self.accept(job)
            self.idle -= 1
            self.try_call(job, self.now)
        elif self.design.backlog is None or self.queued < self.design.backlog:
            self.accept(job)
            self.backlog.append((job, self.now))
            self.queue_changes(1)
            job.waiting_since = self.now  # type: ignore[attr-defined]
        else:
            return False
        return True

    def connect(self, job: Job) -> None:
        if job in self.outside:
            if self.takes_in(job):
                self.outside.remove(job)
            self.saw("dropped again" if job in self.outside else "connected late")

    def connection_fails(self, job: Job) -> None:
        if job in self.outside:
            self.saw("connection failed")
            self.never_connected(job)

    def never_connected(self, job: Job) -> None:
        self.outside.remove(job)
        job.listening = False
        self.refused(job, "timed_out")

    def cut_stream(self, job: Job) -> None:
        self.saw("stream cut" if job.listening else "stream in time")
        self.give_up(job)

    def give_up(self, job: Job) -> None:
        if not job.listening:
            return
        if job in self.outside:
            self.saw("gave up connecting")
            self.never_connected(job)
            return
        job.listening, job.abandoned, job.gave_up = False, True, self.now
        since = getattr(job, "waiting_since", None)
        if since is not None:
            job.waited += self.now - since
        self.saw("gave up waiting" if since is not None else "gave up while worked on")
        if job.caller >= self.design.client_retries:
            self.settle(job, "timed_out", self.now)
            return
        again = Job(job.number, job.arrived, job.place)
        again.waited, again.started, again.accepted, again.caller = job.waited, job.started, job.accepted, job.caller
        self.call_again(again)

    def refused(self, job: Job, outcome: str) -> None:
        if job.caller >= self.design.client_retries:
            self.settle(job, outcome, self.now)
            return
        again = Job(job.number, job.arrived, job.place)
        again.waited, again.started, again.accepted, again.caller = job.waited, job.started, job.accepted, job.caller
        self.call_again(again)

    def call_again(self, job: Job) -> None:
        job.caller += 1
        self.saw("called again")
        self.at(self.now + self.design.client_backoff_s, AGAIN, lambda: self.send(job))

    def try_call(self, job: Job, began: float) -> None:
        if not self.limited or (not self.line and self.let_through(job)):
            self.call(job, began)
        else:
            self.count("paced", job)
            self.line.append((job, self.now, began))
            job.waiting_since = self.now  # type: ignore[attr-defined]

    def let_through(self, job: Job) -> bool:
        if self.scenario.provider.pacing == "none":
            return True
        if not self.room():
            return False
        opens = self.opens(job)
        if opens > self.now + 1e-9:
            self.wake(opens, self.serve)
            return False
        return True

    def serve(self) -> None:
        while self.line and self.let_through(self.line[0][0]):
            job, since, began = self.line.popleft()
            job.waiting_since = None  # type: ignore[attr-defined]
            if not job.abandoned:
                job.waited += self.now - since
            self.call(job, began)

    def call(self, job: Job, began: float) -> None:
        if self.limited:
            self.ask(job)
        job.started = True
        self.count("calls", job)
        self.called_at.append(self.now)
        number = job.caller * (self.retries + 1) + job.attempt
        fails = self.draws.fails(job.number, number)

        def first_byte() -> None:
            self.saw("streamed to nobody" if job.abandoned else "streamed")
            job.streams = True

        first = None if self.first_token_s is None or fails else (self.first_token_s, first_byte)
        self.start_call(job, self.now, fails, lambda silent: self.ends(job, began, silent), first)

    def ends(self, job: Job, began: float, out: bool) -> None:
        number = job.caller * (self.retries + 1) + job.attempt
        fails = out or self.draws.fails(job.number, number)
        if self.limited:
            self.leave_provider(job, fails)
        if fails and job.attempt < self.retries:
            self.saw("tried again in line")
            job.backoff = self.draws.backoff(
                self.draws.uniform(job.number, JITTER, number), job.attempt, job.backoff, self.retries
            )
            job.attempt += 1
            self.at(self.now + self.retry_pause(job), WORK, lambda: self.try_call(job, began))
        elif fails:
            self.respond(job, began, False)
        elif self.fans:
            self.at(self.now + self.hand_on(job), WORK, lambda: self.respond_if_handled(job, began))
        else:
            self.respond(job, began, True)
        self.serve()

    def respond_if_handled(self, job: Job, began: float) -> None:
        fails = job.unhandled and self.scenario.subscribers.inline_failure == "fails_the_call"
        if fails:
            self.saw("a subscriber failed the call")
        self.respond(job, began, not fails)

    in_line_fails = True

    def hand_on(self, job: Job) -> float:
        spent = [self.handling(job, subscriber) for subscriber in range(len(self.fans))]
        self.saw(f"handed on {self.scenario.subscribers.inline}")
        return max(spent) if self.scenario.subscribers.inline == "together" else sum(spent)

    def respond(self, job: Job, began: float, succeeded: bool) -> None:
        self.worked(job, began, min(job.gave_up, job.arrived + self.deadline(job)))
        if not job.abandoned:
            job.listening = False
            if succeeded:
                self.settle(job, "completed", self.now)
            else:
                self.refused(job, "failed")
        self.idle += 1
        self.take_next()

    def take_next(self) -> None:
        while self.backlog and self.idle:
            following, since = self.backlog.popleft()
            self.leaves_queue(since)
            following.waiting_since = None  # type: ignore[attr-defined]
            if following.abandoned and self.design.drops_abandoned:
                self.saw("dropped abandoned")
                continue
            if following.abandoned:
                self.saw("began abandoned")
            if not following.abandoned:
                following.waited += self.now - since
            self.idle -= 1
            self.try_call(following, self.now)

"""A Scenario: everything a run needs. Plain frozen values; what is left out has no effect."""

from collections.abc import Mapping
from math import inf
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from core.closed_sets import complete_table
from core.values import Count, NonNegative, Percent, Positive, Seed, Value
from simulator.apportionment import apportion_as, apportion_by_share
from simulator.arrivals import Arrivals
from simulator.deliveries import Delivery, PollingDelivery
from simulator.retries import Retries
from simulator.services import EmpiricalService, Service
from simulator.trace_columns import Floats

Name = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$")]

WIDEST = 1e12
"""How many times its median the 95th percentile of subscribers' handling may be: the lognormal's mean has to fit a double."""


Overflow = Literal["refuse", "drop"]
Discipline = Literal["dedicated", "strict", "weighted"]
InlineCalls = Literal["together", "one_by_one"]
OutageMode = Literal["refuse", "hang"]
LeaseEnds = Literal["redelivers", "discards", "stops"]
InlineFailure = Literal["ignored", "fails_the_call"]
Acknowledges = Literal["late", "early"]
Ordering = Literal["none", "one_at_a_time", "per_key"]
Pacing = Literal["paced", "none"]
RetryAfter = Literal["honoured", "ignored"]
_UNPACED: Mapping[Pacing, bool] = complete_table(Pacing, {"paced": False, "none": True})
_HEEDED: Mapping[RetryAfter, bool] = complete_table(RetryAfter, {"honoured": True, "ignored": False})


class Outage(Value):
    """A window in which every call that begins fails: it is refused (`failures.failure_s` later), or hangs until the window's end or its timeout.

    If windows overlap, the first in the list that contains a call's start decides. Calls that began before are not affected.
    """

    start_s: NonNegative
    length_s: Positive
    mode: OutageMode = "refuse"


class Slowdown(Value):
    """A model whose calls take longer the more are in flight, as a batching inference server's do.

    `service` was measured with `measured_in_flight` calls at once; with `high_in_flight` its mean is `high_mean_s`. The time of a call
    with n in flight, those of this design alone, is a + b n between the two points and beyond them.
    """

    measured_in_flight: Count
    high_in_flight: Count
    high_mean_s: Positive

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.high_in_flight <= self.measured_in_flight:
            raise ValueError("high_in_flight must be more than measured_in_flight")
        return self


class Provider(Value):
    """The model provider's limits; null is unlimited. Quotas a minute refill continuously."""

    max_concurrency: Count | None = None
    requests_per_minute: Positive | None = None
    burst_requests: Count = 1
    requests_per_day: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    """In fixed windows of 24 hours from the run's start: what a window's quota does not allow waits for the next one."""
    input_tokens_per_minute: Positive | None = None
    output_tokens_per_minute: Positive | None = None
    input_tokens: NonNegative = 0
    """Mean input tokens a job, where no trace says."""
    output_tokens: NonNegative = 0
    """Mean output tokens a job, where no trace says."""
    failed_calls_count: bool = True
    """Whether a failed call burns quota."""
    pacing: Pacing = "paced"
    """Whether calls wait for the limits. With `none` a call over a limit is answered 429 at once: it has failed, and the job goes on to its next
    attempt, if it has one. If failed calls count, it takes what a call takes of each quota, down to an empty bucket."""
    retry_after: RetryAfter = "honoured"
    """With `pacing: none`: a 429 over a quota says when the quota admits a call; honoured: the retry's pause is not shorter. Over
    `max_concurrency` nothing is known of when."""
    others_percent: Annotated[float, Field(ge=0, lt=100)] = 0
    """The share of each quota that other tenants use all the time; `max_concurrency` and `burst_requests` are not shared."""
    call_timeout_s: Positive | None = None
    """A call that would take longer is given up after this time, and has failed. A job takes the same time at each attempt: if it takes
    longer than this, every attempt fails."""
    outages: Annotated[tuple[Outage, ...], Field(strict=False, max_length=100)] = ()
    slowdown: Slowdown | None = None

    @property
    def own_share(self) -> float:
        """Of each quota, 0 to 1."""
        return 1 - self.others_percent / 100

    @property
    def own_quotas(self) -> tuple[tuple[float, float] | None, ...]:
        """Units a minute, and at most at once, of requests, input tokens and output tokens, without the others'; None is unlimited.

        Of tokens a minute's worth may come at once.
        """
        given = (self.requests_per_minute, self.input_tokens_per_minute, self.output_tokens_per_minute)
        requests, *tokens = [None if quota is None else quota * self.own_share for quota in given]
        return (
            None if requests is None else (requests, float(self.burst_requests)),
            *(None if quota is None else (quota, quota) for quota in tokens),
        )

    @property
    def own_requests_per_day(self) -> int | None:
        return None if self.requests_per_day is None else max(1, int(self.requests_per_day * self.own_share))

    @property
    def is_limited(self) -> bool:
        limits = (self.max_concurrency, self.requests_per_day, *self.own_quotas)
        return any(limit is not None for limit in limits)

    @property
    def is_unpaced(self) -> bool:
        return _UNPACED[self.pacing]

    @property
    def heeds_retry_after(self) -> bool:
        return self.is_unpaced and _HEEDED[self.retry_after]

    def outage_at(self, at_s: float) -> Outage | None:
        """Return the outage that decides on a call which begins at an instant."""
        return next((out for out in self.outages if out.start_s <= at_s < out.start_s + out.length_s), None)


class Failures(Value):
    """Failures that belong to the call (`transient_percent`, an attempt) and to the job (`poison_percent`, every attempt)."""

    transient_percent: Percent = 0
    poison_percent: Percent = 0
    failure_s: NonNegative | None = None
    """When a failed call's failure is known, after the call began. Null: at once in an outage, and otherwise when the call would have ended."""


class Hop(Value):
    """A proxy, gateway or server on the way, with its time limit: total, or idle (which acts as total unless the response streams)."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    limit_s: Positive
    kind: Literal["total", "idle"]
    adjustable: bool = False
    """Whether a setting of one's own changes the limit. A run keeps it as it is."""


class Synchronous(Value):
    """The synchronous design."""

    workers: Count = 22
    backlog: Annotated[int, Field(ge=0, le=100_000_000)] | None = None
    """Requests that may wait for a worker: null is unbounded, 0 is none. Linux lets a `listen` backlog of n hold n + 1 connections."""
    overflow: Overflow = "refuse"
    """What becomes of a call that finds the backlog full.

    `refuse`: the application or a proxy answers 503. `drop`: a listen backlog, whose kernel drops the connection's SYN without a word
    (Linux with its default `tcp_abort_on_overflow` 0). The client's kernel sends it again 1, 3, 7, 15, 31 and 63 s after the first
    (`tcp_syn_retries` 6), and 127 s after it the connection has failed. The client's own limits run from the first SYN. A SYN that finds
    room puts the call at the end of the backlog, behind calls that came later; until then it holds no place there and counts neither in
    the queue's depth nor in the wait, but in the latency. A call that never got in counts as timed out.
    """
    syn_linear_timeouts: Annotated[int, Field(ge=0, le=127)] = 0
    """With `drop`: how often a SYN is sent again at intervals of 1 s before they double (`tcp_syn_linear_timeouts`): 4 by default since
    Linux 6.5, which makes it 1, 2, 3, 4, 5, 7, 11, 19, 35 and 67 s after the first, and 131 s until the connection has failed."""
    client_timeout_s: Positive | None = None
    client_retries: Annotated[int, Field(ge=0, le=100)] = 0
    client_backoff_s: NonNegative = 0
    hops: Annotated[tuple[Hop, ...], Field(strict=False, max_length=20)] = ()
    streams_response: bool = False
    drops_abandoned: bool = False
    """Whether a backlog entry that its client abandoned is dropped unstarted."""
    inline_retries: Annotated[int, Field(ge=0, le=100)] | None = None
    """Retries in line, holding the worker; null: as `retries.max`."""

    @property
    def patience_s(self) -> float:
        """When a client gives up: its timeout, or the tightest hop. An idle limit acts as a total one unless the response streams."""
        limits = [hop.limit_s for hop in self.hops if hop.kind == "total" or not self.streams_response]
        return min([self.client_timeout_s or inf, *limits])

    @property
    def total_limit_s(self) -> float:
        """The tightest total limit of the hops."""
        return min((hop.limit_s for hop in self.hops if hop.kind == "total"), default=inf)

    @property
    def silence_limit_s(self) -> float:
        """How long the way and the client wait for a first byte."""
        return min([self.client_timeout_s or inf, *(hop.limit_s for hop in self.hops)])

    @property
    def syns_s(self) -> tuple[float, ...]:
        """When a connection is tried again that a full backlog dropped, after its first SYN; the last instant is that of its failure."""
        linear = self.syn_linear_timeouts
        doubling = (linear + 2.0**place - 1 for place in range(1, 8))
        return (*map(float, range(1, linear + 1)), *doubling)


class CircuitBreaker(Value):
    """Opens after `failures` failed calls in a row (those of poison jobs apart). No call begins for `pause_s`; then a single one is the probe.

    If the probe fails, the circuit stays open for another pause, and the probe's job waits at the end of its queue: the probe is a call, but
    no attempt of the job, and costs it no retry, unless it was given up (`provider.call_timeout_s`) or refused by
    a quota (unpaced) while there was no outage. (At the head, a job that always fails would keep the circuit open for good.)
    Calls that were under way when the circuit opened count as attempts, as ever.
    """

    failures: Count = 5
    pause_s: Positive = 10


BreakerSetting = Annotated[
    Annotated[bool, Tag("switch")] | Annotated[CircuitBreaker, Tag("parameters")],
    Discriminator(lambda given: "parameters" if isinstance(given, (Mapping, CircuitBreaker)) else "switch"),
]


class EventDriven(Value):
    """The event-driven design."""

    consumers: Count = 22
    queues: dict[Name, Percent] = Field(default={"standard": 100.0}, min_length=1, max_length=8)
    """Share of the jobs a queue, most urgent first."""
    discipline: Discipline = "strict"
    queue_consumers: Annotated[dict[Name, Count], Field(min_length=1)] | None = None
    """With `dedicated`: the consumers of each queue, whose sum `consumers` is; it may be left out. Null: `consumers` by shares.

    Autoscaling shares out its `min` and `max` in the same proportion.
    """
    accept_s: NonNegative = 0
    dispatch_s: NonNegative = 0
    retry_tick_s: NonNegative = 0
    """The tick of the scheduler that queues retries: 1 for rq, 0 for one that is exact.

    rq cuts the due time of a retry down to whole seconds (`ScheduledJobRegistry.schedule`, registry.py), and its scheduler looks once a
    second (`RQScheduler.interval`): a retry comes up to a tick earlier or later than its pause asks for, on average neither. Where in the
    tick the run begins and the scheduler looks is drawn once a replication. A retry without a pause is queued at once.
    """
    max_queue: Annotated[int, Field(ge=1, le=100_000_000)] | None = None
    expires_s: Positive | None = None
    dead_letter: bool = True
    circuit_breaker: BreakerSetting = False
    """True: a breaker with its defaults."""
    delivery: Delivery = PollingDelivery(method="polling", interval_s=0)
    client_retries: Annotated[int, Field(ge=0, le=100)] | None = None
    """How often a caller calls again that a full queue has refused; null: as `synchronous.client_retries`."""
    client_backoff_s: NonNegative | None = None
    """The pause before such a call; null: as `synchronous.client_backoff_s`."""
    lease_s: Positive | None = None
    """How long a consumer owns a job that it has taken (visibility timeout, acknowledgement deadline, poll interval, job timeout); null: until
    its work ends. It counts from the taking, for each delivery anew. Work that takes exactly the lease is in time.
    """
    lease_ends: LeaseEnds = "redelivers"
    """What becomes of work that is still under way when its lease ends. The job is queued again in each case.

    `redelivers`: the work goes on, and its result counts if it is the job's first (Amazon SQS, Google Pub/Sub). `discards`: the work goes on, and its
    result is refused (Kafka's `max.poll.interval.ms`: the consumer has lost the partition). `stops`: the work is ended, and the consumer is
    free (rq's `job_timeout`).
    """
    max_deliveries: Count | None = None
    """Deliveries of a job to consumers, its retries included, before it becomes a dead letter; null is any number."""
    crashes_per_hour: NonNegative = 0
    """Of one consumer at work (Poisson). It starts again at once; what it worked on ends without a result."""
    acknowledges: Acknowledges = "late"
    """`late`: when the work is done: the job of a crashed consumer is queued again when its lease ends, without a lease at once.
    `early`: when the job is taken: the job of a crashed consumer is lost."""

    ordering: Ordering = "none"
    """`one_at_a_time`: jobs are worked on one after the other, as they were accepted. `per_key`: those with the same key are.

    The next job of a key is not begun before the one in front of it is settled, its retries and their pauses included. Consumers go on
    with the first job whose key is free, so that a key holds up no other. (A partition holds up all of its keys: give as many keys as there
    are partitions.) An older job of another queue goes first, if it has the same key.
    """
    keys: Count = 100
    """With `per_key`: how many keys there are, each job's drawn with equal probabilities."""

    @model_validator(mode="before")
    @classmethod
    def _consumers_are_those_of_the_queues(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or "consumers" in data or not isinstance(data.get("queue_consumers"), Mapping):
            return data
        counts = list(data["queue_consumers"].values())
        return {**data, "consumers": sum(counts)} if all(type(one) is int and one > 0 for one in counts) else data

    @model_validator(mode="after")
    def _every_queue_has_its_consumers(self) -> Self:
        if self.queue_consumers is None:
            return self
        if self.discipline != "dedicated":
            raise ValueError("queue_consumers needs discipline: dedicated, because other queues share their consumers")
        if self.queue_consumers.keys() != self.queues.keys():
            raise ValueError(f"queue_consumers must give the consumers of every queue: {', '.join(self.queues)}")
        if (total := sum(self.queue_consumers.values())) != self.consumers:
            raise ValueError(f"consumers ({self.consumers}) must be the sum of queue_consumers ({total}), or left out")
        return self

    def apportioned(self, servers: int) -> list[int]:
        """Servers a queue, if each has its own: in proportion to `queue_consumers`, or by share, one at the least."""
        if self.queue_consumers is None:
            return apportion_by_share([share / 100 for share in self.queues.values()], servers)
        return apportion_as([self.queue_consumers[name] for name in self.queues], servers)

    def with_consumers(self, consumers: int) -> Self:
        if self.queue_consumers is None:
            return self.model_copy(update={"consumers": consumers})
        own = dict(zip(self.queues, self.apportioned(consumers), strict=True))
        return self.model_copy(update={"consumers": sum(own.values()), "queue_consumers": own})

    @property
    def redelivers(self) -> bool:
        """Whether a job may be delivered again, or lost, without a failed call."""
        return self.lease_s is not None or self.crashes_per_hour > 0 or self.max_deliveries is not None

    @model_validator(mode="after")
    def _a_lease_ends_with_a_late_acknowledgement(self) -> Self:
        if self.lease_s is not None and self.acknowledges == "early":
            raise ValueError(
                "lease_s needs acknowledges: late, because an early acknowledgement ends the lease when the job is taken"
            )
        return self

    @property
    def breaker(self) -> CircuitBreaker | None:
        if isinstance(self.circuit_breaker, CircuitBreaker):
            return self.circuit_breaker
        return CircuitBreaker() if self.circuit_breaker else None

    @model_validator(mode="after")
    def _shares_are_whole(self) -> Self:
        total = sum(self.queues.values())
        if abs(total - 100) > 0.01:
            raise ValueError(f"the shares in queues must sum to 100, not {total:g}")
        return self


class Hybrid(Value):
    """In line for `inline_wait_s`, then 202 and delivery."""

    inline_wait_s: Positive


class Subscribers(Value):
    """Services that react to each result; 1 means one consumer, the caller counted where it is one."""

    count: Annotated[int, Field(ge=1, le=100)] = 1
    handling_p50_s: NonNegative = 0
    handling_p95_s: NonNegative = 0
    failure_percent: Percent = 0
    inline: InlineCalls = "together"
    consumers: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Consumers of each subscriber, each of which has one result in hand, through retries and pauses; null: any number. Others wait in order.

    Calls in line wait for one, too, and hold their worker meanwhile.
    """
    inline_failure: InlineFailure = "ignored"
    """What becomes of a call in line if a subscriber gives up: the result is returned all the same, or the call fails (after all were called)."""

    @model_validator(mode="after")
    def _not_too_wide(self) -> Self:
        if 0 < self.handling_p50_s < self.handling_p95_s / WIDEST:
            raise ValueError(f"handling_p95_s must be at most {WIDEST:,.0f} times handling_p50_s")
        return self


class Autoscaling(Value):
    """Workers and consumers between `min` and `max`, on queue depth a worker or on lag; a new one is ready after `start_up_s`.

    Dedicated queues scale each on its own depth or lag, between its share of `min` and of `max`.
    """

    min: Count
    max: Count
    target_depth: Positive | None = None
    target_lag_s: Positive | None = None
    start_up_s: NonNegative = 0

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.max < self.min:
            raise ValueError("max must be at least min")
        if (self.target_depth is None) == (self.target_lag_s is None):
            raise ValueError("give either target_depth or target_lag_s")
        return self


Deadline = Annotated[
    Annotated[Positive, Tag("one")] | Annotated[dict[Name, Positive], Tag("by_queue")],
    Discriminator(lambda given: "by_queue" if isinstance(given, Mapping) else "one"),
]
"""One for all jobs, or one a queue (jobs of a queue without one are all good)."""


class Scenario(Value):
    """Everything that one run of both designs needs.

    Counts are jobs, durations seconds, rates per second unless a name says otherwise.
    """

    schema_: Literal["crossover/scenario@1"] = Field(default="crossover/scenario@1", alias="schema")
    seed: Seed = 1
    jobs: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    """Arrivals a replication, then the run drains; bursts and days round it up to whole cycles. Without it or `duration_s`: 200,000, a trace once."""
    duration_s: Positive | None = None
    warmup_jobs: Annotated[int, Field(ge=0, le=1_000_000_000)] = 0
    deadline_s: Deadline | None = None
    tolerated_miss_percent: Percent = 1
    arrivals: Arrivals
    backlog_jobs: Annotated[int, Field(ge=0, le=100_000_000)] = 0
    """Jobs that are there at time 0, in addition to the arrivals and to `jobs`: the first ones, which `warmup_jobs` leaves out first.
    Those before a recording take their tokens and durations from its rows, from the first one on."""
    service: Service
    service_by_queue: dict[Name, Service] = Field(default={})
    """Of the jobs of a queue, whose class they keep in the synchronous design too; a queue left out has `service`."""
    first_token_s: NonNegative | None = None
    """From the start of a call until its first byte, if `synchronous.streams_response`: part of its service time.

    Until a request's first byte the client's timeout and every hop count its time; once the stream has begun, only total limits do, and the
    gaps between its parts are shorter than any idle limit. An attempt that fails streams nothing. The deadline is of the whole result.
    Null: the stream begins in time for every idle limit, and the client's timeout is for the whole answer.
    """
    provider: Provider = Provider()
    failures: Failures = Failures()
    retries: Retries = Retries()
    synchronous: Synchronous = Synchronous()
    event_driven: EventDriven = EventDriven()
    hybrid: Hybrid | None = None
    subscribers: Subscribers = Subscribers()
    autoscaling: Autoscaling | None = None

    @model_validator(mode="after")
    def _length(self) -> Self:
        if self.jobs is not None and self.duration_s is not None:
            raise ValueError("give either jobs or duration_s, not both")
        if self.jobs is not None and self.warmup_jobs >= self.jobs:
            raise ValueError(f"warmup_jobs ({self.warmup_jobs:,}) must be less than jobs ({self.jobs:,})")
        return self

    @model_validator(mode="after")
    def _every_dedicated_queue_has_a_consumer(self) -> Self:
        scaling, design = self.autoscaling, self.event_driven
        if scaling is not None and design.discipline == "dedicated" and scaling.min < len(design.queues):
            raise ValueError(
                f"autoscaling.min ({scaling.min}) must be at least one consumer for each of the"
                f" {len(design.queues)} dedicated queues"
            )
        return self

    def with_servers(self, servers: int) -> Self:
        """As many workers and consumers, without autoscaling."""
        synchronous = self.synchronous.model_copy(update={"workers": servers})
        event_driven = self.event_driven.with_consumers(servers)
        return self.model_copy(update={"autoscaling": None, "synchronous": synchronous, "event_driven": event_driven})

    @property
    def deadlines_s(self) -> tuple[float, ...]:
        """Of each queue, in their order; infinite if it has none."""
        given = self.deadline_s
        of_queue = given if isinstance(given, Mapping) else dict.fromkeys(self.event_driven.queues, given or inf)
        return tuple(of_queue.get(name, inf) for name in self.event_driven.queues)

    @property
    def counts_first_byte(self) -> bool:
        return self.synchronous.streams_response and self.first_token_s is not None

    @property
    def first_byte_limit_s(self) -> float:
        """How long after its call a synchronous client gives up if nothing has come."""
        return self.synchronous.silence_limit_s if self.counts_first_byte else self.synchronous.patience_s

    @property
    def answer_limit_s(self) -> float:
        """How long after its call a synchronous client gives up if the answer is not whole."""
        return self.synchronous.total_limit_s if self.counts_first_byte else self.synchronous.patience_s

    def mean_times_s(self, output_tokens: float, durations_s: Floats | None) -> list[float]:
        """The mean time at the model of the jobs of each queue; 0 if the durations to draw from are not read yet."""
        return [service.mean_time_s(output_tokens, durations_s) for service in self.services]

    def mean_time_s(self, output_tokens: float, durations_s: Floats | None) -> float:
        """The mean over all queues; what rounding leaves of their shares is the last one's."""
        means = self.mean_times_s(output_tokens, durations_s)
        shares = [share / 100 for share in self.event_driven.queues.values()][:-1]
        return means[-1] + sum(share * (mean - means[-1]) for share, mean in zip(shares, means[:-1], strict=True))

    @property
    def services(self) -> tuple[Service, ...]:
        """Of each queue, in their order."""
        return tuple(self.service_by_queue.get(name, self.service) for name in self.event_driven.queues)

    @model_validator(mode="after")
    def _services_are_of_queues(self) -> Self:
        queues = self.event_driven.queues
        if unknown := [name for name in self.service_by_queue if name not in queues]:
            raise ValueError(
                f"service_by_queue must name queues of event_driven.queues ({', '.join(queues)}), not {', '.join(unknown)}"
            )
        from_file = isinstance(self.service, EmpiricalService) and self.service.path is not None
        for name, service in self.service_by_queue.items():
            if isinstance(service, EmpiricalService) and (from_file or service.path is not None):
                raise ValueError(
                    f"service_by_queue.{name} cannot be empirical with a file of durations, which is service's alone:"
                    " give the queue another distribution, or the others theirs and leave it out"
                )
        return self

    @model_validator(mode="after")
    def _deadlines_are_of_queues(self) -> Self:
        if isinstance(self.deadline_s, Mapping):
            unknown = [name for name in self.deadline_s if name not in self.event_driven.queues]
            if unknown or not self.deadline_s:
                queues = ", ".join(self.event_driven.queues)
                raise ValueError(
                    f"deadline_s must name queues of event_driven.queues ({queues}), not {', '.join(unknown) or 'none'}"
                )
        return self

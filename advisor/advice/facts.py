"""What the rules weigh, computed from the answers: times, loads, capacities, limits. Times are in seconds, rates per second."""

from dataclasses import dataclass, fields
from statistics import NormalDist
from typing import Any, Generic, Self, TypeVar

import numpy as np

from advisor.advice.answer_vectors import INTERVAL_VECTORS, AnswerVectors, FlagVector, NumberVector, is_choice
from advisor.advice.answers import CLASSES, Answers
from advisor.advice.queueing import Wait, attempts_of, lognormal_p99, p99_through, waiting
from advisor.advice.ranges import MINUTES_A_DAY
from core.units import DAY_S
from simulator.lognormal import Lognormal
from simulator.theory import NORMAL_P99

ATTENTION_S = 10.0
"""Past this people turn to something else (J. Nielsen, Usability Engineering, 1993, chapter 5)."""
RARE = 0.01
"""Peaks that bring less than this share of the requests don't reach the 99th percentile."""
UNLIMITED_RATE = 1e12
"""The value of a quota that does not exist."""
SHORTEST_CALL = 0.01
"""A call alone takes at least this part of its measured time, however the line falls."""
MARGIN = 0.9
"""A hybrid answers in line for this part of the tightest limit."""

Number = TypeVar("Number")
Flag = TypeVar("Flag")


@dataclass(frozen=True)
class CallerFacts(Generic[Number, Flag]):
    """Facts about the caller. If no caller waits, every other fact about the caller is false."""

    nobody: Flag
    end_user: Flag
    internal: Flag
    partner: Flag
    immediate: Flag
    """A caller waits and cannot continue without the result."""
    wants_inline: Flag
    """The same, or a person waits with a deadline within the time that attention lasts."""
    streams: Flag
    webhooks: Flag
    live_updates: Flag
    bidirectional: Flag
    acknowledge_s: Number
    """When a sender must have its 2xx, whether or not it waits for a result."""
    deadline_s: Number
    tolerated: Number
    """Share of results that may be late or missing."""
    first_token_s: Number
    """NaN where it is not known."""


@dataclass(frozen=True)
class LoadFacts(Generic[Number, Flag]):
    """Facts about arrivals. The mean rate includes the peaks."""

    rate: Number
    peak_to_mean: Number
    """1 where there are no peaks."""
    peak_rate: Number
    peak_s: Number
    """Length of a peak; 0 where there are none."""
    peak_share: Number
    """Share of the requests that arrive in a peak."""
    arrival_cv: Number
    arrives_in_outage: Number
    outage_s: Number


@dataclass(frozen=True)
class WorkFacts(Generic[Number, Flag]):
    p50_s: Number
    p95_s: Number
    p99_s: Number
    mean_s: Number
    service_cv2: Number
    """Squared coefficient of variation."""
    late_share: Number
    """Share of the requests whose processing alone takes longer than the deadline."""
    past_lease: Number
    """Share of the attempts that take longer than a consumer may keep a job."""
    past_call_timeout: Number
    """Share of the calls that our own code gives up."""


@dataclass(frozen=True)
class FailureFacts(Generic[Number, Flag]):
    transient: Number
    poison: Number
    max_retries: Number
    attempts: Number
    """Mean attempts a job, poison included."""
    tries: Number
    """Mean attempts of a job that is not poison."""
    retry_window_s: Number
    """The longest time that the pauses between attempts span."""
    pauses_s: Number
    """Mean time that a job spends in pauses (half of the longest each, as full jitter has it)."""
    pauses_variance: Number
    dead_letter: Flag
    idempotent: Flag
    loses_in_outage: Flag
    """Whether more arrives in the stated outage than may be lost."""


@dataclass(frozen=True)
class CapacityFacts(Generic[Number, Flag]):
    """Facts about capacity: jobs a second, attempts counted."""

    workers: Number
    consumers: Number
    """The most that operations allow: of consumers, and of workers too."""
    concurrency: Number
    servers: Number
    """Workers of the synchronous design that operations allow and that can call at once."""
    quotas: Number
    """What the quotas together allow."""
    requests_cap: Number
    input_cap: Number
    output_cap: Number
    """What each quota allows."""
    busy_call_s: Number
    """The mean time of a call while all of `servers` call."""
    worker_cap: Number
    """Jobs a second that the workers can do, which in-line subscribers hold as well, and the calls at once."""
    publishing_cap: Number
    """The same if the subscribers get an event instead, as in a hybrid."""
    sync_cap: Number
    """What the synchronous design can do."""
    cap: Number
    """What as many workers or consumers as are allowed can do."""
    peak_load: Number
    """Peak demand as a part of the synchronous capacity."""
    long_run_load: Number
    """Mean demand as a part of the most that is allowed."""
    gathers_s: Number
    """The backlog of a peak beyond the capacity, as the time that it takes to serve it."""
    ordered_globally: Flag
    """One order for all results leaves one at a time."""


@dataclass(frozen=True)
class CouplingFacts(Generic[Number, Flag]):
    subscribers: Number
    others: Number
    """Subscribers without a caller that waits."""
    independent: Flag
    ordered_by_key: Flag
    handling_s: Number
    retention_s: Number
    broker: Flag


@dataclass(frozen=True)
class InlineFacts(Generic[Number, Flag]):
    backlog: Number
    client_timeout_s: Number
    hop_total_s: Number
    """The tightest total limit; the streamed one for a response that streams."""
    hop_idle_s: Number
    inline_limit_s: Number
    """What the in-line answer must keep: the tightest limit that can end it."""
    fixed_limit_s: Number
    """The tightest of these that no setting changes."""
    silence_limit_s: Number
    """How long something on the way waits for the first part of a stream."""
    fixed_silence_limit_s: Number
    """The same, as far as no setting changes it."""
    counts_waits: Flag
    """Whether waiting is counted: not if nothing serves the load in time."""
    wait_s: Number
    """Mean wait for a worker, in the peak where one request in a hundred or more arrives in it."""
    inline_p99_s: Number
    """The in-line answer at the 99th percentile: waiting, retries and in-line subscribers included."""
    inline_slow_s: Number
    """The same at the quantile that the tolerated misses imply: p99 for 1 %, p95 for 5 %."""
    answer_p50_s: Number
    answer_p99_s: Number
    """The same without the other subscribers: what the caller of a hybrid waits for, since the others get an event."""
    answer_slow_s: Number
    patience_s: Number
    """How long a person looks at nothing; infinite for others, and where the answer streams."""
    hybrid_wait_s: Number
    """How long a hybrid answers in line: inside every limit and the deadline, and within patience where the typical answer is."""


_Caller = CallerFacts[NumberVector, FlagVector]
_Load = LoadFacts[NumberVector, FlagVector]
_Work = WorkFacts[NumberVector, FlagVector]
_Failure = FailureFacts[NumberVector, FlagVector]
_Capacity = CapacityFacts[NumberVector, FlagVector]
_Coupling = CouplingFacts[NumberVector, FlagVector]
_Inline = InlineFacts[NumberVector, FlagVector]


def _caller(c: AnswerVectors) -> _Caller:
    nobody = is_choice(c, "caller.kind", "nobody")

    end_user = is_choice(c, "caller.kind", "end_user")

    def flag(name: str) -> FlagVector:
        return (c[f"caller.{name}"] > 0) & ~nobody

    return CallerFacts(
        nobody=nobody,
        end_user=end_user,
        internal=is_choice(c, "caller.kind", "internal"),
        partner=is_choice(c, "caller.kind", "partner"),
        immediate=flag("needs_immediate_response"),
        wants_inline=flag("needs_immediate_response") | (end_user & (c["caller.deadline_s"] <= ATTENTION_S)),
        streams=flag("streams_response"),
        webhooks=flag("accepts_webhooks"),
        live_updates=flag("wants_live_updates"),
        bidirectional=flag("bidirectional"),
        acknowledge_s=np.where(
            nobody | (~end_user & flag("accepts_webhooks")), c["caller.acknowledge_within_s"], np.inf
        ),
        deadline_s=c["caller.deadline_s"],
        tolerated=c["caller.tolerated_miss_percent"] / 100,
        first_token_s=c["caller.first_token_s"],
    )


def _load(c: AnswerVectors, work: _Work) -> _Load:
    """A fixed number of clients sends at most one request each in think time and processing time, and has no peaks."""
    minutes, often, clients = c["volume.peak_minutes"], c["volume.peaks_per_day"], c["volume.clients"]
    closed = np.isfinite(clients)
    rate = np.where(closed, clients / (c["volume.think_s"] + work.mean_s), c["volume.mean_rate_per_s"])
    time_share = minutes * often / MINUTES_A_DAY
    most = 1 / np.maximum(time_share, 1e-12)
    has_peaks = (often > 0) & ~closed
    peak_to_mean = np.where(has_peaks, np.clip(c["volume.peak_to_mean"], 1.0, np.maximum(most, 1.0)), 1.0)
    peaks = peak_to_mean > 1
    outage_s = c["resilience.outage_minutes"] * 60
    return LoadFacts(
        rate=rate,
        peak_to_mean=peak_to_mean,
        peak_rate=rate * peak_to_mean,
        peak_s=np.where(peaks, minutes * 60, 0.0),
        peak_share=np.where(peaks, np.minimum(1.0, peak_to_mean * time_share), 0.0),
        arrival_cv=np.where(closed, 1.0, c["volume.interarrival_cv"]),
        arrives_in_outage=rate * outage_s,
        outage_s=outage_s,
    )


def _work(c: AnswerVectors, caller: _Caller) -> _Work:
    """The times that the Scenario draws; with times of classes the mixture by their shares."""
    p50, given = c["processing.p50_s"], c["processing.p99_s"]
    p95 = np.maximum(c["processing.p95_s"], p50)
    usual = Lognormal.through(p50, p95, given)
    times = _times_of_classes(c, usual, p95 / p50, given / p95)
    mean, cv2 = _moments(times, usual)

    def share_beyond(limit_s: NumberVector) -> NumberVector:
        return np.asarray(sum(share * each.share_beyond(limit_s) for share, each in times), dtype=np.float64)

    return WorkFacts(
        p50_s=p50,
        p95_s=p95,
        p99_s=np.where(np.isnan(given), p99_through(p50, p95), np.maximum(given, p95)),
        mean_s=mean,
        service_cv2=cv2,
        late_share=share_beyond(caller.deadline_s),
        past_lease=share_beyond(c["operations.lease_s"]),
        past_call_timeout=share_beyond(c["provider.call_timeout_s"]),
    )


_Times = list[tuple[NumberVector, Lognormal]]
"""Of each class its share, 0 to 1, and its times."""


def _times_of_classes(c: AnswerVectors, usual: Lognormal, p95_to_p50: NumberVector, p99_to_p95: NumberVector) -> _Times:
    """A class without times of its own has the usual ones; without a p95 it has their p95 to p50, and always their p99 to p95, if one is given."""
    own = [(c[f"priorities.{name}.p50_s"], c[f"priorities.{name}.p95_s"]) for name in CLASSES]
    if not any(np.any(np.isfinite(p50)) for p50, _ in own):
        return [(np.ones_like(usual.p50_s), usual)]
    total = sum(c[f"priorities.{name}.share_percent"] for name in CLASSES)
    times: _Times = []
    for name, (p50, p95) in zip(CLASSES, own, strict=True):
        median = np.where(np.isfinite(p50), p50, usual.p50_s)
        p95 = median * np.where(np.isfinite(p50) & np.isfinite(p95), np.maximum(p95, p50) / p50, p95_to_p50)
        times.append((c[f"priorities.{name}.share_percent"] / total, Lognormal.through(median, p95, p95 * p99_to_p95)))
    return times


def _moments(times: _Times, usual: Lognormal) -> tuple[NumberVector, NumberVector]:
    """The mean and the squared coefficient of variation of all requests."""
    if len(times) == 1:
        return usual.mean_s, usual.cv2
    mean = sum(share * each.mean_s for share, each in times)
    second = sum(share * each.mean_s**2 * (1 + each.cv2) for share, each in times)
    return np.asarray(mean), np.asarray(second / mean**2 - 1)


def _failure(c: AnswerVectors, load: _Load) -> _Failure:
    transient, poison = c["failures.transient_percent"] / 100, c["failures.poison_percent"] / 100
    retries = c["failures.max_retries"]
    tries = attempts_of(transient, retries)
    backoff = _pauses(c["failures.backoff_base_s"], c["failures.backoff_cap_s"], transient, retries)
    longest, mean, variance = backoff
    if INTERVAL_VECTORS[0] in c:
        listed = np.array([c[name] for name in INTERVAL_VECTORS])
        given = ~np.isnan(listed[0])
        chances = zip(_listed_pauses(listed, transient, retries), backoff, strict=True)
        longest, mean, variance = (np.where(given, of_list, usual) for of_list, usual in chances)
    return FailureFacts(
        transient=transient,
        poison=poison,
        max_retries=retries,
        attempts=(1 - poison) * tries + poison * (retries + 1),
        tries=tries,
        retry_window_s=longest,
        pauses_s=mean,
        pauses_variance=variance,
        dead_letter=c["failures.dead_letter"] > 0,
        idempotent=c["failures.idempotent"] > 0,
        loses_in_outage=load.arrives_in_outage > c["resilience.max_lost_jobs"],
    )


def _listed_pauses(
    listed: NumberVector, failure: NumberVector, retries: NumberVector
) -> tuple[NumberVector, NumberVector, NumberVector]:
    """The same of pauses that are given one by one, a row each: of `count` pauses and r retries that are left, number max(count - r, 0) is next."""
    count = (~np.isnan(listed)).sum(axis=0)
    longest = mean = variance = np.zeros_like(failure * retries)
    for attempt in range(int(retries.max())):
        place = np.clip(count - (retries - attempt), 0, len(listed) - 1).astype(np.int64)
        pause = np.where(attempt < retries, np.take_along_axis(listed, place[np.newaxis], axis=0)[0], 0.0)
        chance = failure ** (attempt + 1)
        longest = longest + pause
        mean = mean + chance * pause
        variance = variance + chance * (1 - chance) * pause**2
    return longest, mean, variance


def _pauses(
    base_s: NumberVector, cap_s: NumberVector, failure: NumberVector, retries: NumberVector
) -> tuple[NumberVector, NumberVector, NumberVector]:
    """Longest sum, mean and variance of a job's pauses: uniform up to min(cap, base 2^a) before retry a + 1, which p^(a+1) need."""
    longest = mean = variance = np.zeros_like(failure * retries * base_s * cap_s)
    for attempt in range(int(retries.max())):
        pause = np.where(attempt < retries, np.minimum(cap_s, base_s * 2.0**attempt), 0.0)
        chance = failure ** (attempt + 1)
        longest = longest + pause
        mean = mean + chance * pause / 2
        variance = variance + chance * (pause**2 / 3 - chance * pause**2 / 4)
    return longest, mean, variance


def _capacity(c: AnswerVectors, load: _Load, work: _Work, failure: _Failure, coupling: _Coupling) -> _Capacity:
    """The least of servers / S, and of our share of each quota over the attempts a job takes. In line S has the subscribers' handling, too."""
    share = c["provider.share_percent"] / 100

    def quota(name: str, each: NumberVector) -> NumberVector:
        taken = 60 * each * failure.attempts
        return np.where(taken > 0, c[f"provider.{name}_per_minute"] * share / np.where(taken > 0, taken, 1.0), np.inf)

    daily_cap = c["provider.requests_per_day"] * share / DAY_S / failure.attempts
    requests_cap = np.minimum(quota("requests", np.ones_like(share)), daily_cap)
    input_cap = quota("input_tokens", c["processing.input_tokens"])
    output_cap = quota("output_tokens", c["processing.output_tokens"])
    quotas = np.minimum(np.minimum(requests_cap, input_cap), output_cap)
    workers, consumers, concurrency = (
        c["synchronous.workers"],
        c["operations.max_workers"],
        c["provider.max_concurrency"],
    )
    ordered = is_choice(c, "subscribers.ordering", "global")
    keys = np.where(is_choice(c, "subscribers.ordering", "per_key"), c["subscribers.keys"], np.inf)
    at_once = np.where(ordered, 1.0, np.minimum(concurrency, keys))
    servers = np.minimum(np.minimum(workers, consumers), at_once)
    most = np.minimum(consumers, at_once)
    busy_call_s = _busy_call_s(c, work, servers)
    staff = np.minimum(np.minimum(workers, consumers), np.where(ordered, 1.0, keys))
    called_s = busy_call_s * failure.attempts
    publishing_cap = servers / called_s
    worker_cap = np.minimum(staff / (called_s + _in_line_handling_s(coupling)), publishing_cap)
    sync_cap = np.minimum(worker_cap, quotas)
    cap = np.minimum(most / (_busy_call_s(c, work, most) * failure.attempts), quotas)
    return CapacityFacts(
        workers=workers,
        consumers=consumers,
        concurrency=concurrency,
        servers=servers,
        quotas=quotas,
        requests_cap=requests_cap,
        input_cap=input_cap,
        output_cap=output_cap,
        busy_call_s=busy_call_s,
        worker_cap=worker_cap,
        publishing_cap=publishing_cap,
        sync_cap=sync_cap,
        cap=cap,
        peak_load=load.peak_rate / sync_cap,
        long_run_load=load.rate / cap,
        gathers_s=np.maximum(0.0, load.peak_rate / cap - 1) * load.peak_s,
        ordered_globally=ordered,
    )


HANDLING_MEDIAN = 0.5
"""The median of a subscriber's handling as a part of its 95th percentile, which is all that is asked for."""
_MIDDLES = (np.arange(128) + 0.5) / 128
_CALLED = np.array([1, 2, 3, 5, 10, 20, 50, 100])
_LONGEST = np.array(
    [
        np.mean(
            Lognormal.through(HANDLING_MEDIAN, 1.0).quantile_s(
                np.array([NormalDist().inv_cdf(p ** (1 / n)) for p in _MIDDLES])
            )
        )
        for n in _CALLED.tolist()
    ]
)
"""The mean of the longest of that many handlings, as a part of the 95th percentile of one."""


def _in_line_handling_s(coupling: _Coupling) -> NumberVector:
    """How long the other subscribers, called at once, hold a worker on average."""
    longest = np.interp(np.log(np.maximum(coupling.others, 1.0)), np.log(_CALLED), _LONGEST)
    return np.where(coupling.others > 0, coupling.handling_s * longest, 0.0)


def _busy_call_s(c: AnswerVectors, work: _Work, calls: NumberVector) -> NumberVector:
    """The mean time of each of a number of calls at once: on the straight line through both measurements."""
    few, many, busy_s = (c[f"processing.{name}"] for name in ("measured_in_flight", "high_in_flight", "high_mean_s"))
    slope = np.where(np.isfinite(busy_s), (busy_s - work.mean_s) / np.maximum(many - few, 1.0), 0.0)
    return np.maximum(work.mean_s + np.maximum(slope, 0.0) * (calls - few), SHORTEST_CALL * work.mean_s)


def _coupling(c: AnswerVectors, caller: _Caller) -> _Coupling:
    count = c["subscribers.count"]
    return CouplingFacts(
        subscribers=count,
        others=np.maximum(0.0, count - ~caller.nobody),
        independent=c["subscribers.independent_releases"] > 0,
        ordered_by_key=is_choice(c, "subscribers.ordering", "per_key"),
        handling_s=c["subscribers.handling_p95_s"],
        retention_s=c["resilience.result_retention_h"] * 3600,
        broker=c["operations.runs_a_broker_today"] > 0,
    )


def _inline(
    c: AnswerVectors,
    caller: _Caller,
    load: _Load,
    work: _Work,
    failure: _Failure,
    capacity: _Capacity,
    coupling: _Coupling,
) -> _Inline:
    """The 99th percentile is that of processing; what the lognormals with and without waiting and retries (matched in mean and variance) differ
    by; what a peak has gathered; and, where they are called in line, the other subscribers.
    Where nothing serves the load in time, waiting is left out: capacity comes first, and with it the wait goes.
    """
    out_of_reach = (capacity.long_run_load >= 1) | (capacity.gathers_s + work.p95_s > caller.deadline_s)
    waits = np.where(out_of_reach, 0.0, 1.0)
    holding = _wait(c, load, work, capacity, capacity.worker_cap, load.peak_share >= RARE)
    publishing = _wait(c, load, work, capacity, capacity.publishing_cap, load.peak_share >= RARE)
    typical = _wait(c, load, work, capacity, capacity.publishing_cap, load.peak_share > 0.5)
    handling_s = np.where(coupling.others > 0, coupling.handling_s, 0.0)

    spread = work.service_cv2 * work.mean_s**2
    retried = failure.transient * np.minimum(failure.max_retries, 1.0)
    retries_variance = retried * (1 + retried) * work.mean_s**2 + failure.pauses_variance

    def p99_with(wait: Wait) -> NumberVector:
        mean = work.mean_s * failure.tries + failure.pauses_s + waits * wait.mean_s
        variance = spread * failure.tries + retries_variance + waits * wait.variance
        beyond = np.maximum(0.0, lognormal_p99(mean, variance) - lognormal_p99(work.mean_s, spread))
        return work.p99_s + beyond + waits * wait.gathered_s

    total_s = np.where(caller.streams, c["hops.streaming_total_s"], c["hops.total_s"])
    timeout_s = np.where(caller.nobody, np.inf, c["synchronous.client_timeout_s"])
    hop_total_s = np.where(caller.nobody, np.inf, total_s)
    hop_idle_s = np.where(caller.nobody, np.inf, c["hops.idle_s"])
    fixed_total_s = np.where(caller.streams, c["hops.fixed_streaming_total_s"], c["hops.fixed_total_s"])
    fixed_idle_s = np.where(caller.nobody, np.inf, c["hops.fixed_idle_s"])
    fixed_s = np.minimum(np.where(caller.nobody, np.inf, fixed_total_s), np.where(caller.streams, np.inf, fixed_idle_s))
    hop_limit_s = np.minimum(hop_total_s, np.where(caller.streams, np.inf, np.minimum(hop_idle_s, timeout_s)))
    limit_s = np.minimum(hop_limit_s, caller.acknowledge_s)
    patience_s = np.where(caller.end_user & ~caller.streams, ATTENTION_S, np.inf)
    p99_s = p99_with(publishing)
    p50_s = work.p50_s + waits * (typical.mean_s + typical.gathered_s)
    allowed_s = np.minimum(MARGIN * limit_s, caller.deadline_s)
    in_line_s = np.where(p50_s <= patience_s, np.minimum(allowed_s, patience_s), allowed_s)
    return InlineFacts(
        backlog=c["synchronous.backlog"],
        client_timeout_s=timeout_s,
        hop_total_s=hop_total_s,
        hop_idle_s=hop_idle_s,
        inline_limit_s=limit_s,
        fixed_limit_s=np.minimum(fixed_s, caller.acknowledge_s),
        silence_limit_s=np.minimum(hop_idle_s, timeout_s),
        fixed_silence_limit_s=fixed_idle_s,
        counts_waits=~out_of_reach,
        wait_s=waits * (holding.mean_s + holding.gathered_s),
        inline_p99_s=p99_with(holding) + handling_s,
        inline_slow_s=_slow(caller, p50_s + handling_s, p99_with(holding) + handling_s),
        answer_p50_s=p50_s,
        answer_p99_s=p99_s,
        answer_slow_s=_slow(caller, p50_s, p99_s),
        patience_s=patience_s,
        hybrid_wait_s=np.where(np.isfinite(in_line_s), in_line_s, p99_s),
    )


LEAST_MISSES, MOST_MISSES = 1e-4, 0.5
"""Between these the tolerated misses set the quantile that is held against a limit."""


def _slow(caller: _Caller, p50_s: NumberVector, p99_s: NumberVector) -> NumberVector:
    """The quantile that the tolerated misses leave, on the lognormal through median and 99th percentile."""
    tolerated, row = np.unique(np.clip(caller.tolerated, LEAST_MISSES, MOST_MISSES), return_inverse=True)
    deviations = np.array([NormalDist().inv_cdf(1 - share) for share in tolerated])[row]
    return np.asarray(p99_s * (p99_s / p50_s) ** (deviations / NORMAL_P99 - 1), dtype=np.float64)


def _wait(
    c: AnswerVectors,
    load: _Load,
    work: _Work,
    capacity: _Capacity,
    worker_cap: NumberVector,
    in_peak: FlagVector,
) -> Wait:
    rate, served = np.where(in_peak, load.peak_rate, load.rate), np.minimum(worker_cap, capacity.quotas)
    fullest_s = c["synchronous.backlog"] / served
    workers = waiting(
        rate=rate,
        cap=worker_cap,
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
    gathers_s = np.where(in_peak, np.maximum(0.0, load.peak_rate / served - 1) * load.peak_s, 0.0)
    return Wait(workers.mean_s + quotas.mean_s, workers.variance + quotas.variance, np.minimum(gathers_s, fullest_s))


@dataclass(frozen=True)
class Facts(Generic[Number, Flag]):
    """Infinite if unlimited."""

    caller: CallerFacts[Number, Flag]
    load: LoadFacts[Number, Flag]
    work: WorkFacts[Number, Flag]
    failure: FailureFacts[Number, Flag]
    capacity: CapacityFacts[Number, Flag]
    coupling: CouplingFacts[Number, Flag]
    inline: InlineFacts[Number, Flag]


FactVectors = Facts[NumberVector, FlagVector]
"""One row a variation of the answers."""


def facts_of(vectors: AnswerVectors) -> FactVectors:
    caller = _caller(vectors)
    work = _work(vectors, caller)
    load = _load(vectors, work)
    failure = _failure(vectors, load)
    coupling = _coupling(vectors, caller)
    capacity = _capacity(vectors, load, work, failure, coupling)
    inline = _inline(vectors, caller, load, work, failure, capacity, coupling)
    return Facts(caller, load, work, failure, capacity, coupling, inline)


@dataclass(frozen=True)
class PointFacts(Facts[float, bool]):
    answers: Answers

    @classmethod
    def from_facts(cls, facts: FactVectors, answers: Answers) -> Self:
        parts = {part.name: _first_row(getattr(facts, part.name)) for part in fields(facts)}
        return cls(**parts, answers=answers)


def _first_row(part: Any) -> Any:
    return type(part)(**{field.name: getattr(part, field.name)[0].item() for field in fields(part)})

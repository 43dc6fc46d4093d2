"""What the rules weigh, worked out from the answers: times, loads, capacities, limits. Arithmetic on columns, no words."""

from dataclasses import dataclass, fields

import numpy as np
from scipy.special import gammaincc, gammaln, ndtr

from advisor.advice.answers import LEAVES, MINUTES_A_DAY
from advisor.advice.columns import Columns, Flags, Floats

Z95, Z99 = 1.6448536269514722, 2.3263478740408408
"""Standard normal quantiles."""
ATTENTION_S = 10.0
"""Past this people turn to something else (J. Nielsen, Usability Engineering, 1993, chapter 5)."""
NEAR_CAPACITY = 0.98
"""Stationary formulas are read up to this utilisation; what a peak brings beyond capacity is counted as it gathers."""


@dataclass(frozen=True)
class Facts:
    """One row a variation. Times in seconds, rates per second, infinite where unlimited."""

    nobody: Flags
    end_user: Flags
    internal: Flags
    partner: Flags
    immediate: Flags
    """Somebody waits and cannot go on without the result."""
    streams: Flags
    webhooks: Flags
    live_updates: Flags
    bidirectional: Flags
    deadline_s: Floats
    tolerated: Floats
    """Share of results that may be late or missing."""

    rate: Floats
    peak_to_mean: Floats
    """1 where there are no peaks."""
    peak_rate: Floats
    peak_s: Floats
    peak_share: Floats
    """Share of the requests that arrive in a peak."""
    arrival_cv: Floats

    p50_s: Floats
    p95_s: Floats
    p99_s: Floats
    mean_s: Floats
    service_cv2: Floats
    late_share: Floats
    """Share of the requests whose processing alone takes longer than the deadline."""

    transient: Floats
    poison: Floats
    max_retries: Floats
    attempts: Floats
    """Mean attempts a job, poison included."""
    all_fail: Floats
    """Share of the jobs that fail for good, poison included."""
    retry_window_s: Floats
    """The longest time that the pauses between attempts span."""
    dead_letter: Flags
    idempotent: Flags

    workers: Floats
    consumers: Floats
    """The most consumers that operations allow."""
    concurrency: Floats
    requests_cap: Floats
    input_cap: Floats
    output_cap: Floats
    """Jobs a second that each quota allows, attempts counted."""
    sync_cap: Floats
    """Jobs a second of the synchronous design."""
    cap: Floats
    """Jobs a second with as many workers or consumers as are allowed."""
    peak_load: Floats
    """Peak demand as a part of the synchronous capacity."""
    long_run_load: Floats
    """Mean demand as a part of the most that is allowed."""
    gathers_s: Floats
    """What a peak gathers beyond the capacity, as the time that it takes to serve it."""

    backlog: Floats
    client_timeout_s: Floats
    hop_total_s: Floats
    """The tightest total limit, the streamed one for a response that streams."""
    hop_idle_s: Floats
    first_token_s: Floats
    inline_wait_s: Floats
    """Mean wait for a worker, in the peak where one request in a hundred or more arrives in it."""
    inline_p50_s: Floats
    inline_p99_s: Floats
    """The in-line answer at the median and the 99th percentile: waiting, retries and in-line subscribers included."""
    inline_limit_s: Floats
    """What the in-line answer must keep: the tightest limit that can end it."""

    subscribers: Floats
    others: Floats
    """Subscribers besides a caller that waits."""
    independent: Flags
    ordered_globally: Flags
    ordered_by_key: Flags
    handling_s: Floats

    outage_s: Floats
    arrives_in_outage: Floats
    max_lost: Floats
    retention_s: Floats
    broker: Flags


class Point:
    """One row of the facts, every one a plain number (a flag 0.0 or 1.0)."""

    def __init__(self, facts: Facts, row: int = 0) -> None:
        self._numbers = {field.name: float(getattr(facts, field.name)[row]) for field in fields(facts)}

    def __getattr__(self, name: str) -> float:
        try:
            return self.__dict__["_numbers"][name]  # type: ignore[no-any-return]
        except KeyError:
            raise AttributeError(name) from None


def erlang_c(servers: Floats, offered_load: Floats) -> Floats:
    """The probability of waiting in M/M/c for columns of any, also fractional, numbers of servers; 1 at or above capacity.

    Source: Erlang B as e^-a a^c / Gamma(c + 1, a) (Jagerman, Bell System Technical Journal 53, 1974), then C = B / (1 - rho (1 - B)).
    """
    load = np.minimum(offered_load, servers)
    blocked = np.exp(servers * np.log(load) - load - gammaln(servers + 1)) / gammaincc(servers + 1, load)
    utilisation = load / servers
    return np.where(offered_load >= servers, 1.0, blocked / (1 - utilisation * (1 - blocked)))


def lognormal_p99(mean: Floats, variance: Floats) -> Floats:
    """The 99th percentile of the lognormal with this mean and variance; its spread is held where the percentile would fall again."""
    sigma = np.minimum(np.sqrt(np.log1p(variance / mean**2)), Z99)
    return mean * np.exp(Z99 * sigma - sigma**2 / 2)


def attempts_of(failure: Floats, retries: Floats) -> Floats:
    """Mean attempts with independent failures: (1 - p^(n+1)) / (1 - p)."""
    certain = failure >= 1
    share = np.where(certain, 0.5, failure)
    return np.where(certain, retries + 1, (1 - share ** (retries + 1)) / (1 - share))


@dataclass(frozen=True)
class _Pauses:
    """The pauses between the attempts of one job."""

    longest_s: Floats
    mean_s: Floats
    variance: Floats


def _pauses(c: Columns, failure: Floats, retries: Floats) -> _Pauses:
    base, cap = c["failures.backoff_base_s"], c["failures.backoff_cap_s"]
    longest = mean = variance = np.zeros_like(failure * retries * base * cap)
    for attempt in range(int(retries.max())):
        made = attempt < retries
        pause = np.where(made, np.minimum(cap, base * 2.0**attempt), 0.0)
        chance = failure ** (attempt + 1)
        longest = longest + pause
        mean = mean + chance * pause / 2
        variance = variance + chance * (pause**2 / 3 - chance * pause**2 / 4)
    return _Pauses(longest, mean, variance)


def _choice(c: Columns, path: str, value: str) -> Flags:
    return np.equal(c[path], LEAVES[path].choices.index(value))


def _quota_cap(quota: Floats, share: Floats, each: Floats | float, attempts: Floats) -> Floats:
    """Jobs a second under a quota a minute of which each attempt takes `each`."""
    taken = 60 * np.asarray(each) * attempts
    return np.where(taken > 0, quota * share / np.where(taken > 0, taken, 1.0), np.inf)


def facts_of(c: Columns) -> Facts:
    """The facts behind columns of answers."""
    nobody = _choice(c, "caller.kind", "nobody")
    streams = (c["caller.streams_response"] > 0) & ~nobody
    deadline, tolerated = c["caller.deadline_s"], c["caller.tolerated_miss_percent"] / 100

    rate = c["volume.mean_rate_per_s"]
    peaks_per_day = c["volume.peaks_per_day"]
    peak_to_mean = np.where(peaks_per_day > 0, c["volume.peak_to_mean"], 1.0)
    peak_s = c["volume.peak_minutes"] * 60
    peak_share = np.where(
        peak_to_mean > 1, peak_to_mean * c["volume.peak_minutes"] * peaks_per_day / MINUTES_A_DAY, 0.0
    )
    peak_rate = rate * peak_to_mean
    cv = c["volume.interarrival_cv"]

    p50, p95 = c["processing.p50_s"], np.maximum(c["processing.p95_s"], c["processing.p50_s"])
    sigma = np.log(p95 / p50) / Z95
    mean = p50 * np.exp(sigma**2 / 2)
    cv2 = np.expm1(sigma**2)
    given = c["processing.p99_s"]
    p99 = np.where(np.isnan(given), p50 * np.exp(Z99 * sigma), np.maximum(given, p95))
    late = _late_share(deadline, p50, sigma)

    transient, poison = c["failures.transient_percent"] / 100, c["failures.poison_percent"] / 100
    retries = c["failures.max_retries"]
    tries = attempts_of(transient, retries)
    attempts = (1 - poison) * tries + poison * (retries + 1)
    pauses = _pauses(c, transient, retries)

    concurrency, share = c["provider.max_concurrency"], c["provider.share_percent"] / 100
    requests_cap = _quota_cap(c["provider.requests_per_minute"], share, 1.0, attempts)
    input_cap = _quota_cap(c["provider.input_tokens_per_minute"], share, c["processing.input_tokens"], attempts)
    output_cap = _quota_cap(c["provider.output_tokens_per_minute"], share, c["processing.output_tokens"], attempts)
    quota = np.minimum(np.minimum(requests_cap, input_cap), output_cap)
    workers, most = c["synchronous.workers"], c["operations.max_workers"]
    work_s = mean * attempts
    global_order = _choice(c, "subscribers.ordering", "global")
    one = np.where(global_order, 1.0, np.inf)
    sync_cap = np.minimum(np.minimum(np.minimum(workers, concurrency), one) / work_s, quota)
    cap = np.minimum(np.minimum(np.minimum(np.maximum(workers, most), concurrency), one) / work_s, quota)
    peak_load, long_run = peak_rate / sync_cap, rate / cap
    gathers = np.where(peak_rate > cap, (peak_rate / cap - 1) * np.where(peak_to_mean > 1, peak_s, 0.0), 0.0)
    out_of_reach = (long_run >= 1) | (gathers + p95 > deadline)

    wait, wait_variance = _waiting(
        rate=np.where(peak_share >= 0.01, peak_rate, rate),
        cap=sync_cap,
        servers=np.maximum(sync_cap * work_s, 1e-9),
        factor=(cv**2 + cv2) / 2,
        gathers=(peak_load - 1) * peak_s * (peak_share >= 0.01),
        backlog=c["synchronous.backlog"],
    )
    wait, wait_variance = np.where(out_of_reach, 0.0, wait), np.where(out_of_reach, 0.0, wait_variance)
    count = c["subscribers.count"]
    others = np.maximum(0, count - ~nobody)
    handling = np.where(others > 0, c["subscribers.handling_p95_s"], 0.0)
    spread = cv2 * mean**2
    tries_variance = transient * (1 + transient) * np.minimum(retries, 1)
    total_mean = mean * tries + pauses.mean_s + wait + handling
    total_variance = spread * tries + tries_variance * mean**2 + pauses.variance + wait_variance
    inline_p99 = p99 + np.maximum(0, lognormal_p99(total_mean, total_variance) - lognormal_p99(mean, spread))

    hop_total = np.where(nobody, np.inf, np.where(streams, c["hops.streaming_total_s"], c["hops.total_s"]))
    hop_idle = np.where(nobody, np.inf, c["hops.idle_s"])
    timeout = np.where(nobody, np.inf, c["synchronous.client_timeout_s"])
    silent = np.where(streams, np.inf, np.minimum(hop_idle, timeout))

    return Facts(
        nobody=nobody,
        end_user=_choice(c, "caller.kind", "end_user"),
        internal=_choice(c, "caller.kind", "internal"),
        partner=_choice(c, "caller.kind", "partner"),
        immediate=(c["caller.needs_immediate_response"] > 0) & ~nobody,
        streams=streams,
        webhooks=(c["caller.accepts_webhooks"] > 0) & ~nobody,
        live_updates=(c["caller.wants_live_updates"] > 0) & ~nobody,
        bidirectional=(c["caller.bidirectional"] > 0) & ~nobody,
        deadline_s=deadline,
        tolerated=tolerated,
        rate=rate,
        peak_to_mean=peak_to_mean,
        peak_rate=peak_rate,
        peak_s=peak_s,
        peak_share=peak_share,
        arrival_cv=cv,
        p50_s=p50,
        p95_s=p95,
        p99_s=p99,
        mean_s=mean,
        service_cv2=cv2,
        late_share=late,
        transient=transient,
        poison=poison,
        max_retries=retries,
        attempts=attempts,
        all_fail=poison + (1 - poison) * transient ** (retries + 1),
        retry_window_s=pauses.longest_s,
        dead_letter=c["failures.dead_letter"] > 0,
        idempotent=c["failures.idempotent"] > 0,
        workers=workers,
        consumers=most,
        concurrency=concurrency,
        requests_cap=requests_cap,
        input_cap=input_cap,
        output_cap=output_cap,
        sync_cap=sync_cap,
        cap=cap,
        peak_load=peak_load,
        long_run_load=long_run,
        gathers_s=gathers,
        backlog=c["synchronous.backlog"],
        client_timeout_s=timeout,
        hop_total_s=hop_total,
        hop_idle_s=hop_idle,
        first_token_s=c["caller.first_token_s"],
        inline_wait_s=wait,
        inline_p50_s=p50 + wait + handling,
        inline_p99_s=inline_p99,
        inline_limit_s=np.minimum(hop_total, silent),
        subscribers=count,
        others=others,
        independent=c["subscribers.independent_releases"] > 0,
        ordered_globally=global_order,
        ordered_by_key=_choice(c, "subscribers.ordering", "per_key"),
        handling_s=c["subscribers.handling_p95_s"],
        outage_s=c["resilience.outage_minutes"] * 60,
        arrives_in_outage=rate * c["resilience.outage_minutes"] * 60,
        max_lost=c["resilience.max_lost_jobs"],
        retention_s=c["resilience.result_retention_h"] * 3600,
        broker=c["operations.runs_a_broker_today"] > 0,
    )


def _late_share(deadline: Floats, p50: Floats, sigma: Floats) -> Floats:
    """Share of a lognormal beyond the deadline; without spread, all or nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.log(deadline / p50) / sigma
    return np.where(sigma > 0, ndtr(-np.where(sigma > 0, score, 0.0)), np.where(deadline < p50, 1.0, 0.0))


def _waiting(
    *, rate: Floats, cap: Floats, servers: Floats, factor: Floats, gathers: Floats, backlog: Floats
) -> tuple[Floats, Floats]:
    """Mean and variance of the wait for a worker: Allen-Cunneen up to near capacity, then what the peak gathers, a backlog at most."""
    stable = np.minimum(rate, NEAR_CAPACITY * cap)
    chance = erlang_c(servers, stable / cap * servers)
    pace = factor / (cap - stable)
    fullest = backlog / cap
    mean = np.minimum(chance * pace, fullest)
    variance = np.minimum((2 - chance) * chance * pace**2, fullest**2)
    return mean + np.minimum(np.maximum(0, gathers), fullest), variance

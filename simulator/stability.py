"""Whether a design has a steady state: its long-run load against each capacity, and growth that only a run shows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, exp, inf, log, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np

from simulator import theory
from simulator.arrivals import BacklogArrivals, BurstArrivals, ClosedArrivals, GammaArrivals, TraceArrivals
from simulator.growth import Rise, growing, rise_of
from simulator.lognormal import normal_share_below
from simulator.plan import (
    EVENT_DRIVEN,
    OWN_CONSUMERS,
    SYNCHRONOUS,
    call_time_of,
    called_subscribers,
    dedicated_bounds,
    dedicated_consumers,
    keys_of,
    most_servers_of,
    rate_of,
    retries_of,
)
from simulator.redelivery import deliveries_of
from simulator.scenario import Scenario
from simulator.services import DeterministicService, ExponentialService, LognormalService, Service
from simulator.tally import Tally
from simulator.trace_columns import Floats
from simulator.traces import Trace
from simulator.workload import JobWork, work_by_queue, work_of

NEAR_SATURATION = 0.95
MEMORIES_WANTED = 10
"""A run shows the steady state if it is this many times as long as the backlog's memory: 4 / (1 - load)^2 jobs.

Source: J. Abate, W. Whitt, Transient behavior of regulated Brownian motion, Adv. Appl. Prob. 19 (1987): the relaxation time of a queue.
"""
STILL_RISING = 3.0
"""Standard errors of the mean over replications, by which the backlog is longer in the last quarter than in the second."""
FEWEST_REPLICATIONS = 5
LONGER = 4
NORMALS_WIDE, WIDER, QUADRATURE_POINTS = 9.0, 1.0, 4_000
"""Of the quadrature: standard deviations of the logarithm, what is added to them, and points."""
LEFT_OVER = 0.1
"""Whole cycles end with little: at most this share of the longest backlog."""


@dataclass(frozen=True)
class Load:
    """The offered load on each resource as a share of its capacity; 1 or more has no steady state, unless work is turned away."""

    servers: float
    provider: float
    bounded: bool
    endless: bool = False
    """Whether some job is delivered again, or is a probe, for ever."""
    is_exact: bool = True
    """If not, only runs show whether there is a steady state."""

    @property
    def highest(self) -> float:
        return max(self.servers, self.provider)

    @property
    def stable(self) -> bool:
        return not self.endless and (self.bounded or not self.is_exact or self.highest < 1)


@dataclass(frozen=True)
class Stability:
    """What formulas and replications say of a design. `growth_per_min` of a stable one: the backlog grew until the end of a recording."""

    stable: bool
    growth_per_min: float | None = None
    jobs_to_settle: int | None = None
    """If a replication is too short to show the steady state: how many jobs it takes, about."""


def load_of(scenario: Scenario, design: str, trace: Trace | None, drawn: Floats | None) -> Load:
    """The long-run load of a design. A trace is finite: it drains, and counts as bounded, as do closed clients."""
    rate, work = rate_of(scenario, trace), work_of(scenario, design, trace, drawn)
    bounded = trace is not None or isinstance(scenario.arrivals, ClosedArrivals)
    if design == SYNCHRONOUS:
        slower = _slower(scenario, design, work, trace, drawn)
        held_s = slower * work.at_model_s + work.pausing_s + work.results * handling_s(scenario)
        servers = rate * held_s / most_servers_of(scenario, design)
        bounded |= scenario.synchronous.backlog is not None or (
            scenario.synchronous.drops_abandoned and scenario.first_byte_limit_s < inf
        )
    else:
        bounded |= scenario.event_driven.max_queue is not None or scenario.event_driven.expires_s is not None
        if never_closes(scenario):
            return Load(inf, 0.0, bounded=False, endless=True)
        if scenario.event_driven.redelivers:
            deliveries = deliveries_of(scenario, trace, drawn)
            if deliveries.endless:
                without_end = scenario.event_driven.expires_s is None
                return Load(inf, 0.0, bounded=not without_end, endless=without_end)
            busy_s = deliveries.busy_s - deliveries.number * scenario.event_driven.dispatch_s
            work = replace(work, at_model_s=work.attempts * busy_s, attempts=work.attempts * deliveries.number)
        slower = _slower(scenario, design, work, trace, drawn)
        servers = _consumer_load(scenario, rate, slower, work, work_by_queue(scenario, design, trace, drawn))
    provider = max(
        _provider_load(scenario, rate, slower, work),
        _one_by_one_load(scenario, design, rate),
        _subscribers_load(scenario, rate * work.results),
    )
    return Load(servers, provider, bounded, is_exact=_is_exact(scenario, design))


def _is_exact(scenario: Scenario, design: str) -> bool:
    """Whether the load is the true one, or less, if servers are never idle: it is not if attempts end early in ways that depend on each other."""
    provider, failures, redelivers = (
        scenario.provider,
        scenario.failures,
        design != SYNCHRONOUS and scenario.event_driven.redelivers,
    )
    early = provider.call_timeout_s is not None or (failures.failure_s is not None and _fails(scenario))
    if provider.slowdown is not None or redelivers:
        fails = _fails(scenario) or provider.call_timeout_s is not None
        return not early and not (redelivers and scenario.event_driven.max_deliveries is not None and fails)
    return True


def never_closes(scenario: Scenario) -> bool:
    """Whether a circuit breaker, once open, stays so, because every probe fails and none costs its job an attempt or a delivery."""
    design = scenario.event_driven
    without_end = design.expires_s is None and design.max_deliveries is None
    return design.breaker is not None and scenario.failures.transient_percent >= 100 and without_end


def _slower(scenario: Scenario, design: str, work: JobWork, trace: Trace | None, drawn: Floats | None) -> float:
    """How many times as long as measured a call takes while no server is idle: with as many calls in flight as there then are."""
    line = call_time_of(scenario, trace, drawn)
    if line is None:
        return 1.0
    elsewhere_s = (
        scenario.event_driven.dispatch_s
        if design != SYNCHRONOUS
        else (work.pausing_s + work.results * handling_s(scenario)) / work.attempts
    )
    in_flight = line.in_flight_of(most_servers_of(scenario, design), elsewhere_s)
    return line.mean_s(min(in_flight, scenario.provider.max_concurrency or inf)) / line.measured_s


def _consumer_load(scenario: Scenario, rate: float, slower: float, work: JobWork, by_queue: Sequence[JobWork]) -> float:
    design, scaling, dispatch_s = scenario.event_driven, scenario.autoscaling, scenario.event_driven.dispatch_s
    held_s = slower * work.at_model_s + work.attempts * dispatch_s
    if OWN_CONSUMERS[design.discipline]:
        most = dedicated_consumers(scenario) if scaling is None else dedicated_bounds(scenario, scaling)[1]
        shares = [share / 100 for share in design.queues.values()]
        load = max(
            rate * share * (slower * own.at_model_s + own.attempts * dispatch_s) / consumers
            for own, share, consumers in zip(by_queue, shares, most, strict=True)
        )
    else:
        load = rate * held_s / most_servers_of(scenario, EVENT_DRIVEN)
    if keys := keys_of(scenario):
        load = max(load, rate * (held_s + work.pausing_s) / keys)
    return load


def _provider_load(scenario: Scenario, rate: float, slower: float, work: JobWork) -> float:
    provider = scenario.provider
    counted = work.attempts if provider.failed_calls_count else work.results
    tokens_in, tokens_out = provider.input_tokens, provider.output_tokens
    quotas = (
        (provider.requests_per_minute, 1.0),
        (None if provider.requests_per_day is None else provider.requests_per_day / (24 * 60), 1.0),
        (provider.input_tokens_per_minute, tokens_in),
        (provider.output_tokens_per_minute, tokens_out),
    )
    if provider.pacing == "none":
        return 0.0  # what is over a limit is refused, and waits for nothing
    loads = [
        rate * counted * wanted * 60 / (quota * provider.own_share) for quota, wanted in quotas if quota is not None
    ]
    if provider.max_concurrency is not None:
        loads.append(rate * slower * work.at_model_s / provider.max_concurrency)
    return max(loads, default=0.0)


def _one_by_one_load(scenario: Scenario, design: str, rate: float) -> float:
    """The load if calls are made one at a time and at most so often: a call starts after the last one's end and after its quota's gap.

    Of services without a closed form the mean of the longer of both is at least the longer mean.
    """
    provider, quota = scenario.provider, scenario.provider.requests_per_minute
    at_once = min(most_servers_of(scenario, design), provider.max_concurrency or most_servers_of(scenario, design))
    plain = provider.slowdown is None and provider.call_timeout_s is None and not scenario.service_by_queue
    if at_once > 1 or quota is None or provider.burst_requests > 1 or not plain or _fails(scenario):
        return 0.0
    extra_s = scenario.event_driven.dispatch_s if design != SYNCHRONOUS else 0.0
    if provider.max_concurrency == 1 or extra_s == 0:
        return rate * mean_longer_s(scenario.service, 60 / quota)
    return 0.0


def mean_longer_s(service: Service, gap_s: float) -> float:
    """The mean of max(service time, `gap_s`); 0 if there is no closed form for it here."""
    match service:
        case ExponentialService():
            return gap_s + service.mean_s * exp(-gap_s / service.mean_s)
        case DeterministicService():
            return max(service.mean_s, gap_s)
        case LognormalService() if service.p95_s > service.p50_s and service.p99_s is None:
            mu, sigma, _ = service.parameters
            distance = (log(gap_s) - mu) / sigma
            below = NormalDist().cdf
            return gap_s * below(distance) + exp(mu + sigma**2 / 2) * below(sigma - distance)
        case _:
            return 0.0


def _subscribers_load(scenario: Scenario, results_per_s: float) -> float:
    """The load on the consumers of each subscriber."""
    subscribers, called = scenario.subscribers, called_subscribers(scenario)
    if subscribers.consumers is None or not called:
        return 0.0
    in_turn = scenario.model_copy(update={"subscribers": subscribers.model_copy(update={"inline": "one_by_one"})})
    return results_per_s * handling_s(in_turn) / called / subscribers.consumers


def handling_s(scenario: Scenario) -> float:
    """The mean time that subscribers hold a worker, with their retries and pauses: the sum one by one; together the mean of the longest.

    Pauses that are drawn count as their mean, which makes the longest a little too short.
    """
    called, subscribers = called_subscribers(scenario), scenario.subscribers
    p50 = subscribers.handling_p50_s or subscribers.handling_p95_s
    if not called:
        return 0.0
    fails, retries = subscribers.failure_percent / 100, retries_of(scenario, SYNCHRONOUS)
    waits = np.concatenate([[0.0], np.cumsum(scenario.retries.mean_pauses_s(retries))])
    attempts = np.arange(1, retries + 2)
    chances = fails ** (attempts - 1) * np.where(attempts <= retries, 1 - fails, 1.0)
    mean = theory.lognormal_mean_s(p50, max(p50, subscribers.handling_p95_s)) if p50 > 0 else 0.0
    if subscribers.inline == "one_by_one" or called == 1:
        return called * float(chances @ (attempts * mean + waits))
    sigma = theory.lognormal_sigma(p50, subscribers.handling_p95_s) if subscribers.handling_p95_s > p50 > 0 else 0.0
    return _mean_of_longest_s(called, chances, attempts, waits, log(p50) if p50 > 0 else -inf, sigma)


def _mean_of_longest_s(called: int, chances: Any, attempts: Any, waits: Any, mu: float, sigma: float) -> float:
    """The integral of 1 - F(t)^n, F of attempts x a lognormal + their pauses, over the logarithm of t."""
    spread = NORMALS_WIDE * sigma + WIDER
    longest = float(attempts[-1] * exp(min(mu + NORMALS_WIDE * sigma, 700.0)) + waits[-1])
    if longest <= 0:
        return 0.0
    instants = np.unique(
        np.concatenate([waits, np.exp(np.linspace(log(longest) - spread - 20, log(longest), QUADRATURE_POINTS))])
    )
    below = np.zeros_like(instants)
    for chance, count, wait in zip(chances, attempts, waits, strict=True):
        if chance == 0:
            continue
        rest = np.maximum(instants - wait, 0.0) / count
        if sigma > 0:
            logs = np.log(np.maximum(rest, 1e-300))
            below += chance * normal_share_below((logs - mu) / sigma)
        else:
            below += chance * (rest >= exp(mu) * (1 - 1e-12))
    return float(instants[0] + np.trapezoid(1 - below**called, instants))


def stability_of(
    scenario: Scenario, design: str, load: Load, trace: Trace | None, tallies: Sequence[Tally]
) -> Stability:
    """What is seen in the replications, and what the load adds to it."""
    rises = _rises(scenario, design, tallies)
    grows = growing(rises)
    per_min = float(np.mean([rise.per_min for rise in grows])) if grows else None
    if not load.stable:
        return Stability(False, per_min or float(np.mean([tally.growth_per_min for tally in tallies])))
    if trace is not None:
        return Stability(True, per_min)
    longer = LONGER * max(1, round(np.mean([tally.counts["offered"] for tally in tallies])))
    if grows:
        if load.bounded and any(tally.counts["rejected"] + tally.counts["timed_out"] for tally in tallies):
            return Stability(True, jobs_to_settle=longer)
        return Stability(False, per_min)
    if not load.bounded and _endless(scenario) and load.highest >= NEAR_SATURATION:
        wanted = ceil(4 * MEMORIES_WANTED * _burstiness(scenario) / (1 - load.highest) ** 2)
        if wanted > longer / LONGER:
            return Stability(True, jobs_to_settle=wanted)
    rises_still = _still_rises(rises) or (not load.bounded and _left_over(scenario, load, tallies))
    return Stability(True, jobs_to_settle=longer if rises_still else None)


def _endless(scenario: Scenario) -> bool:
    """Whether jobs arrive whatever becomes of them, for as long as the run lasts."""
    return not isinstance(scenario.arrivals, (TraceArrivals, BacklogArrivals, ClosedArrivals))


def _burstiness(scenario: Scenario) -> float:
    arrivals = scenario.arrivals
    return (1 + arrivals.cv**2) / 2 if isinstance(arrivals, GammaArrivals | BurstArrivals) else 1.0


def _rises(scenario: Scenario, design: str, tallies: Sequence[Tally]) -> list[Rise]:
    if isinstance(scenario.arrivals, (BacklogArrivals, ClosedArrivals)):
        return []
    outages = [(outage.start_s, outage.start_s + outage.length_s) for outage in scenario.provider.outages]
    since_s, period_s = longest_retrying_s(scenario, design), scenario.arrivals.period_s
    rises = (rise_of(tally.levels, since_s=since_s, outages=outages, period_s=period_s) for tally in tallies)
    return [rise for rise in rises if rise is not None]


def longest_retrying_s(scenario: Scenario, design: str) -> float:
    """How long the backlog of those who back off, or will call again, takes to fill at the start."""
    retries, synchronous = scenario.retries, scenario.synchronous
    if design != SYNCHRONOUS:
        fails = _fails(scenario) or scenario.provider.call_timeout_s is not None
        return 2 * sum(retries.mean_pauses_s(retries.max)) if fails else 0.0
    patience = scenario.first_byte_limit_s if scenario.first_byte_limit_s < inf else 0.0
    return synchronous.client_retries * (synchronous.client_backoff_s + patience)


def _fails(scenario: Scenario) -> bool:
    return bool(scenario.failures.transient_percent or scenario.failures.poison_percent)


def _still_rises(rises: Sequence[Rise]) -> bool:
    if len(rises) < FEWEST_REPLICATIONS:
        return False
    more = np.array([rise.later - rise.earlier for rise in rises])
    earlier = float(np.mean([rise.earlier for rise in rises]))
    error = float(more.std(ddof=1)) / sqrt(len(more))
    return float(more.mean()) > max(STILL_RISING * error, 0.2 * earlier, 1.0)


def _left_over(scenario: Scenario, load: Load, tallies: Sequence[Tally]) -> bool:
    """Whether a backlog is left when the whole cycles of a run end. Levels end with the last job: the rest of its cycle drains what is left."""
    period_s = scenario.arrivals.period_s
    if period_s is None or scenario.duration_s is not None:
        return False
    levels = [tally.levels for tally in tallies if len(tally.levels)]
    if not levels:
        return False
    per_s = rate_of(scenario, None) / load.highest if load.highest > 0 else inf
    rests_s = [period_s - (each[-1, 0] - each[0, 0]) % period_s for each in levels]
    left = float(
        np.mean([max(0.0, each[-1, 1] - per_s * rest_s) for each, rest_s in zip(levels, rests_s, strict=True)])
    )
    most = float(np.mean([each[:, 1].max() for each in levels]))
    return left > max(1.0, LEFT_OVER * most)

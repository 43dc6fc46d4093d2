"""Whether a design has a steady state: its long-run load against each capacity, and growth that only a run shows."""

from dataclasses import dataclass
from math import inf

import numpy as np

from simulator import theory
from simulator.arrivals import ClosedArrivals, TraceArrivals
from simulator.kernel import layout
from simulator.plan import (
    EVENT_DRIVEN,
    OWN_CONSUMERS,
    SYNCHRONOUS,
    call_time_of,
    called_subscribers,
    dedicated_bounds,
    dedicated_consumers,
    mean_service_s,
    mean_services_s,
    most_servers_of,
    rate_of,
    retries_of,
)
from simulator.redelivery import deliveries_of
from simulator.scenario import Scenario
from simulator.tally import Tally
from simulator.trace_columns import Floats
from simulator.traces import Trace

STEEPER = 1.3
"""A queue grows if each third of the arrivals sees it this many times longer than the third before."""
FEWEST_BINS = 30


@dataclass(frozen=True)
class Load:
    """The offered load on each resource as a share of its capacity; 1 or more has no steady state, unless work is turned away."""

    servers: float
    provider: float
    bounded: bool
    endless: bool = False
    """Whether some job is delivered again for ever."""

    @property
    def stable(self) -> bool:
        return not self.endless and (self.bounded or max(self.servers, self.provider) < 1)


def attempts_per_job(scenario: Scenario, design: str) -> float:
    retries = retries_of(scenario, design)
    poison = scenario.failures.poison_percent / 100
    usual = theory.retry_attempts(scenario.failures.transient_percent / 100, retries)
    return (1 - poison) * usual + poison * (retries + 1)


def mean_backoffs_s(scenario: Scenario, retries: int) -> float:
    """The mean time a job spends backing off, over all its retries."""
    poison, fails = scenario.failures.poison_percent / 100, scenario.failures.transient_percent / 100
    pauses = enumerate(scenario.retries.mean_pauses_s(retries))
    return sum(pause * (poison + (1 - poison) * fails ** (attempt + 1)) for attempt, pause in pauses)


def load_of(scenario: Scenario, design: str, trace: Trace | None, drawn: Floats | None) -> Load:
    """The long-run load of a design. A trace is finite: it drains, and counts as bounded, as do closed clients."""
    rate, attempts = rate_of(scenario, trace), attempts_per_job(scenario, design)
    service = saturated_service_s(scenario, design, trace, drawn)
    if design != SYNCHRONOUS and scenario.event_driven.redelivers:
        deliveries = deliveries_of(scenario, trace, drawn)
        if deliveries.endless:
            return Load(inf, 0.0, scenario.event_driven.expires_s is not None, scenario.event_driven.expires_s is None)
        attempts, service = (
            attempts * deliveries.number,
            deliveries.busy_s / deliveries.number - scenario.event_driven.dispatch_s,
        )
    provider = _provider_load(scenario, rate, attempts, service)
    if design != SYNCHRONOUS:
        times = mean_services_s(scenario, trace, drawn)
        slower = service / mean_service_s(scenario, trace, drawn) if scenario.provider.slowdown is not None else 1.0
        servers = _consumer_load(scenario, rate * attempts, service, [slower * mean for mean in times])
        bounded = scenario.event_driven.max_queue is not None or scenario.event_driven.expires_s is not None
    else:
        held = attempts * service + mean_backoffs_s(scenario, retries_of(scenario, design)) + _handling_s(scenario)
        servers = rate * held / most_servers_of(scenario, design)
        bounded = scenario.synchronous.backlog is not None or (
            scenario.synchronous.drops_abandoned and scenario.synchronous.patience_s < inf
        )
    return Load(servers, provider, bounded or trace is not None or isinstance(scenario.arrivals, ClosedArrivals))


def saturated_service_s(scenario: Scenario, design: str, trace: Trace | None, drawn: Floats | None) -> float:
    """The mean time of a call while no server is idle: at a model that slows, with as many calls in flight as there then are."""
    line = call_time_of(scenario, trace, drawn)
    if line is None:
        return mean_service_s(scenario, trace, drawn)
    in_flight = line.in_flight_of(most_servers_of(scenario, design), _elsewhere_s(scenario, design))
    return line.mean_s(min(in_flight, scenario.provider.max_concurrency or inf))


def _elsewhere_s(scenario: Scenario, design: str) -> float:
    """The mean time that a call holds its server without being at the model."""
    if design != SYNCHRONOUS:
        return scenario.event_driven.dispatch_s
    backoffs_s = mean_backoffs_s(scenario, retries_of(scenario, design))
    return (backoffs_s + _handling_s(scenario)) / attempts_per_job(scenario, design)


def _consumer_load(scenario: Scenario, calls_per_s: float, mean_s: float, means_s: list[float]) -> float:
    """`mean_s` is that of all calls, `means_s` those of each queue's."""
    design = scenario.event_driven
    if not OWN_CONSUMERS[design.discipline]:
        return calls_per_s * (mean_s + design.dispatch_s) / most_servers_of(scenario, EVENT_DRIVEN)
    shares = [share / 100 for share in design.queues.values()]
    scaling = scenario.autoscaling
    most = dedicated_consumers(scenario) if scaling is None else dedicated_bounds(scenario, scaling)[1]
    return max(
        calls_per_s * (mean + design.dispatch_s) * share / consumers
        for mean, share, consumers in zip(means_s, shares, most, strict=True)
    )


def _provider_load(scenario: Scenario, rate: float, attempts: float, service: float) -> float:
    provider = scenario.provider
    counted = attempts if provider.failed_calls_count else min(attempts, 1.0)
    tokens_in, tokens_out = provider.input_tokens, provider.output_tokens
    quotas = (
        (provider.requests_per_minute, 1.0),
        (None if provider.requests_per_day is None else provider.requests_per_day / (24 * 60), 1.0),
        (provider.input_tokens_per_minute, tokens_in),
        (provider.output_tokens_per_minute, tokens_out),
    )
    loads = [rate * counted * wanted * 60 / quota for quota, wanted in quotas if quota is not None]
    if provider.max_concurrency is not None:
        loads.append(rate * attempts * service / provider.max_concurrency)
    return max(loads, default=0.0)


def _handling_s(scenario: Scenario) -> float:
    """The mean time that subscribers hold a worker: the sum one by one; together at least one's, which serves for a bound."""
    called = called_subscribers(scenario)
    subscribers = scenario.subscribers
    p50 = subscribers.handling_p50_s or subscribers.handling_p95_s
    if not called or p50 <= 0:
        return 0.0
    once = theory.lognormal_mean_s(p50, max(p50, subscribers.handling_p95_s))
    return once * (called if subscribers.inline == "one_by_one" else 1)


def may_grow_by_retries(scenario: Scenario, design: str) -> bool:
    synchronous = scenario.synchronous
    feeds_back = synchronous.client_retries > 0 and synchronous.patience_s < inf
    bounded = synchronous.backlog is not None or synchronous.drops_abandoned
    return design == SYNCHRONOUS and feeds_back and not bounded and not isinstance(scenario.arrivals, TraceArrivals)


def growth_per_min(tally: Tally, servers: int) -> float | None:
    """Jobs a minute by which the queue grew while jobs arrived; None where it did not. `tally` has time bins (a first replication's)."""
    depths = depths_while_arriving(tally)
    if len(depths) < FEWEST_BINS:
        return None
    first, second, third = (float(part.mean()) for part in np.array_split(depths, 3))
    if not (third > STEEPER * second > STEEPER**2 * first and third > 10 * servers):
        return None
    return (third - first) / (len(depths) * 2 / 3 * tally.bin_width_s) * 60


def depths_while_arriving(tally: Tally) -> Floats:
    arriving = np.flatnonzero(tally.bins[layout.B_ARRIVALS])
    return tally.bins[layout.B_DEPTH, : int(arriving[-1]) + 1] if len(arriving) else np.array([])

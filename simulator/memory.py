"""How much memory a run will take, so that one that is too large is refused before it is queued."""

from math import inf

import numpy as np

from core.processes.cores import usable_cores
from core.units import DAY_S
from simulator.arrivals import BacklogArrivals, ClosedArrivals
from simulator.kernel.layout import (
    CONNECTION_FAILS_S,
    DELIVERY,
    EVENT,
    MACHINE,
    ORDERED,
    RECORDED_ROW,
    SHARED_CALL,
    SLOT,
)
from simulator.plan import (
    EVENT_DRIVEN,
    FIRST_SLOTS,
    SYNCHRONOUS,
    client_backoff_s_of,
    client_retries_of,
    jobs_of,
    keys_of,
    most_servers_of,
    rate_of,
)
from simulator.resampling import MOST_RESAMPLES
from simulator.scenario import Scenario
from simulator.stability import load_of
from simulator.traces import Trace
from simulator.workload import work_of

BASE_BYTES = 100 * 2**20
"""The interpreter with numpy, numba and the compiled loops."""
GROWTH = 3
"""Slots double when they run out, and for a moment there are the old and the new ones."""


def memory_bytes(scenario: Scenario, trace: Trace | None) -> int:
    slots = max(_most_in_system(scenario, design, trace) for design in (SYNCHRONOUS, EVENT_DRIVEN))
    slots = max(FIRST_SLOTS, GROWTH * slots)
    shared = 0 if scenario.provider.slowdown is None else SHARED_CALL.itemsize + EVENT.itemsize
    order = ORDERED.itemsize + len(scenario.event_driven.queues) * EVENT.itemsize if keys_of(scenario) else 0
    deliveries = DELIVERY.itemsize if scenario.event_driven.redelivers else 0
    machine = MACHINE.itemsize + slots * (SLOT.itemsize + EVENT.itemsize + shared + deliveries + order)
    rows = trace.requests * (RECORDED_ROW.itemsize + 32) if trace is not None else 0
    threads = usable_cores()
    resampled = rows * min(threads, 2 * MOST_RESAMPLES)
    return int(BASE_BYTES + rows + resampled + threads * machine)


def _most_in_system(scenario: Scenario, design: str, trace: Trace | None) -> int:
    """A fluid estimate: what flows in faster than it can flow out piles up."""
    jobs, rate = jobs_of(scenario, trace), rate_of(scenario, trace)
    if isinstance(scenario.arrivals, BacklogArrivals):
        calls = (
            1
            if design != SYNCHRONOUS or scenario.first_byte_limit_s == inf
            else 1 + scenario.synchronous.client_retries
        )
        return jobs * calls + 1000
    if isinstance(scenario.arrivals, ClosedArrivals) and (design != SYNCHRONOUS or scenario.first_byte_limit_s == inf):
        return scenario.backlog_jobs + scenario.arrivals.clients + 1000
    work = work_of(scenario, design, trace, None)
    load = load_of(scenario, design, None if trace is None else trace, None)
    share = max(load.servers, load.provider)
    out = rate / share if share > 0 else inf
    piled = (
        scenario.backlog_jobs
        + (rate * DAY_S if scenario.provider.requests_per_day is not None else 0.0)
        + _piled_up(scenario, trace, jobs, rate, out)
        + sum(outage.length_s for outage in scenario.provider.outages) * rate
    )
    if design == SYNCHRONOUS:
        piled = _bounded(scenario, piled, rate)
    if design == EVENT_DRIVEN and scenario.event_driven.max_queue is not None:
        piled += rate * client_retries_of(scenario, EVENT_DRIVEN) * client_backoff_s_of(scenario, EVENT_DRIVEN)
    backing_off = rate * work.pausing_s
    standing = most_servers_of(scenario, design) + 10 * rate * work.at_model_s / max(0.05, 1 - min(share, 0.95))
    return int(min(jobs * 1.1 + 1000, piled * 1.2 + backing_off * 2 + standing + 1000))


def _bounded(scenario: Scenario, piled: float, rate: float) -> float:
    synchronous = scenario.synchronous
    outside = (
        rate * (synchronous.client_retries + 1) * min(scenario.first_byte_limit_s, 1e6)
        if synchronous.client_retries
        else 0.0
    )
    again = rate * synchronous.client_retries * synchronous.client_backoff_s
    room = inf if synchronous.backlog is None else synchronous.backlog + synchronous.workers
    return min(piled, room + _connecting(scenario, rate)) + outside + again


def _connecting(scenario: Scenario, rate: float) -> float:
    """The most clients at once whose connections a full backlog dropped: infinite for recorded arrivals, whose peaks are not looked at."""
    synchronous = scenario.synchronous
    if synchronous.overflow == "refuse":
        return 0.0
    longest_s = min(scenario.first_byte_limit_s, CONNECTION_FAILS_S + synchronous.syn_linear_timeouts)
    busiest, _ = scenario.arrivals.peak
    return rate * busiest * longest_s


def _piled_up(scenario: Scenario, trace: Trace | None, jobs: int, rate: float, out: float) -> float:
    arrivals = scenario.arrivals
    steady = max(0.0, 1 - out / rate) * jobs
    if trace is not None:
        at = trace.arrivals_s / getattr(arrivals, "speed", 1.0)
        level = np.arange(1, len(at) + 1) - (out * at if out < inf else 0.0)
        return float(np.max(level - np.minimum.accumulate(level))) if out < inf else 0.0
    busiest, lasts_s = arrivals.peak
    return max(steady, (rate * busiest - out) * lasts_s) if lasts_s > 0 else steady

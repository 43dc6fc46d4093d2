# mypy: disable-error-code="no-any-return"
"""The fast path for a single station: one queue before equal servers, without failures, limits or timeouts.

Both designs are then the same queue, first come first served, and a job's start follows at its arrival from the instants at which
the servers will be free: no events are needed. Source: J. Kiefer, J. Wolfowitz, On the theory of queues with many servers, 1955.
The tally is that of the other loops, but for what only a first replication has: time bins.
"""

from typing import Any

import numpy as np

from simulator.kernel import layout
from simulator.kernel.access import event, recorded, start_at
from simulator.kernel.compiled import compiled, entry
from simulator.kernel.deliver import POLLING
from simulator.kernel.draws import next_arrival, service_s
from simulator.kernel.layout import Machine
from simulator.kernel.record import begin_batch, bucket_of

RING = 4096
"""Jobs that may wait; a longer queue is left to the other loops. A power of two."""
MASK = RING - 1


@entry
def run_single_station(machine: Any, budget: int) -> int:
    """Run on for `budget` events (two a job). Returns DONE, MORE (call again) or UNFIT (start again in another loop).

    The heap's memory holds the instant at which each server will be free, that of the slots a ring of starts: `q_head[0]` to `q_tail[0]`.
    """
    m = machine[0]
    job, arrival = m.next_job, m.arrival
    head, tail = m.q_head[0], m.q_tail[0]
    upto = min(m.jobs, job + max(1, budget // 2))
    deepest, area, lag = m.counts[layout.C_MAX_DEPTH], m.area, m.lag_max
    busy, work_end, good = m.busy, m.work_end, m.counts[layout.C_GOOD]
    wait_sum, wait_max, latency_sum, latency_max = m.wait_sum, m.wait_max, m.latency_sum, m.latency_max
    deadline, wasted = m.deadlines[0], m.wasted
    slots, heap, servers, warmup = m.slots, m.heap, m.servers, m.warmup
    batch_ends, counted = m.batch_ends, good
    while job < upto:
        while head < tail and start_at(slots, head & MASK).at <= arrival:
            head += 1
        if job == warmup:
            deepest, lag, area, busy = restart_averages(m, head, tail, arrival)
        if job == batch_ends:
            end_batch(m, job, good - counted)
            counted = good
            begin_batch(m, job, arrival, float(tail - head))
            batch_ends = m.batch_ends
        begins = max(arrival, event(heap, 0).at)
        waited = begins - arrival
        if waited > 0.0:
            if tail - head >= RING:
                return layout.UNFIT
            start_at(slots, tail & MASK).at = begins
            start_at(slots, tail & MASK).waited = waited
            tail += 1
            deepest = max(deepest, tail - head)
            lag = max(lag, waited)
            area += waited
        takes = service_s(m, job, m.output_tokens if m.traced_output == 0 else recorded(m.trace, job).output_tokens)
        ends = begins + takes
        busy += takes
        work_end = max(work_end, ends)
        occupy(heap, servers, ends)
        if job >= warmup:
            latency = ends - arrival
            wait_sum += waited
            wait_max = max(wait_max, waited)
            latency_sum += latency
            latency_max = max(latency_max, latency)
            m.histograms[0, layout.H_WAIT, bucket_of(waited)] += 1
            m.histograms[0, layout.H_LATENCY, bucket_of(latency)] += 1
            if latency <= deadline + layout.ROUNDING_S:
                good += 1
            else:
                wasted += ends - max(begins, arrival + deadline)
        job += 1
        m.last_arrival = arrival
        if job < m.jobs:
            arrival = next_arrival(m, job)
            m.arrival = arrival
    end_batch(m, job, good - counted)
    m.next_job, m.arrival = job, arrival
    m.q_head[0], m.q_tail[0] = head, tail
    m.events = 2 * job
    m.counts[layout.C_MAX_DEPTH], m.area, m.lag_max = deepest, area, lag
    m.busy, m.work_end, m.counts[layout.C_GOOD] = busy, work_end, good
    m.wasted = wasted
    m.wait_sum, m.wait_max, m.latency_sum, m.latency_max = wait_sum, wait_max, latency_sum, latency_max
    if job < m.jobs:
        return layout.MORE
    count_all(m)
    return layout.DONE


@compiled
def end_batch(m: Machine, job: int, good: int) -> None:
    """Add the good jobs before `job` to their batch: the loop counts them together."""
    if good > 0:
        m.batches[(job - 1 - m.warmup) >> m.batch_shift, 1] += good


@compiled
def restart_averages(m: Machine, head: int, tail: int, now: float) -> Any:
    m.since = now
    area, lag, busy = 0.0, 0.0, 0.0
    for place in range(head, tail):
        area += start_at(m.slots, place & MASK).at - now
        lag = max(lag, start_at(m.slots, place & MASK).waited)
    for server in range(m.servers):
        busy += max(0.0, event(m.heap, server).at - now)
    return tail - head, lag, area, busy


@compiled
def occupy(heap: int, servers: int, until: float) -> None:
    """The server that is free first will be free at `until`: it takes its new place in the heap."""
    place, child = 0, 1
    while child < servers - 1:
        child += event(heap, child + 1).at < event(heap, child).at
        below = event(heap, child).at
        if until <= below:
            event(heap, place).at = until
            return
        event(heap, place).at = below
        place = child
        child = 2 * place + 1
    if child < servers and event(heap, child).at < until:
        event(heap, place).at = event(heap, child).at
        place = child
    event(heap, place).at = until


@compiled
def count_all(m: Machine) -> None:
    tallied = m.jobs - m.warmup
    for count in (layout.C_OFFERED, layout.C_ACCEPTED, layout.C_COMPLETED, layout.C_WAITED, layout.C_CALLS):
        m.counts[count] = tallied
    if m.delivery == POLLING:
        m.counts[layout.C_DELIVERY] = tallied
    for count in (layout.C_OFFERED, layout.C_COMPLETED, layout.C_WAITED):
        m.by_class[0, count] = tallied
    m.by_class[0, layout.C_GOOD] = m.counts[layout.C_GOOD]
    m.now = m.changed = m.servers_changed = m.work_end
    m.capacity = m.servers * (m.work_end - m.since)
    m.in_system = 0
    m.arrival = np.inf

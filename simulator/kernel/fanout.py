# mypy: disable-error-code="no-any-return"
"""The fan-out to the subscribers other than the caller: each handles every result, with the same retries, independently of the others."""

import math

from simulator.kernel import layout
from simulator.kernel.access import event, slot
from simulator.kernel.compiled import compiled
from simulator.kernel.draws import backoff_s
from simulator.kernel.layout import Machine
from simulator.kernel.random_numbers import normal_quantile, uniform
from simulator.kernel.record import bucket_of
from simulator.kernel.single_station import occupy

OFFERED, HANDLED, GIVEN_UP = 0, 1, 2
MOST_ATTEMPTS = 101
BYTES_A_CONSUMER = layout.EVENT.itemsize


@compiled
def fan_out(m: Machine, s: int, now: float, in_line: bool) -> float:
    """Hand a result to every subscriber; returns the seconds until all have handled it (in line: together, or one by one)."""
    taken = 0.0
    for subscriber in range(m.subscribers):
        if in_line and m.together == 0:
            taken += call_subscriber(m, s, subscriber, now + taken)
        else:
            taken = max(taken, call_subscriber(m, s, subscriber, now))
    return taken


@compiled
def call_subscriber(m: Machine, s: int, subscriber: int, now: float) -> float:
    """One subscriber's handling from the instant `now`, its retries and pauses included; returns its seconds, the wait for a consumer too."""
    key, number = m.key, slot(m.slots, s).job
    job = number if m.inline_fails == 0 else number + (slot(m.slots, s).caller << layout.PROBE_SHIFT)
    once = 0.0
    if m.handling_mu > -math.inf:
        once = math.exp(
            m.handling_mu + m.handling_sigma * normal_quantile(uniform(key, job, layout.U_HANDLING, subscriber))
        )
    taken, pause, handled = 0.0, 0.0, False
    for attempt in range(m.retries + 1):
        m.events += 1
        taken += once
        draw = subscriber * MOST_ATTEMPTS + attempt
        if m.handling_fails <= 0.0 or uniform(key, job, layout.U_REFUSAL, draw) >= m.handling_fails:
            handled = True
            break
        if attempt < m.retries:
            pause = backoff_s(m, uniform(key, job, layout.U_SUBSCRIBER_JITTER, draw), attempt, pause)
            taken += pause
    if m.station_consumers > 0:
        taken += wait_at_station(m, subscriber, now, taken)
    if m.inline_fails and not handled:
        slot(m.slots, s).flags |= layout.F_UNHANDLED
    if number >= m.warmup:
        count_handling(m, s, subscriber, now + taken, handled)
    return taken


@compiled
def wait_at_station(m: Machine, subscriber: int, now: float, takes: float) -> float:
    """The seconds until one of the subscriber's consumers begins what comes at `now`: no earlier than what came before.

    Source: J. Kiefer, J. Wolfowitz, On the theory of queues with many servers, 1955.
    """
    heap = m.stations + subscriber * m.station_consumers * BYTES_A_CONSUMER
    begins = max(now, event(heap, 0).at)
    occupy(heap, m.station_consumers, begins + takes)
    return begins - now


@compiled
def was_handled(m: Machine, s: int) -> bool:
    """Whether every subscriber handled the result, if the call in line depends on it."""
    handled = slot(m.slots, s).flags & layout.F_UNHANDLED == 0
    slot(m.slots, s).flags &= ~layout.F_UNHANDLED
    return handled


@compiled
def count_handling(m: Machine, s: int, subscriber: int, at: float, handled: bool) -> None:
    m.fans[subscriber, OFFERED] += 1
    if not handled:
        m.fans[subscriber, GIVEN_UP] += 1
        return
    m.fans[subscriber, HANDLED] += 1
    latency = at - slot(m.slots, s).arrived
    m.fan_histograms[subscriber, bucket_of(latency)] += 1
    m.fan_sums[subscriber, 0] += latency
    m.fan_sums[subscriber, 1] = max(m.fan_sums[subscriber, 1], latency)

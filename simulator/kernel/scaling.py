# mypy: disable-error-code="no-any-return"
"""Autoscaling, the same for both designs: a look at the queue every 15 s (as in Kubernetes), servers ready after their start-up.

Up: if the waiting jobs per server exceed the target, to as many servers as bring them down to it; if the oldest has waited longer than
the target, in proportion, at most twofold. Down: by one idle server at each look that finds no job waiting. Dedicated consumers are
scaled queue by queue, each on its own jobs between its share of the fewest and the most, as an operator's scaler a queue does.
A batch that starts up is an event on the heap; its slot holds the number in `attempt`, and a queue's in `place`.
"""

import math

import numpy as np

from simulator.kernel import layout
from simulator.kernel.access import slot
from simulator.kernel.compiled import compiled
from simulator.kernel.layout import Machine
from simulator.kernel.machine import free_slot, oldest_wait, schedule, servers_change, take_slot

AUTOSCALER_LOOK_S = 15.0


@compiled
def autoscale(m: Machine, now: float, upto: float) -> None:
    """The autoscaler's look at the queue, or at each queue. If it changes nothing, no look before the next event, at `upto`, does."""
    m.now = now
    m.events += 1
    if changes_nothing(m):
        m.scale_at = now + AUTOSCALER_LOOK_S * np.ceil((upto - now) / AUTOSCALER_LOOK_S)
        return
    m.scale_at = now + AUTOSCALER_LOOK_S
    scale(m, now)


@compiled
def changes_nothing(m: Machine) -> bool:
    """Whether no look changes anything before the next event: nothing waits and no idle server can go, or no server can be added."""
    if m.discipline == layout.DEDICATED:
        for q in range(m.classes):
            counted = m.q_servers[q] + m.q_starting[q]
            if m.q_length[q] > 0:
                if counted < m.q_max_servers[q]:
                    return False
            elif m.q_idle[q] > 0 and counted > m.q_min_servers[q]:
                return False
        return True
    counted = m.servers + m.starting
    if m.queued > 0:
        return counted >= m.max_servers
    return m.idle == 0 or counted <= m.min_servers


@compiled
def scale(m: Machine, now: float) -> None:
    if m.discipline == layout.DEDICATED:
        for q in range(m.classes):
            look_at_queue(m, q, now)
        return
    counted = m.servers + m.starting
    if m.queued > 0:
        lag = oldest_wait(m, now) if m.target_lag < np.inf else 0.0
        start_up(m, 0, min(wanted(m, m.queued, m.servers, counted, lag), m.max_servers) - counted, now)
    elif m.idle > 0 and counted > m.min_servers:
        servers_change(m, now, -1)
        m.idle -= 1


@compiled
def look_at_queue(m: Machine, q: int, now: float) -> None:
    counted = m.q_servers[q] + m.q_starting[q]
    if m.q_length[q] > 0:
        lag = now - slot(m.slots, m.q_head[q]).queued
        start_up(m, q, min(wanted(m, m.q_length[q], m.q_servers[q], counted, lag), m.q_max_servers[q]) - counted, now)
    elif m.q_idle[q] > 0 and counted > m.q_min_servers[q]:
        servers_change(m, now, -1)
        m.idle -= 1
        m.q_idle[q] -= 1
        m.q_servers[q] -= 1


@compiled
def wanted(m: Machine, queued: int, servers: int, counted: int, lag: float) -> int:
    """Return how many servers the waiting jobs need, at least those `counted`, which are ready or start up."""
    needed = counted
    if queued > m.target_depth * servers:
        needed = max(needed, math.ceil(min(queued / m.target_depth, float(m.max_servers))))
    if lag > m.target_lag:
        needed = max(needed, math.ceil(servers * min(2.0, lag / m.target_lag)))
    return needed


@compiled
def start_up(m: Machine, q: int, more: int, now: float) -> None:
    if more <= 0:
        return
    s = take_slot(m)
    m.slot_count -= 1
    slot(m.slots, s).attempt = more
    slot(m.slots, s).place = q
    m.starting += more
    m.q_starting[q] += more
    slot(m.slots, s).phase = layout.P_SCALING
    schedule(m, s, now + m.start_up)


@compiled
def finish_start_up(m: Machine, s: int, now: float) -> None:
    more, q = slot(m.slots, s).attempt, slot(m.slots, s).place
    free_slot(m, s)
    m.slot_count += 1
    servers_change(m, now, more)
    m.starting -= more
    m.idle += more
    m.q_starting[q] -= more
    m.q_servers[q] += more
    m.q_idle[q] += more

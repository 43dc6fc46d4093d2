# mypy: disable-error-code="no-any-return"
"""Autoscaling, the same for both designs: a look at the queue every 15 s (as Kubernetes has it), servers ready after their start-up.

Up: where jobs waiting a server exceed the target, to as many servers as bring them down to it; where the oldest has waited longer than
the target, in proportion, at most twofold. Down: by one idle server at each look that finds nobody waiting. Dedicated consumers are
scaled queue by queue, each on its own jobs between its share of the fewest and the most, as an operator's scaler a queue does.
A batch that starts up is an event on the heap; its slot holds the number in `attempt`, and a queue's in `place`.
"""

import math

import numpy as np

from simulator.kernel import layout
from simulator.kernel.access import slot
from simulator.kernel.compiled import compiled
from simulator.kernel.layout import Machine
from simulator.kernel.machine import free_slot, oldest_wait, schedule, servers_change, set_phase, take_slot

LOOK_S = 15.0


@compiled
def look(m: Machine, now: float, upto: float) -> None:
    """The autoscaler's look at the queue, or at each queue. If it changes nothing, no look before the next event, at `upto`, does."""
    m.now = now
    m.events += 1
    if is_settled(m):
        m.scale_at = now + LOOK_S * np.ceil((upto - now) / LOOK_S)
        return
    m.scale_at = now + LOOK_S
    scale(m, now)


@compiled
def is_settled(m: Machine) -> bool:
    """Whether no look changes anything before the next event: nothing waits and no idle server can go, or no server can be added."""
    if m.discipline == layout.DEDICATED:
        for q in range(m.classes):
            there = m.q_servers[q] + m.q_starting[q]
            if m.q_length[q] > 0:
                if there < m.q_most[q]:
                    return False
            elif m.q_idle[q] > 0 and there > m.q_fewest[q]:
                return False
        return True
    there = m.servers + m.starting
    if m.queued > 0:
        return there >= m.most
    return m.idle == 0 or there <= m.fewest


@compiled
def scale(m: Machine, now: float) -> None:
    if m.discipline == layout.DEDICATED:
        for q in range(m.classes):
            look_at_queue(m, q, now)
        return
    there = m.servers + m.starting
    if m.queued > 0:
        lag = oldest_wait(m, now) if m.target_lag < np.inf else 0.0
        start_up(m, 0, min(wanted(m, m.queued, m.servers, there, lag), m.most) - there, now)
    elif m.idle > 0 and there > m.fewest:
        servers_change(m, now, -1)
        m.idle -= 1


@compiled
def look_at_queue(m: Machine, q: int, now: float) -> None:
    there = m.q_servers[q] + m.q_starting[q]
    if m.q_length[q] > 0:
        lag = now - slot(m.slots, m.q_head[q]).queued
        start_up(m, q, min(wanted(m, m.q_length[q], m.q_servers[q], there, lag), m.q_most[q]) - there, now)
    elif m.q_idle[q] > 0 and there > m.q_fewest[q]:
        servers_change(m, now, -1)
        m.idle -= 1
        m.q_idle[q] -= 1
        m.q_servers[q] -= 1


@compiled
def wanted(m: Machine, queued: int, servers: int, there: int, lag: float) -> int:
    """Return how many servers the waiting jobs need, at least those that are `there` (starting ones included)."""
    found = there
    if queued > m.target_depth * servers:
        found = max(found, math.ceil(min(queued / m.target_depth, float(m.most))))
    if lag > m.target_lag:
        found = max(found, math.ceil(servers * min(2.0, lag / m.target_lag)))
    return found


@compiled
def start_up(m: Machine, q: int, more: int, now: float) -> None:
    if more <= 0:
        return
    s = take_slot(m)
    slot(m.slots, s).attempt = more
    slot(m.slots, s).place = q
    m.starting += more
    m.q_starting[q] += more
    set_phase(m, s, layout.SCALING)
    schedule(m, s, now + m.start_up)


@compiled
def servers_are_ready(m: Machine, s: int, now: float) -> None:
    more, q = slot(m.slots, s).attempt, slot(m.slots, s).place
    free_slot(m, s)
    servers_change(m, now, more)
    m.starting -= more
    m.idle += more
    m.q_starting[q] -= more
    m.q_servers[q] += more
    m.q_idle[q] += more

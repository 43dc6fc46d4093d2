# mypy: disable-error-code="no-any-return"
"""Autoscaling, the same for both designs: a look at the queue every 15 s (as Kubernetes has it), servers ready after their start-up.

Up: where jobs waiting a server exceed the target, to as many servers as bring them down to it; where the oldest has waited longer than
the target, in proportion, at most twofold. Down: by one idle server at each look that finds nobody waiting. A batch that starts up is an
event on the heap; its slot holds the number in `attempt`.
"""

import math

import numpy as np

from simulator.kernel.access import slot
from simulator.kernel.compiled import compiled
from simulator.kernel.layout import SCALING
from simulator.kernel.machine import Machine, free_slot, oldest_wait, schedule, servers_change, set_phase, take_slot

LOOK_S = 15.0


@compiled
def look(m: Machine, now: float) -> None:
    """The autoscaler's look at the queue."""
    m.now = now
    m.events += 1
    m.scale_at = now + LOOK_S
    there = m.servers + m.starting
    wanted = there
    if m.queued > 0:
        if m.queued > m.target_depth * m.servers:
            wanted = max(wanted, math.ceil(m.queued / m.target_depth))
        if m.target_lag < np.inf:
            lag = oldest_wait(m, now)
            if lag > m.target_lag:
                wanted = max(wanted, math.ceil(m.servers * min(2.0, lag / m.target_lag)))
    elif m.idle > 0 and there > m.fewest:
        servers_change(m, now, -1)
        m.idle -= 1
        return
    more = min(wanted, m.most) - there
    if more > 0:
        s = take_slot(m)
        slot(m.slots, s).attempt = more
        m.starting += more
        set_phase(m, s, SCALING)
        schedule(m, s, now + m.start_up)


@compiled
def servers_are_ready(m: Machine, s: int, now: float) -> None:
    """A batch has started up."""
    more = slot(m.slots, s).attempt
    free_slot(m, s)
    servers_change(m, now, more)
    m.starting -= more
    m.idle += more

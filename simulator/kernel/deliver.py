# mypy: disable-error-code="no-any-return"
"""The course of each delivery method: when what is known from `now` on reaches the client, the client's calls, and whether it arrives."""

from typing import Any

import numpy as np

from core.closed_sets import complete_table
from simulator.deliveries import Delivery
from simulator.kernel.access import slot
from simulator.kernel.compiled import compiled, dispatched, inlined
from simulator.kernel.layout import PROBED, ROUNDING_S, U_PHASE, U_RECONNECT, U_WEBHOOK, Machine
from simulator.kernel.random_numbers import uniform

MOST_POLLS = 1e9
"""Polls of one job that are counted: a sum over all jobs stays within an int64."""


@compiled
def called_at(m: Machine, s: int) -> float:
    """When the client sent the call that was accepted: its first, but for a call that a full queue refused."""
    record = slot(m.slots, s)
    return record.sent if record.caller & (PROBED - 1) else record.arrived


@compiled
def polled(m: Machine, s: int, now: float) -> Any:
    job = slot(m.slots, s)
    interval = m.delivery_a
    if interval <= 0.0:
        return now, 1, True
    first = called_at(m, s) + max(m.accept, m.inline_wait) + interval * uniform(m.key, job.job, U_PHASE, 0)
    more = max(0.0, np.ceil((now - first) / interval))
    at = first + more * interval
    return at, int(min(more, MOST_POLLS)) + 1, at - now <= m.delivery_b + ROUNDING_S


@compiled
def called_back(m: Machine, s: int, now: float) -> Any:
    at = now
    for call in range(m.schedule_count):
        at += m.schedule[call]
        if uniform(m.key, slot(m.slots, s).job, U_WEBHOOK, call) >= m.delivery_b:
            return at + m.delivery_a, call + 1, True
    return at, m.schedule_count, False


@compiled
def pushed(m: Machine, s: int, now: float) -> Any:
    """A client that has lost its connection connects again."""
    if uniform(m.key, slot(m.slots, s).job, U_RECONNECT, 0) < m.delivery_b:
        return now + m.delivery_a + m.delivery_c, 2, True
    return now + m.delivery_a, 1, True


@compiled
def complete_at_once(m: Machine, s: int, now: float) -> Any:
    return now, 0, True


DELIVERIES = complete_table(
    Delivery,
    {"polling": polled, "none": complete_at_once, "webhook": called_back, "sse": pushed, "websocket": pushed},
)
NONE, POLLING = list(DELIVERIES).index("none"), list(DELIVERIES).index("polling")
deliver_by_place = dispatched(list(DELIVERIES.values()))


@inlined
def deliver_result(m: Machine, s: int, now: float) -> Any:
    """The usual method is tried first: the compiler inlines no other."""
    if m.delivery == POLLING:
        return polled(m, s, now)
    return deliver_by_place(m.delivery, m, s, now)

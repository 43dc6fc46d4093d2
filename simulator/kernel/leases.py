# mypy: disable-error-code="no-any-return"
"""Deliveries of a job that end before its work does: by a lease, or with its consumer.

A slot is one delivery: waiting, backing off, or in the hands of a consumer. Work that goes on after its lease keeps its slot, flagged F_LATE,
and the job is queued again in a slot of its own. All slots of such a job refer to a further one, that says what became of the job: it
is settled once, by the first result that counts or by the delivery that is not late.
"""

from typing import Any

import numpy as np

from simulator.kernel import layout
from simulator.kernel.access import delivery, slot
from simulator.kernel.compiled import compiled
from simulator.kernel.layout import Machine
from simulator.kernel.machine import copy_slot, free_slot, schedule, schedule_last, take_slot
from simulator.kernel.random_numbers import ATTEMPT_BITS, exponential

MOST_DRAWS = (1 << ATTEMPT_BITS) - layout.CRASH_DRAWS
"""Deliveries of a job that have draws of their own; those of later ones are used again."""


@compiled
def begin_deliveries(m: Machine, s: int) -> None:
    this = delivery(m.deliveries, s)
    this.number = 0
    this.shared = -1


@compiled
def delivery_index(m: Machine, s: int) -> int:
    """The place of the delivery in hand in the job's random numbers, which is that of its attempt if no lease ended."""
    return int((delivery(m.deliveries, s).number - 1) % MOST_DRAWS)


@compiled
def next_delivery(m: Machine, s: int) -> int:
    return int(delivery(m.deliveries, s).number % MOST_DRAWS)


@compiled
def begin_delivery(m: Machine, s: int, ends: float) -> None:
    """A consumer has taken the job at the slot's `began`; undisturbed it works on it until `ends`."""
    this = delivery(m.deliveries, s)
    this.number += 1
    this.ends = ends
    this.crashes = np.inf
    if m.crash_rate > 0.0:
        index = layout.CRASH_DRAWS + delivery_index(m, s)
        crashes = (
            slot(m.slots, s).began + exponential(m.key, slot(m.slots, s).job, layout.U_CRASH, index) / m.crash_rate
        )
        if crashes < ends:
            delivery(m.deliveries, s).crashes = crashes
    schedule_delivery(m, s)


@compiled
def schedule_delivery(m: Machine, s: int) -> None:
    """Schedule what comes first: the end of the lease (unless that has been), a crash, or the end of the work."""
    this = delivery(m.deliveries, s)
    ends, crashes = this.ends, this.crashes
    lease_ends = lease_end(m, s) if slot(m.slots, s).flags & layout.F_LATE == 0 else np.inf
    if lease_ends < min(ends, crashes):
        slot(m.slots, s).phase = layout.P_LEASE_ENDS
        schedule_last(m, s, lease_ends)
    elif crashes < ends:
        slot(m.slots, s).phase = layout.P_CRASHES
        schedule(m, s, crashes)
    else:
        slot(m.slots, s).phase = layout.P_CALLING
        schedule(m, s, ends)


@compiled
def lease_end(m: Machine, s: int) -> float:
    return slot(m.slots, s).began + (m.lease + layout.PATIENCE_GRACE_S)


@compiled
def await_lease_end(m: Machine, s: int) -> None:
    """No consumer works on the job, and none may take it until its lease ends."""
    slot(m.slots, s).phase = layout.P_LEASED
    schedule_last(m, s, lease_end(m, s))


@compiled
def may_be_delivered(m: Machine, s: int) -> bool:
    return delivery(m.deliveries, s).number < m.most_deliveries


@compiled
def copy_delivery(m: Machine, s: int) -> int:
    """Return the slot of the job's next delivery, while this one goes on; -1 if the job is settled."""
    if is_settled(m, s):
        return -1
    shared = delivery(m.deliveries, s).shared
    if shared < 0:
        shared = take_slot(m)
        m.slot_count -= 1
        common = delivery(m.deliveries, shared)
        common.copies = 1
        common.results = common.settled = 0
        delivery(m.deliveries, s).shared = shared
    again = take_slot(m)
    copy_slot(m, s, again)
    source, target = slot(m.slots, s), slot(m.slots, again)
    target.flags = source.flags & (layout.F_STARTED | layout.F_ACCEPTED | layout.F_HOLDS_KEY)
    target.attempt = source.attempt
    target.backoff = source.backoff
    target.sent = source.sent
    target.gave_up = source.gave_up
    delivery(m.deliveries, again).number = delivery(m.deliveries, s).number
    delivery(m.deliveries, again).shared = shared
    delivery(m.deliveries, shared).copies += 1
    return again


@compiled
def is_settled(m: Machine, s: int) -> bool:
    """Whether another delivery has settled the job."""
    shared = delivery(m.deliveries, s).shared
    return shared >= 0 and delivery(m.deliveries, shared).settled == 1


@compiled
def is_unused(m: Machine, s: int, fails: bool) -> bool:
    """Whether the end of this delivery's work changes nothing for the job. Counts the result, if there is one."""
    shared = delivery(m.deliveries, s).shared
    if shared < 0:
        return False
    if not fails:
        if delivery(m.deliveries, shared).results > 0 and slot(m.slots, s).job >= m.warmup:
            m.counts[layout.C_DUPLICATES] += 1
        delivery(m.deliveries, shared).results += 1
    late = slot(m.slots, s).flags & layout.F_LATE != 0
    return delivery(m.deliveries, shared).settled == 1 or (late and (fails or m.lease_ends == layout.DISCARDS))


@compiled
def free_delivery(m: Machine, s: int, settled: Any) -> None:
    """Free the slot; `settled`: with it the job has its outcome."""
    shared = delivery(m.deliveries, s).shared
    if shared >= 0:
        common = delivery(m.deliveries, shared)
        if settled:
            common.settled = 1
        common.copies -= 1
        if common.copies == 0:
            free_slot(m, shared)
            m.slot_count += 1
    free_slot(m, s)

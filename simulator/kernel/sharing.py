# mypy: disable-error-code="no-any-return"
"""A model that is slower the more calls it works on: processor sharing whose speed depends on the calls in flight.

`progress` is the work, in seconds at the measured concurrency, that each call in flight has received. It advances at the rate
1 / (slow_base + slow_each n) with n calls in flight. A call ends when `progress` reaches its tag: `progress` at its start plus its work.
The tags are in a heap of their own, and only the earliest is an event, at `finish_at`. Source: virtual time, as in A. Parekh and
R. Gallager, A generalized processor sharing approach to flow control, IEEE/ACM Transactions on Networking 1, 1993.
"""

import numpy as np

from simulator.kernel import layout
from simulator.kernel.access import event, shared_call, slot
from simulator.kernel.compiled import compiled
from simulator.kernel.heap import SLOT_BITS, SLOT_MASK, is_before
from simulator.kernel.layout import Machine
from simulator.kernel.leases import begin_delivery
from simulator.kernel.machine import begin_call, count_busy, schedule

NO_PLACE = -1
"""Of a call in flight that has no tag: it ends by an event, when its failure is known."""
NOT_IN_FLIGHT = -2


@compiled
def start_at_model(m: Machine, s: int, now: float, at: float, attempt: int) -> None:
    """Start a call that reaches the model at `at`, and plan its end."""
    plan_end_of_call(m, s, now, at, begin_call(m, s, at, attempt))


@compiled
def plan_end_of_call(m: Machine, s: int, now: float, at: float, takes: float) -> None:
    """A call that an outage fails takes no part in the sharing."""
    slot(m.slots, s).phase = layout.P_CALLING
    if m.slows == 0:
        if m.leased:
            begin_delivery(m, s, at + takes)
        else:
            schedule(m, s, at + takes)
        return
    shared_call(m.shared_calls, s).work = takes
    shared_call(m.shared_calls, s).place = NOT_IN_FLIGHT
    if slot(m.slots, s).flags & (layout.F_NO_ANSWER | layout.F_FAILS_EARLY) == layout.F_NO_ANSWER:
        schedule(m, s, at + takes)
    elif at > now:
        slot(m.slots, s).phase = layout.P_DISPATCHING
        schedule(m, s, at)
    else:
        reach_model(m, s, now)


@compiled
def reach_model(m: Machine, s: int, now: float) -> None:
    slot(m.slots, s).phase = layout.P_CALLING
    advance(m, now)
    m.in_flight += 1
    if slot(m.slots, s).flags & layout.F_FAILS_EARLY:
        shared_call(m.shared_calls, s).place = NO_PLACE
        schedule(m, s, now + shared_call(m.shared_calls, s).work)
        plan_finish(m, now)
        return
    if m.call_timeout < np.inf:
        start_timing(m, s, now)
    add_work(m, s, now, shared_call(m.shared_calls, s).work)


@compiled
def add_work(m: Machine, s: int, now: float, work: float) -> None:
    """Give a call in flight that has no tag its tag. The progress is that of `now`."""
    m.serial += 1
    last = m.tags
    m.tags += 1
    place_tag(m, last, m.progress + work, (m.serial << SLOT_BITS) | s)
    plan_finish(m, now)


@compiled
def take_finished(m: Machine, now: float) -> int:
    """The call that is given up, or whose work or part until the first byte is done, at `finish_at`."""
    if m.gives_up:
        s = m.timing_head
        slot(m.slots, s).flags |= layout.F_NO_ANSWER
        slot(m.slots, s).phase = layout.P_CALLING
        leave_model(m, s, now)
        return s
    s = event(m.finishes, 0).key & SLOT_MASK
    advance(m, now)
    m.progress = event(m.finishes, 0).at
    if slot(m.slots, s).phase == layout.P_FIRST_BYTE:
        remove_tag(m, 0)  # the call stays in flight, and gets another tag at once
    else:
        leave_model(m, s, now)
    return s


@compiled
def leave_model(m: Machine, s: int, now: float) -> None:
    """The call is no longer in flight at the model, whether its work is done or not."""
    place = shared_call(m.shared_calls, s).place
    if place == NOT_IN_FLIGHT:
        return
    advance(m, now)
    m.in_flight -= 1
    if place != NO_PLACE:
        remove_tag(m, place)
        if m.call_timeout < np.inf:
            stop_timing(m, s)
    shared_call(m.shared_calls, s).place = NOT_IN_FLIGHT
    if m.in_flight == 0:
        m.progress = 0.0  # keeps the sum small, and so exact
    plan_finish(m, now)


@compiled
def advance(m: Machine, now: float) -> None:
    if m.in_flight > 0:
        m.progress += (now - m.progress_at) / (m.slow_base + m.slow_each * m.in_flight)
    m.progress_at = now


@compiled
def plan_finish(m: Machine, now: float) -> None:
    if m.tags == 0:
        m.finish_at = np.inf
        return
    left = max(0.0, event(m.finishes, 0).at - m.progress)
    m.finish_at = now + left * (m.slow_base + m.slow_each * m.in_flight)
    m.gives_up = 0
    if m.timing_head >= 0:
        given_up = shared_call(m.shared_calls, m.timing_head).since + m.call_timeout
        if given_up < m.finish_at - layout.ROUNDING_S:
            m.finish_at = given_up
            m.gives_up = 1


@compiled
def start_timing(m: Machine, s: int, now: float) -> None:
    """Put the call at the end of those with a timeout, which is the same for all."""
    shared_call(m.shared_calls, s).since = now
    tail = m.timing_tail
    shared_call(m.shared_calls, s).before = tail
    shared_call(m.shared_calls, s).after = -1
    if tail >= 0:
        shared_call(m.shared_calls, tail).after = s
    else:
        m.timing_head = s
    m.timing_tail = s


@compiled
def stop_timing(m: Machine, s: int) -> None:
    before, after = shared_call(m.shared_calls, s).before, shared_call(m.shared_calls, s).after
    if before >= 0:
        shared_call(m.shared_calls, before).after = after
    else:
        m.timing_head = after
    if after >= 0:
        shared_call(m.shared_calls, after).before = before
    else:
        m.timing_tail = before


@compiled
def count_shared_unfinished(m: Machine, now: float) -> None:
    """Count the servers whose calls have a tag: no event says that they are at work."""
    for place in range(m.tags):
        count_busy(m, event(m.finishes, place).key & SLOT_MASK, now, np.inf)


@compiled
def remove_tag(m: Machine, place: int) -> None:
    m.tags -= 1
    last = m.tags
    if place < last:
        at, key = event(m.finishes, last).at, event(m.finishes, last).key
        place_tag(m, lowered(m, place, at, key), at, key)


@compiled
def lowered(m: Machine, place: int, at: float, key: int) -> int:
    """Move earlier tags below `place` up, until the given one may take the place that is returned."""
    finishes, count = m.finishes, m.tags
    child = 2 * place + 1
    while child < count:
        right = child + 1
        if right < count and is_before(
            event(finishes, right).at, event(finishes, right).key, event(finishes, child).at, event(finishes, child).key
        ):
            child = right
        if is_before(at, key, event(finishes, child).at, event(finishes, child).key):
            break
        put_tag(m, place, event(finishes, child).at, event(finishes, child).key)
        place = child
        child = 2 * place + 1
    return place


@compiled
def place_tag(m: Machine, place: int, at: float, key: int) -> None:
    """Put a tag at `place` or above it, moving later ones down."""
    finishes = m.finishes
    while place > 0:
        parent = (place - 1) >> 1
        if is_before(event(finishes, parent).at, event(finishes, parent).key, at, key):
            break
        put_tag(m, place, event(finishes, parent).at, event(finishes, parent).key)
        place = parent
    put_tag(m, place, at, key)


@compiled
def put_tag(m: Machine, place: int, at: float, key: int) -> None:
    event(m.finishes, place).at = at
    event(m.finishes, place).key = key
    shared_call(m.shared_calls, key & SLOT_MASK).place = place

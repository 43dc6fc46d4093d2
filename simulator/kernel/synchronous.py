# mypy: disable-error-code="no-any-return"
"""The synchronous design's loop: clients with patience, a bounded backlog, workers that hold a request through pacing, retries and subscribers.

A slot is one call of a client. When the client gives up, its slot lives on as an orphan for as long as the server works on it,
and the client's next call is a slot of its own.
"""

from typing import Any

import numpy as np

from simulator.kernel.compiled import compiled
from simulator.kernel.draws import backoff_s, uniform
from simulator.kernel.fanout import fan_out
from simulator.kernel.heap import SLOT_MASK, pop
from simulator.kernel.layout import (
    ABANDONED,
    AGAIN,
    AT_THE_GATE,
    BACKING_OFF,
    C_COMPLETED,
    C_FAILED,
    C_REJECTED,
    C_TIMED_OUT,
    CALLING,
    DONE,
    GROW,
    HANDLING,
    MORE,
    U_JITTER,
    WAITING,
)
from simulator.kernel.machine import (
    Heap,
    Machine,
    Recorded,
    Slots,
    admit_arrival,
    begin_call,
    call_fails,
    charge,
    copy_slot,
    count_accepted,
    count_busy,
    count_paced,
    dequeue,
    enqueue,
    finish,
    free_slot,
    gate_opens,
    is_abandoned,
    sample,
    schedule,
    set_phase,
    settle,
    take_slot,
)


@compiled
def run_synchronous(machine: Any, slots: Slots, heap: Heap, trace: Recorded, budget: int) -> int:
    """Run on for about `budget` events. Returns DONE, MORE (call again) or GROW (call again with more slots)."""
    m = machine[0]
    limit, end = m.patience, m.end
    binned = m.binned == 1
    last = m.events + budget
    while m.events < last:
        if m.free_count < 2:
            return GROW
        event = heap[0].at if m.heap_size > 0 else np.inf
        patience = slots[m.patient_head].sent + limit if m.patient_head >= 0 else np.inf
        again = slots[m.again_head].sent if m.again_head >= 0 else np.inf
        timer = m.timer
        now = min(min(m.arrival, event), min(min(patience, again), timer))
        if now > end or now == np.inf or (m.drains == 0 and m.arrival == np.inf):
            close(m, slots, heap, end if now > end else m.now, now < np.inf)
            return DONE
        if binned and now > m.bin_end:
            sample(m, slots, now)
        m.now = now
        m.events += 1
        if event <= now:
            s = heap[0].key & SLOT_MASK
            pop(heap, m.heap_size)
            m.heap_size -= 1
            worker_event(m, slots, heap, trace, s, now)
        elif patience <= now:
            give_up(m, slots, m.patient_head, now)
        elif again <= now:
            s = m.again_head
            m.again_head = slots[s].next
            send(m, slots, heap, trace, s, now)
        elif timer <= now:
            m.timer = np.inf
            serve_line(m, slots, heap, trace, now)
        else:
            send(m, slots, heap, trace, admit_arrival(m, slots, trace, now), now)
    return MORE


@compiled
def close(m: Machine, slots: Slots, heap: Heap, at: float, cut: bool) -> None:
    """The run ends; where it was cut, workers were busy up to then."""
    if cut:
        for place in range(m.heap_size):
            count_busy(m, slots, heap[place].key & SLOT_MASK, at, np.inf)
        s = m.line_head
        while s >= 0:
            count_busy(m, slots, s, at, np.inf)
            s = slots[s].next
    finish(m, slots, at, cut)


@compiled
def worker_event(m: Machine, slots: Slots, heap: Heap, trace: Recorded, s: int, now: float) -> None:
    """What a worker was doing for the call has ended."""
    phase = slots[s].phase
    if phase == CALLING:
        call_ends(m, slots, heap, trace, s, now)
    elif phase == BACKING_OFF:
        try_call(m, slots, heap, trace, s, now)
    else:
        respond(m, slots, heap, trace, s, now, True)


@compiled
def send(m: Machine, slots: Slots, heap: Heap, trace: Recorded, s: int, now: float) -> None:
    """A client's call reaches the server: a worker takes it, or it waits, or it is refused (503)."""
    slots[s].sent = now
    if m.idle > 0:
        count_accepted(m, slots, s)
        be_patient(m, slots, s)
        m.idle -= 1
        slots[s].began = now
        try_call(m, slots, heap, trace, s, now)
    elif m.queued < m.places:
        count_accepted(m, slots, s)
        be_patient(m, slots, s)
        set_phase(m, slots, s, WAITING)
        enqueue(m, slots, 0, s, now)
    else:
        call_again_or(m, slots, s, C_REJECTED, now)


@compiled
def be_patient(m: Machine, slots: Slots, s: int) -> None:
    """The client waits, for as long as its limit: at the end of the list of those who wait, since the limit is the same for all."""
    if m.patience == np.inf:
        return
    tail = m.patient_tail
    slots[s].before, slots[s].after = tail, -1
    if tail >= 0:
        slots[tail].after = s
    else:
        m.patient_head = s
    m.patient_tail = s


@compiled
def no_longer_waits(m: Machine, slots: Slots, s: int) -> None:
    """The client has its answer, or has given up."""
    if m.patience == np.inf:
        return
    before, after = slots[s].before, slots[s].after
    if before >= 0:
        slots[before].after = after
    else:
        m.patient_head = after
    if after >= 0:
        slots[after].before = before
    else:
        m.patient_tail = before


@compiled
def give_up(m: Machine, slots: Slots, s: int, now: float) -> None:
    """The client's patience ends. The server does not know, and works on."""
    no_longer_waits(m, slots, s)
    slots[s].flags |= ABANDONED
    slots[s].gave_up = now
    phase = slots[s].phase
    if phase in (WAITING, AT_THE_GATE):
        slots[s].waited += now - slots[s].queued
    if slots[s].caller >= m.client_retries:
        settle(m, slots, s, C_TIMED_OUT, now)
        return
    mine = take_slot(m, slots)
    copy_slot(slots, s, mine)
    slots[mine].flags &= ~ABANDONED
    slots[mine].gave_up = np.inf
    call_again(m, slots, mine, now)


@compiled
def call_again_or(m: Machine, slots: Slots, s: int, outcome: int, now: float) -> None:
    """The client was refused, or told of a failure: it calls again while it may; else that is the outcome."""
    if slots[s].caller < m.client_retries:
        call_again(m, slots, s, now)
    else:
        settle(m, slots, s, outcome, now)
        free_slot(m, slots, s)


@compiled
def call_again(m: Machine, slots: Slots, s: int, now: float) -> None:
    """The client will call again after its backoff, which is the same for all: at the end of the list of those who will."""
    slots[s].caller += 1
    slots[s].attempt = 0
    slots[s].next = -1
    slots[s].backoff = 0.0
    slots[s].sent = now + m.client_backoff
    set_phase(m, slots, s, AGAIN)
    if m.again_head < 0:
        m.again_head = s
    else:
        slots[m.again_tail].next = s
    m.again_tail = s


@compiled
def attempt_of(m: Machine, slots: Slots, s: int) -> int:
    """The attempt's number among all of the job, the client's calls counted through."""
    return slots[s].caller * (m.retries + 1) + slots[s].attempt


@compiled
def try_call(m: Machine, slots: Slots, heap: Heap, trace: Recorded, s: int, now: float) -> None:
    """The worker calls the provider, or waits in line for its limits."""
    if m.gated == 0:
        set_phase(m, slots, s, CALLING)
        schedule(m, heap, s, now + begin_call(m, slots, trace, s, now))
        return
    if m.line_head < 0 and let_through(m, slots, trace, s, now):
        call(m, slots, heap, trace, s, now)
        return
    count_paced(m, slots, s)
    set_phase(m, slots, s, AT_THE_GATE)
    slots[s].queued = now
    slots[s].next = -1
    if m.line_head < 0:
        m.line_head = s
    else:
        slots[m.line_tail].next = s
    m.line_tail = s


@compiled
def let_through(m: Machine, slots: Slots, trace: Recorded, s: int, now: float) -> bool:
    """Whether the provider's limits let the call through; if time alone will, a timer is set."""
    if m.calls >= m.concurrency:
        return False
    opens = gate_opens(m, trace, slots[s].job)
    if opens > now:
        m.timer = opens
        return False
    return True


@compiled
def call(m: Machine, slots: Slots, heap: Heap, trace: Recorded, s: int, now: float) -> None:
    """The call to the provider starts."""
    m.calls += 1
    charge(m, trace, slots[s].job, now, 1.0)
    set_phase(m, slots, s, CALLING)
    schedule(m, heap, s, now + begin_call(m, slots, trace, s, now))


@compiled
def serve_line(m: Machine, slots: Slots, heap: Heap, trace: Recorded, now: float) -> None:
    """Let workers who wait for the provider through, first come first served."""
    while m.line_head >= 0 and let_through(m, slots, trace, m.line_head, now):
        s = m.line_head
        m.line_head = slots[s].next
        if not is_abandoned(m, slots, s):
            slots[s].waited += now - slots[s].queued
        call(m, slots, heap, trace, s, now)


@compiled
def call_ends(m: Machine, slots: Slots, heap: Heap, trace: Recorded, s: int, now: float) -> None:
    """The provider has answered: on to the subscribers, to another try in line, or back with a failure."""
    fails = call_fails(m, slots, s, attempt_of(m, slots, s))
    if m.gated:
        m.calls -= 1
        if fails and m.failed_calls_count == 0:
            charge(m, trace, slots[s].job, now, -1.0)
    if fails and slots[s].attempt < m.retries:
        draw = uniform(m.key, slots[s].job, U_JITTER, attempt_of(m, slots, s))
        pause = backoff_s(m, draw, slots[s].attempt, slots[s].backoff)
        slots[s].backoff = pause
        slots[s].attempt += 1
        set_phase(m, slots, s, BACKING_OFF)
        schedule(m, heap, s, now + pause)
    elif fails:
        respond(m, slots, heap, trace, s, now, False)
    elif m.subscribers > 0:
        set_phase(m, slots, s, HANDLING)
        schedule(m, heap, s, now + fan_out(m, slots, s, now, True))
    else:
        respond(m, slots, heap, trace, s, now, True)
    if m.gated and m.line_head >= 0:
        serve_line(m, slots, heap, trace, now)


@compiled
def respond(m: Machine, slots: Slots, heap: Heap, trace: Recorded, s: int, now: float, succeeded: bool) -> None:
    """The worker answers, whether or not anybody still listens, and takes the next call from the backlog."""
    deadline = slots[s].arrived + m.deadlines[slots[s].place]
    count_busy(m, slots, s, now, min(slots[s].gave_up, deadline))
    if is_abandoned(m, slots, s):
        free_slot(m, slots, s)
    else:
        no_longer_waits(m, slots, s)
        if succeeded:
            settle(m, slots, s, C_COMPLETED, now)
            free_slot(m, slots, s)
        else:
            call_again_or(m, slots, s, C_FAILED, now)
    m.idle += 1
    take_next(m, slots, heap, trace, now)


@compiled
def take_next(m: Machine, slots: Slots, heap: Heap, trace: Recorded, now: float) -> None:
    """Idle workers take calls from the backlog."""
    while m.queued > 0 and m.idle > 0:
        s = dequeue(m, slots, 0, now)
        if is_abandoned(m, slots, s):
            if m.drops_abandoned:
                free_slot(m, slots, s)
                continue
        else:
            slots[s].waited += now - slots[s].queued
        m.idle -= 1
        slots[s].began = now
        try_call(m, slots, heap, trace, s, now)

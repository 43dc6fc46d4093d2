# mypy: disable-error-code="no-any-return"
"""The event-driven design's loop: accept, queues, consumers paced by the provider, retries, dead letters, fan-out, delivery."""

import math
from typing import Any

import numpy as np

from simulator.kernel.compiled import compiled
from simulator.kernel.draws import backoff_s, uniform
from simulator.kernel.fanout import fan_out
from simulator.kernel.heap import SLOT_MASK, pop
from simulator.kernel.layout import (
    BACKING_OFF,
    C_COMPLETED,
    C_DEAD,
    C_DELIVERY,
    C_FAILED,
    C_REJECTED,
    C_TIMED_OUT,
    C_UNDELIVERED,
    CALLING,
    DEDICATED,
    DONE,
    GROW,
    MORE,
    NOBODY,
    OUTAGE,
    POLLING,
    PROBE,
    STRICT,
    U_JITTER,
    U_PHASE,
    U_RECONNECT,
    U_WEBHOOK,
    WEBHOOK,
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
    class_of,
    count_accepted,
    count_busy,
    count_offered,
    count_paced,
    dequeue,
    enqueue,
    finish,
    free_slot,
    gate_opens,
    is_poison,
    sample,
    schedule,
    set_phase,
    settle,
)

BREAKER_STREAK = 5
"""Failed calls in a row (poison apart) that open the circuit."""
BREAKER_PAUSE_S = 10.0
"""How long an open circuit lets no call through; then one probe."""
CLOSED, OPEN, PROBING = 0, 1, 2


@compiled
def run_event_driven(machine: Any, slots: Slots, heap: Heap, trace: Recorded, budget: int) -> int:
    """Run on for about `budget` events. Returns DONE, MORE (call again) or GROW (call again with more slots)."""
    m = machine[0]
    accept, end = m.accept, m.end
    binned = m.binned == 1
    last = m.events + budget
    while m.events < last:
        if m.free_count < 1:
            return GROW
        arrival = m.arrival + accept
        event = heap[0].at if m.heap_size > 0 else np.inf
        timer = m.timer
        now = min(arrival, event, timer)
        if now > end:
            count_unaccepted(m, trace, end)
            m.now = end
            count_unfinished(m, slots, heap, end)
            finish(m, slots, end, True)
            return DONE
        if now == np.inf or (m.drains == 0 and m.arrival == np.inf):
            if now < np.inf:
                count_unfinished(m, slots, heap, m.now)
            finish(m, slots, m.now, now < np.inf)
            return DONE
        if binned and now > m.bin_end:
            sample(m, slots, now)
        m.now = now
        m.events += 1
        if event <= now:
            s = heap[0].key & SLOT_MASK
            pop(heap, m.heap_size)
            m.heap_size -= 1
            if slots[s].phase == CALLING:
                call_ends(m, slots, heap, trace, s, now)
            else:
                offer(m, slots, heap, trace, s, now)
        elif timer <= now:
            m.timer = np.inf
            dispatch(m, slots, heap, trace, now, True)
        else:
            arrive(m, slots, heap, trace, now)
    return MORE


@compiled
def count_unaccepted(m: Machine, trace: Recorded, end: float) -> None:
    """Jobs that arrived before the run was cut, and were not accepted yet: in the system."""
    while m.arrival <= end:
        job = m.next_job
        m.in_system += 1
        count_offered(m, trace, job, class_of(m, job), m.arrival, m.arrival)


@compiled
def count_unfinished(m: Machine, slots: Slots, heap: Heap, now: float) -> None:
    """Consumers at work when the run is cut were busy up to then."""
    for place in range(m.heap_size):
        s = heap[place].key & SLOT_MASK
        if slots[s].phase == CALLING:
            count_busy(m, slots, s, now, np.inf)


@compiled
def arrive(m: Machine, slots: Slots, heap: Heap, trace: Recorded, now: float) -> None:
    """A job is accepted, unless the queues are full."""
    s = admit_arrival(m, slots, trace, now)
    if m.queued >= m.places:
        settle(m, slots, s, C_REJECTED, now)
        free_slot(m, slots, s)
        return
    count_accepted(m, slots, s)
    offer(m, slots, heap, trace, s, now)


@compiled
def offer(m: Machine, slots: Slots, heap: Heap, trace: Recorded, s: int, now: float) -> None:
    """A job is ready to be worked on."""
    plain = m.gated == 0 and m.discipline != DEDICATED and m.expires == np.inf
    if plain and m.queued == 0 and m.idle > 0:
        slots[s].queued = now
        begin(m, slots, heap, trace, s, now)
        return
    enqueue(m, slots, slots[s].place, s, now)
    dispatch(m, slots, heap, trace, now, False)


@compiled
def dispatch(m: Machine, slots: Slots, heap: Heap, trace: Recorded, now: float, paced: bool) -> None:
    """Hand jobs to idle consumers while the provider's limits let them through."""
    while m.queued > 0 and m.idle > 0:
        q = chosen_queue(m)
        if q < 0:
            return
        s = m.q_head[q]
        if now > slots[s].arrived + m.expires:
            dequeue(m, slots, q, now)
            settle(m, slots, s, C_TIMED_OUT, now)
            free_slot(m, slots, s)
            continue
        if m.gated and not let_through(m, slots, trace, s, now):
            return
        dequeue(m, slots, q, now)
        turn_taken(m, q)
        if paced:
            count_paced(m, slots, s)
        begin(m, slots, heap, trace, s, now)


@compiled
def chosen_queue(m: Machine) -> int:
    """The queue whose turn it is, of those that have a job and a consumer for it; -1: none."""
    count, discipline = m.classes, m.discipline
    if discipline == STRICT:
        for q in range(count):
            if m.q_length[q] > 0:
                return q
        return -1
    if discipline == DEDICATED:
        for q in range(count):
            if m.q_length[q] > 0 and m.q_idle[q] > 0:
                return q
        return -1
    turn = m.turn
    while True:
        turn += 1
        q = min(trailing_zeros(turn), count - 1)
        if m.q_length[q] > 0:
            m.turn = turn - 1
            return q


@compiled
def trailing_zeros(turn: int) -> int:
    """Zeros at the end of `turn`: every second turn is the first queue's, every second of the rest the next one's, and so on."""
    zeros = 0
    while turn & 1 == 0:
        turn >>= 1
        zeros += 1
    return zeros


@compiled
def turn_taken(m: Machine, q: int) -> None:
    """Move the weighted round on."""
    if m.discipline != STRICT and m.discipline != DEDICATED:
        m.turn += 1


@compiled
def let_through(m: Machine, slots: Slots, trace: Recorded, s: int, now: float) -> bool:
    """Whether the provider's limits and the circuit let the job's call through; if time alone will, a timer is set."""
    if m.breaks and m.breaker != CLOSED:
        if m.breaker == PROBING:
            return False
        if now < m.breaker_until:
            m.timer = m.breaker_until
            return False
    if m.calls >= m.concurrency:
        return False
    opens = gate_opens(m, trace, slots[s].job)
    if opens > now:
        m.timer = opens
        return False
    return True


@compiled
def begin(m: Machine, slots: Slots, heap: Heap, trace: Recorded, s: int, now: float) -> None:
    """A consumer takes the job and calls the provider."""
    m.idle -= 1
    if m.discipline == DEDICATED:
        m.q_idle[slots[s].place] -= 1
    if m.gated:
        m.calls += 1
        charge(m, trace, slots[s].job, now, 1.0)
        if m.breaker == OPEN:
            m.breaker = PROBING
            slots[s].flags |= PROBE
    slots[s].waited += now - slots[s].queued
    slots[s].began = now
    set_phase(m, slots, s, CALLING)
    at_model = now + m.dispatch_cost
    schedule(m, heap, s, at_model + begin_call(m, slots, trace, s, at_model))


@compiled
def call_ends(m: Machine, slots: Slots, heap: Heap, trace: Recorded, s: int, now: float) -> None:
    """The consumer is free; the job is done, tried again later, or given up."""
    others_idle = m.idle > 0
    place = slots[s].place
    fails = call_fails(m, slots, s, slots[s].attempt)
    m.idle += 1
    if m.discipline == DEDICATED:
        others_idle = m.q_idle[place] > 0
        m.q_idle[place] += 1
    if m.gated:
        m.calls -= 1
        if fails and m.failed_calls_count == 0:
            charge(m, trace, slots[s].job, now, -1.0)
        if m.breaks:
            circuit_hears(m, slots, s, fails, now)
    patience = min(m.deadlines[place], m.expires)
    count_busy(m, slots, s, now, slots[s].arrived + patience)
    if not fails:
        if m.subscribers > 0:
            fan_out(m, slots, s, now, False)
        deliver(m, slots, s, now)
    elif slots[s].attempt < m.retries:
        back_off(m, slots, heap, s, now)
    else:
        settle(m, slots, s, C_DEAD if m.dead_letter else C_FAILED, now)
        free_slot(m, slots, s)
    if m.queued > 0:
        dispatch(m, slots, heap, trace, now, others_idle)


@compiled
def circuit_hears(m: Machine, slots: Slots, s: int, fails: bool, now: float) -> None:
    """The circuit breaker learns how a call went."""
    if fails and slots[s].flags & OUTAGE == 0 and is_poison(m, slots[s].job):
        fails = False
    probe = slots[s].flags & PROBE != 0
    slots[s].flags &= ~PROBE
    m.streak = m.streak + 1 if fails else 0
    if m.breaker == CLOSED:
        opens = m.streak >= BREAKER_STREAK
    else:
        if not probe:
            return
        opens = fails
    m.breaker = OPEN if opens else CLOSED
    if opens:
        m.breaker_until = now + BREAKER_PAUSE_S


@compiled
def back_off(m: Machine, slots: Slots, heap: Heap, s: int, now: float) -> None:
    """Try the job again after a pause, rounded up to the broker's tick."""
    attempt = slots[s].attempt
    draw = uniform(m.key, slots[s].job, U_JITTER, attempt)
    pause = backoff_s(m, draw, attempt, slots[s].backoff)
    slots[s].backoff = pause
    slots[s].attempt = attempt + 1
    ready = now + pause
    if m.tick > 0.0:
        ready = math.ceil(ready / m.tick) * m.tick
    set_phase(m, slots, s, BACKING_OFF)
    schedule(m, heap, s, max(ready, now))


@compiled
def deliver(m: Machine, slots: Slots, s: int, now: float) -> None:
    """The result is there: when is it in the client's hand, and what does that take?"""
    job, kind, key = slots[s].job, m.delivery, m.key
    at, calls, arrives = now, 0, True
    if kind == POLLING and m.delivery_a > 0.0:
        interval = m.delivery_a
        first = slots[s].arrived + m.accept + interval * uniform(key, job, U_PHASE, 0)
        more = max(0.0, math.ceil((now - first) / interval))
        at, calls = first + more * interval, int(more) + 1
    elif kind == POLLING:
        calls = 1
    elif kind == WEBHOOK:
        arrives = False
        for call in range(m.schedule_count):
            at += m.schedule[call]
            calls += 1
            if uniform(key, job, U_WEBHOOK, call) >= m.delivery_b:
                arrives = True
                at += m.delivery_a
                break
    elif kind != NOBODY:
        calls, at = 1, now + m.delivery_a
        if uniform(key, job, U_RECONNECT, 0) < m.delivery_b:
            calls, at = 2, at + m.delivery_c
    if at > m.end:
        free_slot(m, slots, s)
        return
    if job >= m.warmup:
        m.counts[C_DELIVERY] += calls
    settle(m, slots, s, C_COMPLETED if arrives else C_UNDELIVERED, at)
    free_slot(m, slots, s)

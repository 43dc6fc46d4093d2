# mypy: disable-error-code="no-any-return"
"""The event-driven design's loop: accept, queues, consumers paced by the provider, retries, dead letters, fan-out, delivery.

The hybrid design is the same but for its delivery: in line for a while, then 202 and as here.
"""

from typing import Any

import numpy as np

from simulator.kernel.access import slot
from simulator.kernel.compiled import compiled, entry, inlined
from simulator.kernel.draws import backoff_s, uniform
from simulator.kernel.fanout import fan_out
from simulator.kernel.heap import next_event_at, slot_of_event, take_event
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
    MOST_CLASSES,
    NOBODY,
    OUTAGE,
    POLLING,
    PROBE,
    PUSH,
    ROUNDING_S,
    STRICT,
    U_JITTER,
    U_PHASE,
    U_RECONNECT,
    U_TICK,
    U_WEBHOOK,
    WEBHOOK,
    WEIGHTED,
    Machine,
)
from simulator.kernel.machine import (
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
    is_poison,
    provider_lets_through,
    sample,
    schedule,
    set_phase,
    settle,
)
from simulator.kernel.scaling import look, servers_are_ready

BREAKER_STREAK = 5
"""Failed calls in a row (poison apart) that open the circuit."""
BREAKER_PAUSE_S = 10.0
"""How long an open circuit lets no call through; then one probe."""
CLOSED, OPEN, PROBING = 0, 1, 2
JUST_AFTER = 1e-6
"""Ticks: what is scheduled so shortly before a look is taken to come after it, as what a look itself has set off does."""
MOST_POLLS = 1e9
"""Polls of one job that are counted: a sum over all jobs stays within an int64."""


@entry
def run_event_driven(machine: Any, budget: int) -> int:
    """Run on for about `budget` events. Returns DONE, MORE (call again) or GROW (call again with more slots)."""
    m = machine[0]
    accept, end = m.accept, m.end
    binned = m.binned == 1
    last = m.events + budget
    while m.events < last:
        if m.free_count < MOST_CLASSES:
            return GROW
        arrival = m.arrival + accept
        happens = next_event_at(m)
        timer = m.timer
        now = min(arrival, happens, timer)
        if m.scale_at < now and m.scale_at <= end and now < np.inf:
            if binned and m.scale_at > m.bin_end:
                sample(m, m.scale_at)
            look(m, m.scale_at, now)
            continue
        if now > end:
            count_unaccepted(m, end)
            m.now = end
            count_unfinished(m, end)
            finish(m, end, True)
            return DONE
        if now == np.inf or (m.drains == 0 and m.arrival == np.inf):
            if now < np.inf:
                count_unfinished(m, m.now)
            finish(m, m.now, now < np.inf)
            return DONE
        if binned and now > m.bin_end:
            sample(m, now)
        m.now = now
        m.events += 1
        if happens <= now:
            s = take_event(m)
            phase = slot(m.slots, s).phase
            if phase == CALLING:
                call_ends(m, s, now)
            elif phase == BACKING_OFF:
                offer(m, s, now)
            else:
                servers_are_ready(m, s, now)
                dispatch(m, now, False)
        elif timer <= now:
            m.timer = np.inf
            dispatch(m, now, True)
        else:
            arrive(m, now)
    return MORE


@compiled
def count_unaccepted(m: Machine, end: float) -> None:
    while m.arrival <= end:
        job = m.next_job
        m.in_system += 1
        count_offered(m, job, class_of(m, job), m.arrival, m.arrival)


@compiled
def count_unfinished(m: Machine, now: float) -> None:
    for place in range(m.near + m.heap_size):
        s = slot_of_event(m, place)
        if slot(m.slots, s).phase == CALLING:
            count_busy(m, s, now, np.inf)


@inlined
def arrive(m: Machine, now: float) -> None:
    s = admit_arrival(m, now)
    if m.queued >= m.places:
        settle(m, s, C_REJECTED, now)
        free_slot(m, s)
        return
    count_accepted(m, s)
    offer(m, s, now)


@inlined
def offer(m: Machine, s: int, now: float) -> None:
    it = slot(m.slots, s)
    alone = m.queued == 0 and m.idle > 0 and m.discipline == STRICT and now <= it.arrived + m.expires
    if alone and (m.gated == 0 or let_through(m, s, now)):
        it.queued = now
        begin(m, s, now)
        return
    enqueue(m, it.place, s, now)
    dispatch(m, now, False)


@compiled
def dispatch(m: Machine, now: float, paced: bool) -> None:
    while m.queued > 0 and m.idle > 0:
        q = chosen_queue(m)
        if q < 0:
            return
        s = m.q_head[q]
        if now > slot(m.slots, s).arrived + m.expires + ROUNDING_S:
            dequeue(m, q, now)
            give_up(m, s, C_TIMED_OUT, now)
            continue
        if m.gated and not let_through(m, s, now):
            return
        dequeue(m, q, now)
        turn_taken(m, q)
        if paced:
            count_paced(m, s)
        begin(m, s, now)


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
    if discipline != WEIGHTED:
        raise NotImplementedError("add the discipline to chosen_queue in simulator/kernel/event_driven.py")
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
    if m.discipline == WEIGHTED:
        m.turn += 1


@compiled
def let_through(m: Machine, s: int, now: float) -> bool:
    """Whether the provider's limits and the circuit let the job's call through; if time alone will, a timer is set."""
    if m.breaks and m.breaker != CLOSED:
        if m.breaker == PROBING:
            return False
        if now < m.breaker_until:
            m.timer = m.breaker_until
            return False
    return provider_lets_through(m, s, now)


@inlined
def begin(m: Machine, s: int, now: float) -> None:
    it = slot(m.slots, s)
    m.idle -= 1
    if m.discipline == DEDICATED:
        m.q_idle[it.place] -= 1
    if m.gated:
        m.calls += 1
        charge(m, it.job, now, 1.0)
        if m.breaker == OPEN:
            m.breaker = PROBING
            it.flags |= PROBE
    it.waited += now - it.queued
    it.began = now
    set_phase(m, s, CALLING)
    at_model = now + m.dispatch_cost
    schedule(m, s, at_model + begin_call(m, s, at_model))


@inlined
def call_ends(m: Machine, s: int, now: float) -> None:
    it = slot(m.slots, s)
    others_idle = m.idle > 0
    place = it.place
    fails = call_fails(m, s, it.attempt)
    m.idle += 1
    if m.discipline == DEDICATED:
        others_idle = m.q_idle[place] > 0
        m.q_idle[place] += 1
    if m.gated:
        m.calls -= 1
        if fails and m.failed_calls_count == 0:
            charge(m, it.job, now, -1.0)
        if m.breaks:
            circuit_hears(m, s, fails, now)
    patience = min(m.deadlines[place], m.expires)
    count_busy(m, s, now, it.arrived + patience)
    if not fails:
        if m.subscribers > 0:
            fan_out(m, s, now, False)
        deliver(m, s, now)
    elif it.attempt < m.retries:
        back_off(m, s, now)
    else:
        give_up(m, s, C_DEAD if m.dead_letter else C_FAILED, now)
    if m.queued > 0:
        dispatch(m, now, others_idle)


@compiled
def circuit_hears(m: Machine, s: int, fails: bool, now: float) -> None:
    it = slot(m.slots, s)
    if fails and it.flags & OUTAGE == 0 and is_poison(m, it.job):
        fails = False
    probe = it.flags & PROBE != 0
    it.flags &= ~PROBE
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
def back_off(m: Machine, s: int, now: float) -> None:
    """Try the job again after a pause, when the scheduler of retries finds it due. Without a pause the scheduler has no part in it."""
    it = slot(m.slots, s)
    attempt = it.attempt
    draw = uniform(m.key, it.job, U_JITTER, attempt)
    pause = backoff_s(m, draw, attempt, it.backoff)
    it.backoff = pause
    it.attempt = attempt + 1
    ready = now + pause
    if m.tick > 0.0 and pause > 0.0:
        ready = found_due(m, now, ready)
    set_phase(m, s, BACKING_OFF)
    schedule(m, s, ready)


@compiled
def found_due(m: Machine, now: float, due: float) -> float:
    """The scheduler's first look after `now` that is not before the due time, cut down to whole ticks of its clock.

    The run may begin anywhere in the clock's tick, and the looks come at any phase of it: both are drawn once a replication.
    """
    begins = uniform(m.key, 0, U_TICK, 0)
    phase = uniform(m.key, 0, U_TICK, 1)
    cut = np.floor(due / m.tick + begins)
    look = max(cut, np.floor(now / m.tick + begins - phase + JUST_AFTER) + 1.0)
    return max(now, (look + phase - begins) * m.tick)


@compiled
def give_up(m: Machine, s: int, outcome: int, now: float) -> None:
    """Settle a job without a result. A client that polls or has a connection still learns of it, which counts as delivery calls."""
    it = slot(m.slots, s)
    if m.delivery in (POLLING, PUSH) and it.job >= m.warmup and not waits_in_line(m, s, now):
        at, calls = polled(m, s, now) if m.delivery == POLLING else pushed(m, s, now)
        m.counts[C_DELIVERY] += calls if at <= m.end else calls - 1
    elif m.delivery not in (NOBODY, POLLING, PUSH, WEBHOOK):
        raise NotImplementedError("add the delivery method to give_up in simulator/kernel/event_driven.py")
    settle(m, s, outcome, now)
    free_slot(m, s)


@compiled
def waits_in_line(m: Machine, s: int, now: float) -> bool:
    return now <= slot(m.slots, s).arrived + m.inline_wait + ROUNDING_S


@compiled
def polled(m: Machine, s: int, now: float) -> Any:
    """When a client that polls learns of what is known from `now` on, and its calls until then."""
    it = slot(m.slots, s)
    interval = m.delivery_a
    if interval <= 0.0:
        return now, 1
    first = it.arrived + max(m.accept, m.inline_wait) + interval * uniform(m.key, it.job, U_PHASE, 0)
    more = max(0.0, np.ceil((now - first) / interval))
    return first + more * interval, int(min(more, MOST_POLLS)) + 1


@compiled
def pushed(m: Machine, s: int, now: float) -> Any:
    """When a client with an open connection has what is known from `now` on, and its calls: it connects again if it lost the connection."""
    if uniform(m.key, slot(m.slots, s).job, U_RECONNECT, 0) < m.delivery_b:
        return now + m.delivery_a + m.delivery_c, 2
    return now + m.delivery_a, 1


@inlined
def deliver(m: Machine, s: int, now: float) -> None:
    it = slot(m.slots, s)
    job, kind, key = it.job, m.delivery, m.key
    at, calls, arrives = now, 0, True
    if waits_in_line(m, s, now):
        pass
    elif kind == POLLING:
        at, calls = polled(m, s, now)
    elif kind == WEBHOOK:
        arrives = False
        for call in range(m.schedule_count):
            at += m.schedule[call]
            calls += 1
            if uniform(key, job, U_WEBHOOK, call) >= m.delivery_b:
                arrives = True
                at += m.delivery_a
                break
    elif kind == PUSH:
        at, calls = pushed(m, s, now)
    elif kind != NOBODY:
        raise NotImplementedError("add the delivery method to deliver in simulator/kernel/event_driven.py")
    if at > m.end:
        free_slot(m, s)
        return
    if job >= m.warmup:
        m.counts[C_DELIVERY] += calls
    settle(m, s, C_COMPLETED if arrives else C_UNDELIVERED, at)
    free_slot(m, s)

# mypy: disable-error-code="no-any-return"
"""The event-driven design's loop: accept, queues, consumers paced by the provider, retries, dead letters, fan-out, delivery.

The hybrid design is the same but for its delivery: in line for a while, then 202 and as here.
"""

from typing import Any

import numpy as np

from simulator.kernel import layout
from simulator.kernel.access import ordered, slot
from simulator.kernel.breaker import CLOSED, OPEN, PROBING, circuit_allows, record_in_circuit
from simulator.kernel.compiled import compiled, entry, inlined
from simulator.kernel.deliver import called_at, deliver_result
from simulator.kernel.disciplines import chosen_queue, find_job_to_ask_for, take_turn, wait_in_queue
from simulator.kernel.draws import backoff_s, class_of
from simulator.kernel.fanout import fan_out
from simulator.kernel.heap import next_event_at, slot_of_event, take_event
from simulator.kernel.layout import Machine
from simulator.kernel.leases import (
    await_lease_end,
    begin_deliveries,
    copy_delivery,
    delivery_index,
    free_delivery,
    is_settled,
    is_unused,
    may_be_delivered,
    next_delivery,
    schedule_delivery,
)
from simulator.kernel.machine import (
    admit_arrival,
    call_fails,
    count_accepted,
    count_busy,
    count_offered,
    count_paced,
    enter_provider,
    finish,
    free_slot,
    leave_provider,
    pause_after_refusal_s,
    provider_allows,
    sample,
    schedule,
    schedule_last,
    settle,
)
from simulator.kernel.ordering import release_key, take_from_queue
from simulator.kernel.random_numbers import uniform
from simulator.kernel.scaling import autoscale, finish_start_up
from simulator.kernel.sharing import (
    count_shared_unfinished,
    leave_model,
    reach_model,
    start_at_model,
    take_finished,
)

JUST_AFTER = 1e-6
"""In ticks: a retry scheduled this shortly before a look counts as scheduled after it, like one that the look itself causes."""


@entry
def run_event_driven(machine: Any, budget: int) -> int:
    """Run on for about `budget` events. Returns DONE, MORE (call again) or GROW (call again with more slots)."""
    m = machine[0]
    accept, end = m.accept, m.end
    binned, slows = m.binned == 1, m.slows == 1
    last = m.events + budget
    while m.events < last:
        if m.free_count < layout.MOST_CLASSES:
            return layout.GROW
        arrival = m.arrival + accept
        happens = next_event_at(m)
        if slows:
            happens = min(happens, m.finish_at)
        timer = m.timer
        now = min(arrival, happens, timer)
        if m.scale_at < now and m.scale_at <= end and now < np.inf:
            if binned and m.scale_at > m.bin_end:
                sample(m, m.scale_at)
            autoscale(m, m.scale_at, now)
            continue
        if now > end:
            count_unaccepted(m, end)
            m.now = end
            count_unfinished(m, end)
            finish(m, end, True)
            return layout.DONE
        if now == np.inf or (m.drains == 0 and m.arrival == np.inf):
            if now < np.inf:
                count_unfinished(m, m.now)
            finish(m, m.now, now < np.inf)
            return layout.DONE
        if binned and now > m.bin_end:
            sample(m, now)
        m.now = now
        m.events += 1
        if happens <= now:
            s = take_finished(m, now) if slows and m.finish_at <= now else take_event(m)
            phase = slot(m.slots, s).phase
            if phase == layout.P_CALLING:
                if slows:
                    leave_model(m, s, now)
                end_call_of_consumer(m, s, now)
            elif phase == layout.P_BACKING_OFF:
                if m.leased and is_settled(m, s):
                    free_delivery(m, s, False)
                else:
                    offer(m, s, now)
            elif phase == layout.P_DISPATCHING:
                reach_model(m, s, now)
            elif phase == layout.P_SCALING:
                more, place = slot(m.slots, s).attempt, slot(m.slots, s).place
                finish_start_up(m, s, now)
                if m.discipline == layout.DEDICATED:
                    for _ in range(more):
                        find_job_to_ask_for(m, place, now)
                dispatch(m, now, False)
            else:
                rare_event(m, s, now)
        elif timer <= now:
            m.timer = np.inf
            dispatch(m, now, True)
        else:
            arrive(m, now)
    return layout.MORE


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
        if is_at_work(slot(m.slots, s).phase):
            count_busy(m, s, now, np.inf)
    count_shared_unfinished(m, now)


@compiled
def is_at_work(phase: int) -> bool:
    return phase in (layout.P_CALLING, layout.P_DISPATCHING, layout.P_LEASE_ENDS, layout.P_CRASHES)


@inlined
def arrive(m: Machine, now: float) -> None:
    s = admit_arrival(m, now)
    if m.leased:
        begin_deliveries(m, s)
    if m.queued >= m.places:
        refuse(m, s, now)
        return
    count_accepted(m, s)
    offer(m, s, now)


@compiled
def refuse(m: Machine, s: int, now: float) -> None:
    """The queue is full. The caller calls again after its pause, as long as it does."""
    record = slot(m.slots, s)
    if record.caller & (layout.PROBED - 1) >= m.client_retries:
        settle(m, s, layout.C_REJECTED, now)
        free_slot(m, s)
        return
    record.caller += 1
    record.sent = now + m.client_backoff
    slot(m.slots, s).phase = layout.P_AGAIN
    schedule_last(m, s, now + m.client_backoff + m.accept)


@compiled
def rare_event(m: Machine, s: int, now: float) -> None:
    phase = slot(m.slots, s).phase
    if phase == layout.P_AGAIN:
        if slot(m.slots, s).job >= m.warmup:
            m.counts[layout.C_CALLED_AGAIN] += 1
        if m.queued >= m.places:
            refuse(m, s, now)
            return
        count_accepted(m, s)
        offer(m, s, now)
    elif phase == layout.P_LEASE_ENDS:
        end_lease(m, s, now)
    elif phase == layout.P_CRASHES:
        crash(m, s, now)
    else:
        deliver_again(m, s, now)
        dispatch_rest(m, now, False)


@compiled
def end_lease(m: Machine, s: int, now: float) -> None:
    """The lease of work under way ends: the work is stopped, or goes on while the job is queued again."""
    if m.lease_ends == layout.STOPS:
        others_idle = abandon_work(m, s, now)
        deliver_again(m, s, now)
        dispatch_rest(m, now, others_idle)
        return
    slot(m.slots, s).flags |= layout.F_LATE
    schedule_delivery(m, s)
    again = copy_delivery(m, s)
    if again >= 0:
        deliver_again(m, again, now)
        dispatch_rest(m, now, False)


@compiled
def crash(m: Machine, s: int, now: float) -> None:
    others_idle = abandon_work(m, s, now)
    if slot(m.slots, s).flags & layout.F_LATE or is_settled(m, s):
        free_delivery(m, s, False)
    elif m.acknowledges_early:
        settle_without_result(m, s, layout.C_LOST, now)
    elif m.lease == np.inf:
        deliver_again(m, s, now)
    else:
        await_lease_end(m, s)
    dispatch_rest(m, now, others_idle)


@compiled
def dispatch_rest(m: Machine, now: float, paced: bool) -> None:
    if m.queued > 0:
        dispatch(m, now, paced)


@compiled
def abandon_work(m: Machine, s: int, now: float) -> bool:
    """The consumer is free without a result. Returns whether others were, which could have taken a job if the limits had let them."""
    place = slot(m.slots, s).place
    others_idle = m.idle > 0
    m.idle += 1
    if m.discipline == layout.DEDICATED:
        others_idle = m.q_idle[place] > 0
        m.q_idle[place] += 1
        find_job_to_ask_for(m, place, now)
    if m.limited:
        leave_provider(m, s, False, now)
        if slot(m.slots, s).flags & layout.F_PROBE:
            slot(m.slots, s).flags |= layout.F_NO_ANSWER
            record_in_circuit(m, s, True, now)
            slot(m.slots, s).flags &= ~layout.F_NO_ANSWER
    count_busy(m, s, now, -np.inf)
    return others_idle


@compiled
def deliver_again(m: Machine, s: int, now: float) -> None:
    """Queue a job again whose lease has ended, unless it has been settled or delivered too often."""
    if is_settled(m, s):
        free_delivery(m, s, False)
    elif may_be_delivered(m, s):
        if slot(m.slots, s).job >= m.warmup:
            m.counts[layout.C_REDELIVERED] += 1
        offer(m, s, now)
    else:
        settle_without_result(m, s, layout.C_DEAD if m.dead_letter else layout.C_FAILED, now)


@inlined
def offer(m: Machine, s: int, now: float) -> None:
    record = slot(m.slots, s)
    alone = (
        m.queued == 0
        and m.idle > 0
        and m.keys == 0
        and m.discipline == layout.STRICT
        and now <= called_at(m, s) + m.expires
    )
    if alone and (m.limited == 0 or is_allowed(m, s, now)):
        record.queued = now
        begin_work(m, s, now)
        return
    wait_in_queue(m, record.place, s, now)
    dispatch(m, now, False)


@compiled
def dispatch(m: Machine, now: float, paced: bool) -> None:
    while m.queued > 0 and m.idle > 0:
        if m.keys > 0 and m.ready == 0:
            return
        q = chosen_queue(m)
        if q < 0:
            return
        s = m.q_head[q]
        if m.leased and is_settled(m, s):
            take_from_queue(m, q, now)
            if m.discipline == layout.DEDICATED:
                find_job_to_ask_for(m, q, now)
            free_delivery(m, s, False)
            continue
        if now > called_at(m, s) + m.expires + layout.ROUNDING_S:
            take_from_queue(m, q, now)
            slot(m.slots, s).waited += now - slot(m.slots, s).queued
            if m.discipline == layout.DEDICATED:
                find_job_to_ask_for(m, q, now)
            settle_without_result(m, s, layout.C_TIMED_OUT, now)
            continue
        if m.limited and not is_allowed(m, s, now):
            return
        take_from_queue(m, q, now)
        if m.discipline == layout.WEIGHTED:
            take_turn(m, q)
        if paced and (m.keys == 0 or ordered(m.ordered, s).ready_at < now):
            count_paced(m, s)
        begin_work(m, s, now)


@compiled
def is_allowed(m: Machine, s: int, now: float) -> bool:
    """Whether the provider's limits and the circuit let the job's call through; if time alone will, a timer is set."""
    if m.breaks and m.breaker != CLOSED and not circuit_allows(m, now):
        return False
    return provider_allows(m, s, now)


@inlined
def begin_work(m: Machine, s: int, now: float) -> None:
    record = slot(m.slots, s)
    m.idle -= 1
    if m.discipline == layout.DEDICATED:
        m.q_idle[record.place] -= 1
    if m.limited:
        enter_provider(m, s, now)
        if m.breaker == OPEN:
            m.breaker = PROBING
            record.flags |= layout.F_PROBE
    record.waited += now - record.queued
    record.began = now
    start_at_model(m, s, now, now + m.dispatch_cost, record.attempt if m.leased == 0 else next_delivery(m, s))


@inlined
def end_call_of_consumer(m: Machine, s: int, now: float) -> None:
    record = slot(m.slots, s)
    others_idle = m.idle > 0
    place = record.place
    fails = call_fails(m, s, record.attempt if m.leased == 0 else delivery_index(m, s))
    m.idle += 1
    if m.discipline == layout.DEDICATED:
        others_idle = m.q_idle[place] > 0
        m.q_idle[place] += 1
        find_job_to_ask_for(m, place, now)
    probe_failed = False
    if m.limited:
        leave_provider(m, s, fails, now)
        if m.breaks:
            probe_failed = record_in_circuit(m, s, fails, now)
    unused = m.leased == 1 and is_unused(m, s, fails)
    count_busy(m, s, now, -np.inf if unused else useless_from(m, s))
    again = m.leased == 0 or may_be_delivered(m, s)
    if unused:
        free_delivery(m, s, False)
    elif not fails:
        if m.subscribers > 0:
            fan_out(m, s, now, False)
        deliver_to_client(m, s, now)
    elif probe_failed and again:
        wait_in_queue(m, place, s, now)
    elif record.attempt < m.retries and again:
        back_off(m, s, now)
    else:
        settle_without_result(m, s, layout.C_DEAD if m.dead_letter else layout.C_FAILED, now)
    if m.queued > 0:
        dispatch(m, now, others_idle)


@compiled
def useless_from(m: Machine, s: int) -> float:
    record = slot(m.slots, s)
    return min(record.arrived + m.deadlines[record.place], called_at(m, s) + m.expires)


@compiled
def back_off(m: Machine, s: int, now: float) -> None:
    """Try the job again after a pause, when the scheduler of retries finds it due. Without a pause the scheduler has no part in it."""
    record = slot(m.slots, s)
    attempt = record.attempt
    draw = uniform(m.key, record.job, layout.U_JITTER, attempt)
    pause = backoff_s(m, draw, attempt, record.backoff)
    record.backoff = pause
    record.attempt = attempt + 1
    if m.unpaced:
        pause = pause_after_refusal_s(m, s, pause, now)
    ready = now + pause
    if m.tick > 0.0 and pause > 0.0:
        ready = due_at_a_look(m, now, ready)
    slot(m.slots, s).phase = layout.P_BACKING_OFF
    schedule(m, s, ready)


@compiled
def due_at_a_look(m: Machine, now: float, due: float) -> float:
    """Return the scheduler's first look after `now` that is not before the due time, which is cut down to whole ticks.

    Where in the tick the run begins and the scheduler looks is drawn once a replication.
    """
    begins = uniform(m.key, 0, layout.U_TICK, 0)
    phase = uniform(m.key, 0, layout.U_TICK, 1)
    cut = np.floor(due / m.tick + begins)
    autoscale = max(cut, np.floor(now / m.tick + begins - phase + JUST_AFTER) + 1.0)
    return max(now, (autoscale + phase - begins) * m.tick)


@compiled
def settle_without_result(m: Machine, s: int, outcome: int, now: float) -> None:
    """Settle a job without a result. A client that polls or has a connection still learns of it, which counts as delivery calls."""
    if m.learns_of_failure and not waits_in_line(m, s, now):
        at, calls, _ = deliver_result(m, s, now)
        m.client_learns = at
        if slot(m.slots, s).job >= m.warmup:
            m.counts[layout.C_DELIVERY] += calls if at <= m.end else calls - 1
    settle(m, s, outcome, now)
    free_settled(m, s, now)


@compiled
def free_settled(m: Machine, s: int, now: float) -> None:
    if m.keys > 0:
        release_key(m, s, now)
    if m.leased:
        free_delivery(m, s, True)
    else:
        free_slot(m, s)


@compiled
def waits_in_line(m: Machine, s: int, now: float) -> bool:
    return now <= called_at(m, s) + m.inline_wait + layout.ROUNDING_S


@inlined
def deliver_to_client(m: Machine, s: int, now: float) -> None:
    at, calls, arrives = now, 0, True
    if not waits_in_line(m, s, now):
        at, calls, arrives = deliver_result(m, s, now)
    if at > m.end:
        free_settled(m, s, now)
        return
    if slot(m.slots, s).job >= m.warmup:
        m.counts[layout.C_DELIVERY] += calls
    settle(m, s, layout.C_COMPLETED if arrives else layout.C_UNDELIVERED, at)
    free_settled(m, s, now)

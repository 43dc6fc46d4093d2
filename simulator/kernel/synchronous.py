# mypy: disable-error-code="no-any-return"
"""The synchronous design's loop: clients with a timeout, a bounded backlog, workers that hold a request through pacing, retries and subscribers.

A slot is one call of a client. When the client gives up, the slot stays in use until the server has finished the work,
and the client's next call gets a slot of its own.
"""

from typing import Any

import numpy as np

from simulator.kernel import layout
from simulator.kernel.access import slot
from simulator.kernel.compiled import compiled, entry, inlined
from simulator.kernel.draws import backoff_s
from simulator.kernel.fanout import fan_out, was_handled
from simulator.kernel.heap import next_event_at, slot_of_event, take_event
from simulator.kernel.layout import Machine
from simulator.kernel.machine import (
    admit_arrival,
    call_fails,
    copy_slot,
    count_accepted,
    count_busy,
    count_paced,
    dequeue,
    enqueue,
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
    take_slot,
)
from simulator.kernel.random_numbers import uniform
from simulator.kernel.scaling import autoscale, finish_start_up
from simulator.kernel.sharing import count_shared_unfinished, leave_model, start_at_model, take_finished
from simulator.kernel.streams import begin_stream, start_stream, start_waiting, stop_waiting


@entry
def run_synchronous(machine: Any, budget: int) -> int:
    """Run on for about `budget` events. Returns DONE, MORE (call again) or GROW (call again with more slots)."""
    m = machine[0]
    limit, end = m.patience + layout.PATIENCE_GRACE_S, m.end
    stream_limit = m.answer_limit + layout.PATIENCE_GRACE_S
    binned, slows, streams = m.binned == 1, m.slows == 1, m.streams == 1
    last = m.events + budget
    while m.events < last:
        if m.free_count < 2:
            return layout.GROW
        happens = next_event_at(m)
        if slows:
            happens = min(happens, m.finish_at)
        patience = slot(m.slots, m.patient_head).sent + limit if m.patient_head >= 0 else np.inf
        if streams and m.stream_head >= 0:
            patience = min(patience, slot(m.slots, m.stream_head).sent + stream_limit)
        again = slot(m.slots, m.again_head).sent if m.again_head >= 0 else np.inf
        timer = m.timer
        now = min(min(m.arrival, happens), min(min(patience, again), timer))
        if m.scale_at < now and m.scale_at <= end and now < np.inf:
            if binned and m.scale_at > m.bin_end:
                sample(m, m.scale_at)
            autoscale(m, m.scale_at, now)
            continue
        if now > end or now == np.inf or (m.drains == 0 and m.arrival == np.inf):
            end_run(m, end if now > end else m.now, now < np.inf)
            return layout.DONE
        if binned and now > m.bin_end:
            sample(m, now)
        m.now = now
        m.events += 1
        if happens <= now:
            s = take_finished(m, now) if slows and m.finish_at <= now else take_event(m)
            worker_event(m, s, now)
        elif patience <= now:
            unbegun = m.patient_head >= 0 and slot(m.slots, m.patient_head).sent + limit <= now
            end_patience(m, m.patient_head if unbegun else m.stream_head, now)
        elif again <= now:
            s = m.again_head
            m.again_head = slot(m.slots, s).next
            send(m, s, now)
        elif timer <= now:
            m.timer = np.inf
            serve_line(m, now)
        else:
            send(m, admit_arrival(m, now), now)
    return layout.MORE


@compiled
def end_run(m: Machine, at: float, cut: bool) -> None:
    if cut:
        for place in range(m.near + m.heap_size):
            s = slot_of_event(m, place)
            if slot(m.slots, s).phase not in (layout.P_SCALING, layout.P_CONNECTING):
                count_busy(m, s, at, np.inf)
        s = m.line_head
        while s >= 0:
            count_busy(m, s, at, np.inf)
            s = slot(m.slots, s).next
        count_shared_unfinished(m, at)
    finish(m, at, cut)


@inlined
def worker_event(m: Machine, s: int, now: float) -> None:
    phase = slot(m.slots, s).phase
    if phase == layout.P_CALLING:
        if m.slows:
            leave_model(m, s, now)
        end_call_of_worker(m, s, now)
    elif phase == layout.P_BACKING_OFF:
        try_call(m, s, now)
    elif phase == layout.P_HANDLING:
        respond(m, s, now, was_handled(m, s))
    elif phase == layout.P_FIRST_BYTE:
        begin_stream(m, s, now)
    elif phase == layout.P_CONNECTING:
        connect_again(m, s, now)
    else:
        finish_start_up(m, s, now)
        take_next(m, now)


@compiled
def send(m: Machine, s: int, now: float) -> None:
    record = slot(m.slots, s)
    record.sent = now
    if record.job >= m.warmup:
        m.counts[layout.C_SENT] += 1
    if m.idle > 0 or m.queued < m.places:
        start_waiting(m, s)
        take_in(m, s, now)
    elif m.drops_connections:
        start_waiting(m, s)
        slot(m.slots, s).phase = layout.P_CONNECTING
        await_syn(m, s, now)
    else:
        call_again_or(m, s, layout.C_REJECTED, now)


@compiled
def take_in(m: Machine, s: int, now: float) -> None:
    count_accepted(m, s)
    if m.idle > 0:
        m.idle -= 1
        slot(m.slots, s).began = now
        try_call(m, s, now)
    else:
        slot(m.slots, s).phase = layout.P_WAITING
        enqueue(m, 0, s, now)


@compiled
def await_syn(m: Machine, s: int, now: float) -> None:
    """Plan the next SYN, or the connection's failure. It is not planned if the client gives up before: then its patience alone ends the call.

    Intervals: `syn_linear` times 1 s, then 1, 2, 4 ... s. `now` is therefore whole seconds after the first SYN, but for rounding.
    """
    sent = slot(m.slots, s).sent
    passed = np.rint(now - sent)
    after = passed + 1.0 + max(0.0, passed - m.syn_linear)
    if sent + after <= sent + (m.patience + layout.PATIENCE_GRACE_S):
        schedule_last(m, s, sent + after)


@compiled
def connect_again(m: Machine, s: int, now: float) -> None:
    record = slot(m.slots, s)
    if now - record.sent > layout.CONNECTION_FAILS_S + m.syn_linear - 0.5:
        stop_waiting(m, s)
        call_again_or(m, s, layout.C_TIMED_OUT, now)
    elif m.idle > 0 or m.queued < m.places:
        take_in(m, s, now)
    else:
        await_syn(m, s, now)


@compiled
def end_patience(m: Machine, s: int, now: float) -> None:
    """The client's patience ends. The server, if the call had reached it, does not know, and works on."""
    record = slot(m.slots, s)
    stop_waiting(m, s)
    phase = record.phase
    if phase == layout.P_CONNECTING:
        call_again_or(m, s, layout.C_TIMED_OUT, now)
        return
    record.flags |= layout.F_ABANDONED
    record.gave_up = now
    if phase in (layout.P_WAITING, layout.P_AT_LIMIT):
        record.waited += now - record.queued
    if record.caller >= m.client_retries:
        settle(m, s, layout.C_TIMED_OUT, now)
        return
    mine = take_slot(m)
    copy_slot(m, s, mine)
    slot(m.slots, mine).flags &= ~(layout.F_ABANDONED | layout.F_UNHANDLED)
    slot(m.slots, mine).gave_up = np.inf
    call_again(m, mine, now)


@compiled
def call_again_or(m: Machine, s: int, outcome: int, now: float) -> None:
    if slot(m.slots, s).caller < m.client_retries:
        call_again(m, s, now)
    else:
        settle(m, s, outcome, now)
        free_slot(m, s)


@compiled
def call_again(m: Machine, s: int, now: float) -> None:
    """The client will call again after its backoff, which is the same for all: at the end of the list of those who will."""
    record = slot(m.slots, s)
    record.caller += 1
    record.attempt = 0
    record.next = -1
    record.backoff = 0.0
    record.sent = now + m.client_backoff
    slot(m.slots, s).phase = layout.P_AGAIN
    if m.again_head < 0:
        m.again_head = s
    else:
        slot(m.slots, m.again_tail).next = s
    m.again_tail = s


@compiled
def attempt_of(m: Machine, s: int) -> int:
    """The attempt's number among all of the job, the client's calls counted through."""
    record = slot(m.slots, s)
    return record.caller * (m.retries + 1) + record.attempt


@compiled
def try_call(m: Machine, s: int, now: float) -> None:
    record = slot(m.slots, s)
    if m.limited == 0:
        call_model(m, s, now)
        return
    if m.line_head < 0 and provider_allows(m, s, now):  # always, if calls are not paced
        start_call(m, s, now)
        return
    count_paced(m, s)
    slot(m.slots, s).phase = layout.P_AT_LIMIT
    record.queued = now
    record.next = -1
    if m.line_head < 0:
        m.line_head = s
    else:
        slot(m.slots, m.line_tail).next = s
    m.line_tail = s


@compiled
def start_call(m: Machine, s: int, now: float) -> None:
    enter_provider(m, s, now)
    call_model(m, s, now)


@compiled
def call_model(m: Machine, s: int, now: float) -> None:
    if m.streams:
        start_stream(m, s, now, attempt_of(m, s))
    else:
        start_at_model(m, s, now, now, attempt_of(m, s))


@compiled
def serve_line(m: Machine, now: float) -> None:
    while m.line_head >= 0 and provider_allows(m, m.line_head, now):
        s = m.line_head
        record = slot(m.slots, s)
        m.line_head = record.next
        if not slot(m.slots, s).flags & layout.F_ABANDONED:
            record.waited += now - record.queued
        start_call(m, s, now)


@inlined
def end_call_of_worker(m: Machine, s: int, now: float) -> None:
    record = slot(m.slots, s)
    fails = call_fails(m, s, attempt_of(m, s))
    if m.limited:
        leave_provider(m, s, fails, now)
    if fails and record.attempt < m.retries:
        draw = uniform(m.key, record.job, layout.U_JITTER, attempt_of(m, s))
        pause = backoff_s(m, draw, record.attempt, record.backoff)
        record.backoff = pause
        record.attempt += 1
        if m.unpaced:
            pause = pause_after_refusal_s(m, s, pause, now)
        slot(m.slots, s).phase = layout.P_BACKING_OFF
        schedule(m, s, now + pause)
    elif fails:
        respond(m, s, now, False)
    elif m.subscribers > 0:
        slot(m.slots, s).phase = layout.P_HANDLING
        schedule(m, s, now + fan_out(m, s, now, True))
    else:
        respond(m, s, now, True)
    if m.limited and m.line_head >= 0:
        serve_line(m, now)


@inlined
def respond(m: Machine, s: int, now: float, succeeded: bool) -> None:
    record = slot(m.slots, s)
    deadline = record.arrived + m.deadlines[record.place]
    count_busy(m, s, now, min(record.gave_up, deadline))
    if slot(m.slots, s).flags & layout.F_ABANDONED:
        free_slot(m, s)
    else:
        stop_waiting(m, s)
        if succeeded:
            settle(m, s, layout.C_COMPLETED, now)
            free_slot(m, s)
        else:
            call_again_or(m, s, layout.C_FAILED, now)
    m.idle += 1
    take_next(m, now)


@compiled
def take_next(m: Machine, now: float) -> None:
    while m.queued > 0 and m.idle > 0:
        s = dequeue(m, 0, now)
        record = slot(m.slots, s)
        if slot(m.slots, s).flags & layout.F_ABANDONED:
            if m.drops_abandoned:
                free_slot(m, s)
                continue
        else:
            record.waited += now - record.queued
        m.idle -= 1
        record.began = now
        try_call(m, s, now)

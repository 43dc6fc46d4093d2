# mypy: disable-error-code="no-any-return"
"""The first byte of a streamed answer: until it comes the client and every hop count the time of its call, then total limits alone.

A client waits in one of two lists: that of `start_waiting` until the first byte, then, if a total limit is left, that of the streams, both in
the order of the calls' ends. An attempt that fails streams nothing.
"""

import numpy as np

from simulator.kernel import layout
from simulator.kernel.access import slot
from simulator.kernel.compiled import compiled
from simulator.kernel.draws import service_s
from simulator.kernel.layout import Machine
from simulator.kernel.machine import begin_call, call_fails, schedule, tokens_of
from simulator.kernel.sharing import add_work, plan_end_of_call


@compiled
def start_stream(m: Machine, s: int, now: float, attempt: int) -> None:
    """Start a call at the model; if it succeeds, its first byte is its next event."""
    takes = begin_call(m, s, now, attempt)
    succeeds = not call_fails(m, s, attempt)
    first = min(m.first_token, takes) if succeeds else takes
    plan_end_of_call(m, s, now, now, first)
    if succeeds:
        slot(m.slots, s).phase = layout.P_FIRST_BYTE


@compiled
def begin_stream(m: Machine, s: int, now: float) -> None:
    record = slot(m.slots, s)
    if record.flags & layout.F_ABANDONED == 0:
        stop_waiting(m, s)
        record.flags |= layout.F_STREAMING
        if m.answer_limit < np.inf:
            wait_for_whole(m, s)
    slot(m.slots, s).phase = layout.P_CALLING
    _, tokens_out = tokens_of(m, record.job)
    rest = max(0.0, service_s(m, record.job, tokens_out) - m.first_token)
    if m.slows:
        add_work(m, s, now, rest)
    else:
        schedule(m, s, now + rest)


@compiled
def wait_for_whole(m: Machine, s: int) -> None:
    """Among the streams in the order of their calls: nearly all come at the end."""
    sent, before, after = slot(m.slots, s).sent, m.stream_tail, -1
    while before >= 0 and slot(m.slots, before).sent > sent:
        after = before
        before = slot(m.slots, before).before
    slot(m.slots, s).before = before
    slot(m.slots, s).after = after
    if before >= 0:
        slot(m.slots, before).after = s
    else:
        m.stream_head = s
    if after >= 0:
        slot(m.slots, after).before = s
    else:
        m.stream_tail = s


@compiled
def start_waiting(m: Machine, s: int) -> None:
    """The client waits, for as long as its limit: at the end of the list of those who wait, since the limit is the same for all."""
    record = slot(m.slots, s)
    if m.patience == np.inf:
        return
    tail = m.patient_tail
    record.before, record.after = tail, -1
    if tail >= 0:
        slot(m.slots, tail).after = s
    else:
        m.patient_head = s
    m.patient_tail = s


@compiled
def stop_waiting(m: Machine, s: int) -> None:
    record = slot(m.slots, s)
    if m.patience == np.inf:
        return
    before, after = record.before, record.after
    if record.flags & layout.F_STREAMING:
        record.flags &= ~layout.F_STREAMING
        if m.answer_limit == np.inf:
            return
        if before < 0:
            m.stream_head = after
        if after < 0:
            m.stream_tail = before
    else:
        if before < 0:
            m.patient_head = after
        if after < 0:
            m.patient_tail = before
    if before >= 0:
        slot(m.slots, before).after = after
    if after >= 0:
        slot(m.slots, after).before = before

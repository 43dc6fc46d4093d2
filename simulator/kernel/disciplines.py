# mypy: disable-error-code="no-any-return"
"""Which of several queues is served next.

Dedicated consumers each have a queue of their own, and compete for the provider's limits: first come, first served, by when a consumer was idle
and had a job to ask for. `gave_up` holds that instant of a job; jobs from `q_unasked` on have none yet; with order, the instant
at which a job was ready decides. Weighted queues are served by start-time
fair queueing: a queue's jobs have tags that are 1 / share apart, and the earliest tag is next; a queue that was empty gets no credit.
Source: P. Goyal, H. Vin, H. Cheng, Start-time fair queueing, IEEE/ACM Transactions on Networking 5, 1997.
"""

from simulator.kernel import layout
from simulator.kernel.access import ordered, slot
from simulator.kernel.compiled import compiled
from simulator.kernel.layout import Machine
from simulator.kernel.ordering import put_in_queue


@compiled
def chosen_queue(m: Machine) -> int:
    """The queue whose turn it is, of those that have a job and a consumer for it; -1: none."""
    count, discipline = m.classes, m.discipline
    if discipline == layout.STRICT:
        for q in range(count):
            if m.q_length[q] > 0:
                return q
        return -1
    if discipline == layout.DEDICATED:
        return first_to_ask(m)
    if discipline != layout.WEIGHTED:
        raise NotImplementedError("add the discipline to chosen_queue in simulator/kernel/disciplines.py")
    chosen = -1
    for q in range(count):
        if m.q_length[q] > 0 and (chosen < 0 or tag_of(m, q) < tag_of(m, chosen)):
            chosen = q
    return chosen


@compiled
def first_to_ask(m: Machine) -> int:
    chosen, since = -1, 0.0
    for q in range(m.classes):
        if m.q_length[q] > 0 and m.q_idle[q] > 0:
            s = m.q_head[q]
            asked = slot(m.slots, s).gave_up if m.keys == 0 else ordered(m.ordered, s).ready_at
            if chosen < 0 or asked < since:
                chosen, since = q, asked
    return chosen


@compiled
def tag_of(m: Machine, q: int) -> float:
    return max(m.q_tag[q], m.last_tag)


@compiled
def take_turn(m: Machine, q: int) -> None:
    m.last_tag = tag_of(m, q)
    m.q_tag[q] = m.last_tag + m.stride[q]


@compiled
def wait_in_queue(m: Machine, q: int, s: int, now: float) -> None:
    put_in_queue(m, q, s, now)
    if m.discipline == layout.DEDICATED and m.keys == 0:
        if m.q_length[q] <= m.q_idle[q]:
            slot(m.slots, s).gave_up = now
        elif m.q_unasked[q] < 0:
            m.q_unasked[q] = s


@compiled
def find_job_to_ask_for(m: Machine, q: int, now: float) -> None:
    """A consumer of the queue is idle, and asks for the first job that no other asks for."""
    s = m.q_unasked[q]
    if s >= 0:
        slot(m.slots, s).gave_up = now
        m.q_unasked[q] = slot(m.slots, s).next

# mypy: disable-error-code="no-any-return"
"""Order of jobs with the same key: one at a time, as they were accepted, until each is settled. Jobs of other keys overtake it.

A job holds its key from when it is the oldest of its key until it is settled, while it backs off, too. Only such jobs are ready: they
are in a heap of their queue, by the instant at which they were queued. The others wait in a list of their key. All that wait, ready or
not, are in one list by age, for the lag.
"""

from simulator.kernel import layout
from simulator.kernel.access import event, key_state, ordered, slot
from simulator.kernel.compiled import compiled
from simulator.kernel.heap import SLOT_BITS, SLOT_MASK, pop, push
from simulator.kernel.layout import Machine
from simulator.kernel.machine import depth_changes, dequeue, enqueue
from simulator.kernel.random_numbers import uniform


@compiled
def key_of_job(m: Machine, job: int) -> int:
    return int(uniform(m.key, job, layout.U_CLASS, 1) * m.keys)


@compiled
def put_in_queue(m: Machine, q: int, s: int, now: float) -> None:
    if m.keys == 0:
        enqueue(m, q, s, now)
        return
    record = slot(m.slots, s)
    record.queued = now
    record.next = -1
    m.serial += 1
    ordered(m.ordered, s).serial = m.serial
    append_by_age(m, s)
    depth_changes(m, now, 1)
    key = key_state(m.key_states, key_of_job(m, record.job))
    if record.flags & layout.F_HOLDS_KEY or key.held == 0:
        key.held = 1
        make_ready(m, s, now)
    elif key.waiting == 0:
        key.head = key.tail = s
        key.waiting = 1
    else:
        slot(m.slots, key.tail).next = s
        key.tail = s
        key.waiting += 1


@compiled
def make_ready(m: Machine, s: int, now: float) -> None:
    record = slot(m.slots, s)
    q = record.place
    record.flags |= layout.F_HOLDS_KEY
    ordered(m.ordered, s).ready_at = now
    heap = ready_heap(m, q)
    push(heap, m.q_length[q], record.queued, (ordered(m.ordered, s).serial << SLOT_BITS) | s)
    m.q_length[q] += 1
    m.ready += 1
    m.q_head[q] = event(heap, 0).key & SLOT_MASK


@compiled
def ready_heap(m: Machine, q: int) -> int:
    return m.ready_jobs + q * m.ready_stride


@compiled
def take_from_queue(m: Machine, q: int, now: float) -> None:
    """Take the first of the queue's jobs that are ready, `q_head`."""
    if m.keys == 0:
        dequeue(m, q, now)
        return
    s, heap = m.q_head[q], ready_heap(m, q)
    pop(heap, m.q_length[q])
    m.q_length[q] -= 1
    m.ready -= 1
    m.q_head[q] = event(heap, 0).key & SLOT_MASK
    remove_by_age(m, s)
    depth_changes(m, now, -1)
    m.lag_max = max(m.lag_max, now - slot(m.slots, s).queued)


@compiled
def release_key(m: Machine, s: int, now: float) -> None:
    """The job is settled: the next one of its key, if any, is ready."""
    if slot(m.slots, s).flags & layout.F_HOLDS_KEY == 0:
        return
    key = key_state(m.key_states, key_of_job(m, slot(m.slots, s).job))
    if key.waiting == 0:
        key.held = 0
        return
    following = key.head
    key.head = slot(m.slots, following).next
    key.waiting -= 1
    make_ready(m, following, now)


@compiled
def append_by_age(m: Machine, s: int) -> None:
    ordered(m.ordered, s).older = m.youngest
    ordered(m.ordered, s).younger = -1
    if m.youngest >= 0:
        ordered(m.ordered, m.youngest).younger = s
    else:
        m.oldest = s
    m.youngest = s


@compiled
def remove_by_age(m: Machine, s: int) -> None:
    older, younger = ordered(m.ordered, s).older, ordered(m.ordered, s).younger
    if older >= 0:
        ordered(m.ordered, older).younger = younger
    else:
        m.oldest = younger
    if younger >= 0:
        ordered(m.ordered, younger).older = older
    else:
        m.youngest = older

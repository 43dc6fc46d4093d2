# mypy: disable-error-code="no-any-return"
"""The pending events, in preallocated memory (`heap` is its address): the next few in order, the others in a binary heap after them.

An event is an instant, and serial number and slot in one integer, which breaks ties stably. With few servers, inserting into the ordered
part causes fewer branch mispredictions than a heap. With many, most events go into the heap and come out by the handful.
"""

import numpy as np

from simulator.kernel import layout
from simulator.kernel.access import event
from simulator.kernel.compiled import compiled
from simulator.kernel.layout import Machine

SLOT_BITS = 24
SLOT_MASK = (1 << SLOT_BITS) - 1
HEAP_OFFSET = layout.NEAR * layout.EVENT.itemsize
"""Bytes before the binary heap."""
HANDFUL = layout.NEAR // 2


@compiled
def next_event_at(m: Machine) -> float:
    return event(m.heap, m.near - 1).at if m.near > 0 else np.inf


@compiled
def take_event(m: Machine) -> int:
    near = m.near - 1
    s = event(m.heap, near).key & SLOT_MASK
    m.near = near
    if near == 0 and m.heap_size > 0:
        refill_near(m)
    return s


@compiled
def put_event(m: Machine, at: float, key: int) -> None:
    """Add an event. The next few are in reverse order; no event of the heap comes before any of them."""
    heap, place = m.heap, m.near
    if m.heap_size > 0 and is_before(event(heap, 0).at, event(heap, 0).key, at, key):
        put_in_heap(m, at, key)
        return
    if place == layout.NEAR:
        spill_near(m)
        place = m.near
        if is_before(event(heap, 0).at, event(heap, 0).key, at, key):
            put_in_heap(m, at, key)
            return
    m.near = place + 1
    while place > 0 and is_before(event(heap, place - 1).at, event(heap, place - 1).key, at, key):
        event(heap, place).at = event(heap, place - 1).at
        event(heap, place).key = event(heap, place - 1).key
        place -= 1
    event(heap, place).at = at
    event(heap, place).key = key


@compiled
def is_before(at: float, key: int, other_at: float, other_key: int) -> bool:
    return at < other_at or (at == other_at and key < other_key)


@compiled
def put_in_heap(m: Machine, at: float, key: int) -> None:
    push(m.heap + HEAP_OFFSET, m.heap_size, at, key)
    m.heap_size += 1


@compiled
def spill_near(m: Machine) -> None:
    heap = m.heap
    for place in range(HANDFUL):
        put_in_heap(m, event(heap, place).at, event(heap, place).key)
    m.near -= HANDFUL
    for place in range(m.near):
        event(heap, place).at = event(heap, place + HANDFUL).at
        event(heap, place).key = event(heap, place + HANDFUL).key


@compiled
def refill_near(m: Machine) -> None:
    heap, heap_start = m.heap, m.heap + HEAP_OFFSET
    m.near = min(HANDFUL, m.heap_size)
    for place in range(m.near - 1, -1, -1):
        event(heap, place).at = event(heap_start, 0).at
        event(heap, place).key = event(heap_start, 0).key
        pop(heap_start, m.heap_size)
        m.heap_size -= 1


@compiled
def slot_of_event(m: Machine, place: int) -> int:
    """The slot of one of the `near + heap_size` events, in no particular order."""
    return event(m.heap, place if place < m.near else place - m.near + layout.NEAR).key & SLOT_MASK


@compiled
def push(heap: int, size: int, at: float, key: int) -> None:
    """Add an event to a heap of `size` entries; the caller counts."""
    place = size
    while place > 0:
        parent = (place - 1) >> 1
        above = event(heap, parent).at
        if above < at or (above == at and event(heap, parent).key < key):
            break
        event(heap, place).at = above
        event(heap, place).key = event(heap, parent).key
        place = parent
    event(heap, place).at = at
    event(heap, place).key = key


@compiled
def pop(heap: int, size: int) -> None:
    """Remove the first event of a heap of `size` entries; the caller has read it, and counts."""
    last = size - 1
    at, key = event(heap, last).at, event(heap, last).key
    place, child = 0, 1
    while child < last:
        right = child + 1
        if right < last and (
            event(heap, right).at < event(heap, child).at
            or (event(heap, right).at == event(heap, child).at and event(heap, right).key < event(heap, child).key)
        ):
            child = right
        below = event(heap, child).at
        if at < below or (at == below and key < event(heap, child).key):
            break
        event(heap, place).at = below
        event(heap, place).key = event(heap, child).key
        place = child
        child = 2 * place + 1
    event(heap, place).at = at
    event(heap, place).key = key

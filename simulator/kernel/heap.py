# mypy: disable-error-code="no-any-return"
"""A binary heap of events in preallocated memory (`heap`: its address).

An event is an instant, and serial number and slot in one integer: a stable tie-break.
"""

from simulator.kernel.access import event
from simulator.kernel.compiled import compiled

SLOT_BITS = 24
SLOT_MASK = (1 << SLOT_BITS) - 1


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

# mypy: disable-error-code="no-any-return"
"""A binary heap of events in a preallocated array: the instant, and serial number and slot in one integer (a stable tie-break)."""

from typing import Any

from simulator.kernel.compiled import compiled

SLOT_BITS = 24
SLOT_MASK = (1 << SLOT_BITS) - 1


@compiled
def push(heap: Any, size: int, at: float, key: int) -> None:
    """Add an event to a heap of `size` entries; the caller counts."""
    place = size
    while place > 0:
        parent = (place - 1) >> 1
        above = heap[parent].at
        if above < at or (above == at and heap[parent].key < key):
            break
        heap[place].at = above
        heap[place].key = heap[parent].key
        place = parent
    heap[place].at = at
    heap[place].key = key


@compiled
def pop(heap: Any, size: int) -> None:
    """Remove the first event of a heap of `size` entries; the caller has read it, and counts."""
    last = size - 1
    at, key = heap[last].at, heap[last].key
    place, child = 0, 1
    while child < last:
        right = child + 1
        if right < last and (
            heap[right].at < heap[child].at or (heap[right].at == heap[child].at and heap[right].key < heap[child].key)
        ):
            child = right
        below = heap[child].at
        if at < below or (at == below and key < heap[child].key):
            break
        heap[place].at = below
        heap[place].key = heap[child].key
        place = child
        child = 2 * place + 1
    heap[place].at = at
    heap[place].key = key

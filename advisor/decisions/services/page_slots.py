"""Slots for answers to a keystroke: a few are made at once, and simulations start once none waits for a slot.

All of them share one interpreter. Twenty at once would take it from each other at every query, and all be late together.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

SLOTS = 2


class PageSlots:
    def __init__(self, slots: int = SLOTS) -> None:
        self._slots = threading.BoundedSemaphore(slots)
        self._changed = threading.Condition()
        self._waiting = 0

    @property
    def is_awaited(self) -> bool:
        return self._waiting > 0

    @contextmanager
    def slot(self) -> Iterator[None]:
        """The first to ask is the first to go."""
        self._count(1)
        try:
            self._slots.acquire()
        finally:
            self._count(-1)
        try:
            yield
        finally:
            self._slots.release()

    def let_pages_go_first(self, at_most_s: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self.is_awaited, at_most_s)

    def _count(self, more: int) -> None:
        with self._changed:
            self._waiting += more
            self._changed.notify_all()


PAGE_SLOTS = PageSlots()

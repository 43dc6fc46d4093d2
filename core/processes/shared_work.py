"""Work on many items by several processors at once: in threads, or in copies of a process that has allowed it.

Python runs in one thread at a time: threads share what is compiled, processes share all of it.
"""

import multiprocessing
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from core.processes.cores import usable_cores

T = TypeVar("T")
R = TypeVar("R")

_may_fork = threading.Event()
_work: Callable[[Any], Any] | None = None
"""In a copy: what it works with. A copy has all that its process had when it was made."""


@contextmanager
def copies_allowed() -> Iterator[None]:
    """Let this process be copied meanwhile: for a command, which uses no connection that a copy would share."""
    _may_fork.set()
    try:
        yield
    finally:
        _may_fork.clear()


def can_be_copied() -> bool:
    return _may_fork.is_set() and sys.platform == "linux" and threading.active_count() == 1 and usable_cores() > 1


@contextmanager
def copies_that(work: Callable[[T], R]) -> Iterator[Callable[[Sequence[T]], list[R]]]:
    """A function from items to what the work comes to for each, in their order; copies are made at its first call, and kept.

    Items and what they come to are pickled, the work is not. What the work raises propagates.
    """
    global _work
    _work = work
    try:
        context = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(usable_cores(), mp_context=context, initializer=_leave_interrupts) as pool:
            yield lambda items: list(pool.map(_of_item, items))
    finally:
        _work = None


def _leave_interrupts() -> None:
    """To the process that was copied: it is interrupted with its copies, and ends them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _of_item(item: Any) -> Any:
    if _work is None:
        raise RuntimeError("a copy of this process has no work")
    return _work(item)

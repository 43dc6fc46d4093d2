"""Runs that are no longer wanted: they are given up at their next slice."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from core.processes.shared_work import can_be_copied, copies_that

T = TypeVar("T")
R = TypeVar("R")
IsWanted = Callable[[], bool]


def _always() -> bool:
    return True


_current: ContextVar[IsWanted] = ContextVar("is_wanted", default=_always)


class Stopped(Exception):
    """A run was asked to stop, or is no longer wanted; its replications end at their next slice."""


@contextmanager
def stops_unless(is_wanted: IsWanted) -> Iterator[None]:
    """Runs that this thread makes meanwhile, and those of its `wanted_pool`, raise Stopped once that says no."""
    token = _current.set(is_wanted)
    try:
        yield
    finally:
        _current.reset(token)


def current_wish() -> IsWanted:
    """Whether what this thread runs is still wanted: for other threads that run a part of it."""
    return _current.get()


def require_wanted() -> None:
    """Raise Stopped once what this thread runs is no longer wanted."""
    if not _current.get()():
        raise Stopped


@contextmanager
def workers_that(work: Callable[[T], R], threads: int, name: str) -> Iterator[Callable[[Sequence[T]], list[R]]]:
    """As `copies_that`, if this process can be copied; otherwise in threads, whose runs are wanted as long as those of this thread."""
    if can_be_copied():
        with copies_that(work) as do_all:
            yield do_all
        return
    with wanted_pool(threads, name) as pool:
        yield lambda items: list(pool.map(work, items))


def wanted_pool(threads: int, name: str) -> ThreadPoolExecutor:
    """Threads whose runs are wanted as long as those of this thread."""
    return ThreadPoolExecutor(threads, thread_name_prefix=name, initializer=_current.set, initargs=(_current.get(),))

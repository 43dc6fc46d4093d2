"""One `up` a data folder: a lock that the operating system gives back, however its holder ends."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO


class AlreadyRunning(Exception):
    """Another `up` holds the data folder."""


@contextlib.contextmanager
def sole_use_of(data: Path) -> Iterator[TextIO]:
    """Hold the data folder until the block ends. Raises AlreadyRunning, naming the process that holds it."""
    data.mkdir(parents=True, exist_ok=True)
    with (data / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise AlreadyRunning(
                f"Crossover already runs on {data} (process {holder}). End it first, or choose another folder with --data."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        try:
            yield lock
        finally:
            lock.truncate(0)


def ended_uncleanly(data: Path) -> bool:
    """Whether the last `up` on this folder left without tidying, so that its children may take a few seconds to end."""
    lock = data / "up.lock"
    return lock.exists() and lock.read_text().strip() != ""

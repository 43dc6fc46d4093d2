"""One `up` a data folder: a lock that the operating system gives back, however its holder ends."""

import contextlib
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from django.conf import settings

from advisor.configuration import not_writable_sentence
from core.errors import CannotRun

OWN_FILES = (
    "crossover.sqlite3*",
    "secret-key",
    "*-token",
    "*.lock",
    "broker",
    "logs",
    "static",
    "live",
    "capacity.json",
    "alive",
)


def make_private(data: Path) -> None:
    """Let only its owner read the data folder and what Crossover writes to it, in this process and its children.

    Files of other users in it keep their permissions, and so does a folder that all accounts share (/tmp) or that is
    another user's, as a volume of Kubernetes is. Raises CannotRun if nothing can be written to the folder.
    """
    os.umask(0o077)
    try:
        data.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=data):
            pass
        _close_all(data)
    except OSError as error:
        raise CannotRun(not_writable_sentence(data, error)) from error


def _close_all(data: Path) -> None:
    status = data.stat()
    if not status.st_mode & stat.S_ISVTX and os.geteuid() in (0, status.st_uid):
        _close(data)
    for own in (path for pattern in OWN_FILES for path in data.glob(pattern)):
        for path in [own, *own.rglob("*")]:
            _close(path)


def _close(path: Path) -> None:
    mode = path.lstat().st_mode
    if mode & 0o077 and not stat.S_ISLNK(mode):
        path.chmod(stat.S_IMODE(mode) & ~0o077)


@contextlib.contextmanager
def sole_use_of(data: Path) -> Iterator[TextIO]:
    """Hold the data folder until the block ends. Raises CannotRun, naming the process that holds it."""
    with (data / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise CannotRun(
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


def kept_pages_folder() -> Path:
    """Emptied by each `up` before it starts web processes."""
    return Path(settings.CONFIGURATION.data) / "pages"

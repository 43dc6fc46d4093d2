"""The folder of a live run: private, held by a lock while its controller lives, and swept away by whoever finds it unheld."""

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from simulator.live.errors import CannotRun

LOCK = "lock"


class NotOurs(CannotRun):
    """The place for the runs' folders belongs to somebody else."""


def base() -> Path:
    """Where the folders of this user's live runs are: a short path, since sockets lie in them. Raises NotOurs."""
    place = Path(tempfile.gettempdir()) / f"crossover-live-{os.getuid()}"
    if len(os.fsencode(place)) > 60:
        place = Path("/tmp") / place.name  # noqa: S108  a socket's path has to be short; the folder is made private, or refused
    place.mkdir(mode=0o700, exist_ok=True)
    found = place.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise NotOurs(f"{place} belongs to somebody else. Remove it, or set TMPDIR to a folder of your own.")
    return place


def named(label: str) -> str:
    """A folder's name for a run's label, short enough for a socket's path."""
    return f"run-{hashlib.sha256(label.encode()).hexdigest()[:16]}"


def living(label: str) -> Path | None:
    """The folder of the run with that label, if it runs now."""
    folder = base() / named(label)
    return folder if folder.is_dir() and _is_held(folder) else None


@contextmanager
def run_folder(label: str) -> Iterator[Path]:
    """A folder that is ours until we leave it. What earlier runs left behind is swept first.

    Raises:
        BlockingIOError: a run with this label is under way.
    """
    folder = base() / named(label)
    with ExitStack() as held:
        with _alone():
            _sweep()
            folder.mkdir(mode=0o700, exist_ok=True)
            lock = held.enter_context((folder / LOCK).open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def sweep() -> int:
    """Remove the folders of runs whose controller is gone (their processes have ended with it); how many there were."""
    with _alone():
        return _sweep()


@contextmanager
def _alone() -> Iterator[None]:
    """Nobody else makes or sweeps folders meanwhile."""
    with (base() / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def count_other_runs(folder: Path) -> int:
    """Live runs of this user that are under way now, but for the folder's own."""
    return sum(_is_held(other) for other in base().glob("run-*") if other != folder)


def _sweep() -> int:
    left = [folder for folder in base().glob("run-*") if not _is_held(folder)]
    for folder in left:
        shutil.rmtree(folder, ignore_errors=True)
    return len(left)


def _is_held(folder: Path) -> bool:
    try:
        with (folder / LOCK).open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False

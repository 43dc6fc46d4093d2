"""The folder of a live run: private, and locked while its controller runs. The next run removes folders that no process holds."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from core.processes.child_process import make_private_folder

LOCK = "lock"


def runs_folder() -> Path:
    """Holds the folders of this user's live runs: a short path, since sockets lie in them. Raises NotOwned."""
    folder = Path(tempfile.gettempdir()) / f"crossover-live-{os.getuid()}"
    if len(os.fsencode(folder)) > 60:
        folder = Path("/tmp") / folder.name  # noqa: S108  a socket's path has to be short; the folder is made private, or refused
    make_private_folder(folder)
    return folder


def _path_of(label: str) -> Path:
    return runs_folder() / f"run-{hashlib.sha256(label.encode()).hexdigest()[:16]}"


def find_running(label: str) -> Path | None:
    folder = _path_of(label)
    with _all_folders_locked():
        return folder if folder.is_dir() and _is_held(folder) else None


@contextmanager
def run_folder(label: str) -> Iterator[Path]:
    """A run's own folder until it ends. Folders of earlier runs that were killed are removed first.

    Raises:
        BlockingIOError: a run with this label is under way.
    """
    folder = _path_of(label)
    with ExitStack() as held:
        with _all_folders_locked():
            for left in runs_folder().glob("run-*"):
                if not _is_held(left):  # its processes have ended with its controller
                    shutil.rmtree(left, ignore_errors=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            lock = held.enter_context((folder / LOCK).open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def count_other_runs(folder: Path) -> int:
    with _all_folders_locked():
        return sum(_is_held(other) for other in runs_folder().glob("run-*") if other != folder)


@contextmanager
def _all_folders_locked() -> Iterator[None]:
    """To look whether a folder is held, its lock is taken: a run that starts just then would find it taken."""
    with (runs_folder() / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_held(folder: Path) -> bool:
    try:
        with (folder / LOCK).open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False

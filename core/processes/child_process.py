"""Starts processes that lead groups of their own, signals the groups, and says how a process ended."""

import contextlib
import os
import signal
import stat
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from core.errors import CannotRun

SHELL_SIGNAL = 128
"""A wrapper's exit code if its program was killed by a signal: this and the signal's number."""
LAST_CHARACTERS = 600
MEMORY_SETTINGS = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": str(256 * 1024)}
"""Of glibc, for processes that simulate: short runs in threads of their own would leave their buffers (megabytes a run) in many heaps for good."""


class NotOwned(CannotRun):
    """A folder that has to be private belongs to another user."""


class Exit(NamedTuple):
    """`how` for records, `sentence` after a process's name."""

    how: str
    sentence: str


def start_process(
    command: Sequence[str],
    environment: Mapping[str, str],
    output: BinaryIO,
    *,
    stdin: int = subprocess.PIPE,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start it in a session of its own, which the terminal's Ctrl-C does not reach. `exit_with_parent` watches the pipe to its stdin."""
    return subprocess.Popen(  # noqa: S603
        list(command),
        stdin=stdin,
        stdout=output,
        stderr=output,
        env=dict(environment),
        start_new_session=True,
        pass_fds=tuple(pass_fds),
    )


def signal_group(pid: int, number: signal.Signals) -> bool:
    """Signal a process and what it has started; False if there is no such group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)
        return True
    return False


def describe_exit(code: int, special: Mapping[int, Exit] | None = None) -> Exit:
    """Of an exit code as subprocess and multiprocessing give it: negative for a signal. `special`: codes with a meaning of their own."""
    if special and code in special:
        return special[code]
    number = -code if code < 0 else code - SHELL_SIGNAL
    if number not in set(signal.Signals):
        return Exit(f"exit code {code}", f"ended with exit code {code}")
    how = f"killed by signal {number} ({signal.Signals(number).name})"
    return Exit(how, f"was {how}")


def last_lines(log: Path) -> str:
    """The end of a log as a sentence to append; nothing if it is empty."""
    text = log.read_text(errors="replace").strip() if log.exists() else ""
    if len(text) > LAST_CHARACTERS:
        text = text[-LAST_CHARACTERS:].partition("\n")[2] or text[-LAST_CHARACTERS:]
    return f" Its log ends with:\n{text}" if text else ""


def make_private_folder(folder: Path) -> None:
    """Make a folder that only this user may enter. Raises NotOwned if it is a link, or another user's."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise NotOwned(f"{folder} belongs to somebody else. Remove it, or set TMPDIR to a folder of your own.")
    folder.chmod(0o700)

"""How a process ended, in words."""

import signal
from pathlib import Path
from typing import NamedTuple

from simulator.live.system.journal import CANNOT_WRITE

SHELL_SIGNAL = 128
"""A wrapper's exit code if its program was killed by a signal: this and the signal's number."""
LAST_CHARACTERS = 600


class Exit(NamedTuple):
    how: str
    sentence: str


def describe_exit(code: int) -> Exit:
    """Of an exit code as subprocess and multiprocessing give it: negative for a signal."""
    if code == CANNOT_WRITE:
        return Exit(
            "exit code 74 (it could not write its journal)", "could not write its journal; the disk may be full"
        )
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

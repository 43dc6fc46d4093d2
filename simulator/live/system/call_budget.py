"""What one design's run has spent at an external endpoint: one row in one file, which every process of the run updates before it calls.

A call is booked, with all the output tokens that it may cost, before it is made. The caps hold whatever is under way and whichever process is killed.
"""

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from enum import IntEnum
from pathlib import Path

NAME, FIRST_ERROR = "external.budget", "external.error"
_ROW = struct.Struct("<6q")


class Cut(IntEnum):
    """Which cap has refused a call, and so cut the run short."""

    NONE = 0
    CALLS = 1
    TOKENS = 2
    TIME = 3


@dataclass
class Spent:
    """So far. `reserved`: output tokens of calls that are under way, or whose process was killed in them."""

    calls: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    reserved: int = 0
    cut: int = Cut.NONE

    @classmethod
    def of(cls, content: bytes) -> "Spent":
        return cls(*_ROW.unpack(content)) if content else cls()


class CallBudget:
    """The file. Threads and processes may share it."""

    def __init__(self, folder: Path, most_calls: int, tokens_a_call: int) -> None:
        self._path = folder / NAME
        self._most_calls, self._tokens_a_call = most_calls, tokens_a_call

    @classmethod
    def read(cls, folder: Path) -> Spent:
        """What a folder's file says; nothing if no call was ever booked."""
        path = folder / NAME
        return Spent.of(path.read_bytes() if path.exists() else b"")

    def book(self, *, in_time: bool = True) -> Cut:
        """Book a call; return the cap that forbids it, if one does. `in_time`: the run's time is not over."""
        with self._update() as spent:
            tokens = spent.output_tokens + spent.reserved + self._tokens_a_call
            if not in_time:
                cut = Cut.TIME
            elif spent.calls >= self._most_calls:
                cut = Cut.CALLS
            elif tokens > self._most_calls * self._tokens_a_call:
                cut = Cut.TOKENS
            else:
                spent.calls += 1
                spent.reserved += self._tokens_a_call
                return Cut.NONE
            spent.cut = spent.cut or cut
            return cut

    def settle(self, *, succeeded: bool, in_time: bool, input_tokens: int = 0, output_tokens: int = 0) -> None:
        """A booked call has ended, and took so many tokens; it may have been broken off because the time was over."""
        with self._update() as spent:
            spent.failed += not succeeded
            spent.input_tokens += max(0, input_tokens)
            spent.output_tokens += max(0, output_tokens)
            spent.reserved -= self._tokens_a_call
            if not succeeded and not in_time:
                spent.cut = spent.cut or Cut.TIME

    def note(self, error: str) -> None:
        """Keep the message of the first call that failed, for a run without any result."""
        with suppress(FileExistsError):
            file = os.open(self._path.with_name(FIRST_ERROR), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            os.write(file, error.encode(errors="replace"))
            os.close(file)

    @staticmethod
    def noted(folder: Path) -> str:
        path = folder / FIRST_ERROR
        return path.read_text(errors="replace") if path.exists() else ""

    @contextmanager
    def _update(self) -> Iterator[Spent]:
        """The row, read and written under a lock; the file is opened anew each time, since a lock belongs to an opening, not to a thread."""
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            spent = Spent.of(os.pread(file, _ROW.size, 0))
            yield spent
            os.pwrite(file, _ROW.pack(*astuple(spent)), 0)
        finally:
            os.close(file)

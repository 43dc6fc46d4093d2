"""What one design's run has spent at an outside endpoint: one row in one file, which every process of the run books in before it calls.

A call is booked, with all the output tokens that it may cost, before it is made, so that the caps hold whatever is under way and whoever dies.
"""

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple, Self

NAME, WORDS = "external.ledger", "external.words"
_ROW = struct.Struct("<6q")


class Cut(IntEnum):
    """Which cap has refused a call, and so cut the run short."""

    NONE = 0
    CALLS = 1
    TOKENS = 2
    TIME = 3


class Spent(NamedTuple):
    """So far. `reserved`: output tokens of calls that are under way, or whose process died in them."""

    calls: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    reserved: int = 0
    cut: int = Cut.NONE


class CallBudget:
    """The file. Threads and processes may share it."""

    def __init__(self, folder: Path, most_calls: int, tokens_a_call: int) -> None:
        self._path = folder / NAME
        self._most_calls, self._tokens_a_call = most_calls, tokens_a_call

    @classmethod
    def read(cls, folder: Path) -> Spent:
        """What is in a folder's ledger; nothing where no call was ever booked."""
        path = folder / NAME
        return Spent(*_ROW.unpack(path.read_bytes())) if path.exists() and path.stat().st_size else Spent()

    def book(self) -> Cut:
        """Book a call; the cap that forbids it, where one does."""
        with self._row() as row:
            if row.spent.calls >= self._most_calls:
                return row.cut(Cut.CALLS)
            wanted = row.spent.output_tokens + row.spent.reserved + self._tokens_a_call
            if wanted > self._most_calls * self._tokens_a_call:
                return row.cut(Cut.TOKENS)
            row.add(calls=1, reserved=self._tokens_a_call)
            return Cut.NONE

    def out_of_time(self) -> Cut:
        """Note that a call was not made, or was broken off, because the time was over."""
        with self._row() as row:
            return row.cut(Cut.TIME)

    def settle(self, *, succeeded: bool, input_tokens: int = 0, output_tokens: int = 0) -> None:
        """A booked call has ended, and took so many tokens."""
        with self._row() as row:
            row.add(
                failed=int(not succeeded),
                input_tokens=max(0, input_tokens),
                output_tokens=max(0, output_tokens),
                reserved=-self._tokens_a_call,
            )

    def note(self, words: str) -> None:
        """Keep the words of the first call that failed, for a run that nothing comes of."""
        with suppress(FileExistsError):
            file = os.open(self._path.with_name(WORDS), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            os.write(file, words.encode(errors="replace"))
            os.close(file)

    @staticmethod
    def noted(folder: Path) -> str:
        """Those words, if there are any."""
        path = folder / WORDS
        return path.read_text(errors="replace") if path.exists() else ""

    @contextmanager
    def _row(self) -> Iterator["_Row"]:
        """The row, read and written under a lock; the file is opened anew each time, since a lock belongs to an opening, not to a thread."""
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            row = _Row.of(os.pread(file, _ROW.size, 0))
            yield row
            os.pwrite(file, _ROW.pack(*row.spent), 0)
        finally:
            os.close(file)


class _Row:
    def __init__(self, spent: Spent) -> None:
        self.spent = spent

    @classmethod
    def of(cls, content: bytes) -> Self:
        return cls(Spent(*_ROW.unpack(content)) if content else Spent())

    def add(self, **more: int) -> None:
        """So much more of each."""
        self.spent = self.spent._replace(**{name: getattr(self.spent, name) + value for name, value in more.items()})

    def cut(self, why: Cut) -> Cut:
        """The first cap that refused is the one that is told."""
        if self.spent.cut == Cut.NONE:
            self.spent = self.spent._replace(cut=int(why))
        return why

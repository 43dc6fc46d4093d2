"""What one design's run has spent at an external endpoint: one row in one file, which every process of the run updates before it calls.

A call is booked, with all the output tokens that it may cost, before it is made. The caps hold whatever is under way and whichever process is killed.
"""

import fcntl
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from enum import IntEnum
from pathlib import Path

from simulator.live.system.clock import NS_PER_S
from simulator.live.system.config import ExternalEndpoint, ProcessConfig

BUDGET_FILE, FIRST_ERROR = "external.budget", "external.error"
_ROW = struct.Struct("<6q")


class Cut(IntEnum):
    NONE = 0
    CALLS = 1
    TOKENS = 2
    TIME = 3


@dataclass
class Spent:
    """`reserved`: output tokens of calls that are under way, or whose process was killed in them."""

    calls: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    reserved: int = 0
    cut: int = Cut.NONE

    @classmethod
    def from_bytes(cls, content: bytes) -> "Spent":
        return cls(*_ROW.unpack(content)) if content else cls()


class CallBudget:
    """The file, and the caps that each process holds its calls to. Threads and processes may share it."""

    def __init__(self, config: ProcessConfig, external: ExternalEndpoint) -> None:
        self._path, self._external = config.path / BUDGET_FILE, external
        self._until_ns = config.clock().started_ns + round(external.seconds_a_design * NS_PER_S)

    @staticmethod
    def read(folder: Path) -> Spent:
        """All zero if no call was booked yet."""
        path = folder / BUDGET_FILE
        return Spent.from_bytes(path.read_bytes() if path.exists() else b"")

    def left_s(self) -> float:
        """Real seconds until no call may be under way any more."""
        return (self._until_ns - time.monotonic_ns()) / NS_PER_S

    def book(self) -> str:
        """Book a call; why it must not be made, or nothing."""
        calls, tokens_a_call = self._external.calls_a_design, self._external.max_tokens_a_call
        tokens = calls * tokens_a_call
        with self._update() as spent:
            if self.left_s() <= 0:
                cut, why = (
                    Cut.TIME,
                    f"the {self._external.seconds_a_design:g} s that a design has at this endpoint are over",
                )
            elif spent.calls >= calls:
                cut, why = Cut.CALLS, f"the {calls:,} calls that a design may make to this endpoint are made"
            elif spent.output_tokens + spent.reserved + tokens_a_call > tokens:
                cut, why = Cut.TOKENS, f"the {tokens:,} output tokens that a design may use are used"
            else:
                spent.calls += 1
                spent.reserved += tokens_a_call
                return ""
            spent.cut = spent.cut or cut
            return why

    def settle(self, *, succeeded: bool, reason: str, input_tokens: int, output_tokens: int) -> None:
        with self._update() as spent:
            spent.failed += not succeeded
            spent.input_tokens += max(0, input_tokens)
            spent.output_tokens += max(0, output_tokens)
            spent.reserved -= self._external.max_tokens_a_call
            if not succeeded and self.left_s() <= 0:
                spent.cut = spent.cut or Cut.TIME
        if not succeeded:
            with suppress(FileExistsError), self._path.with_name(FIRST_ERROR).open("x", errors="replace") as file:
                file.write(reason)

    @staticmethod
    def first_error(folder: Path) -> str:
        path = folder / FIRST_ERROR
        return path.read_text(errors="replace") if path.exists() else ""

    @contextmanager
    def _update(self) -> Iterator[Spent]:
        """The row, read and written under a lock; the file is opened anew each time, since a lock belongs to an opening, not to a thread."""
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            spent = Spent.from_bytes(os.pread(file, _ROW.size, 0))
            yield spent
            os.pwrite(file, _ROW.pack(*astuple(spent)), 0)
        finally:
            os.close(file)

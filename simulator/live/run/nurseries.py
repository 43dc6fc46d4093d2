"""The controller's side of `nursery`: one process for a whole run, and the parts that are forked from it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Self

from simulator.live.run.processes import LOOK_S, Part, PartFailed, end_all, environment


class Born:
    """A part that the nursery has borne: a process that is not this one's child, with the same face."""

    def __init__(self, nursery: "Nursery", pid: int, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self._nursery, self.pid = nursery, pid
        self.stdin: IO[bytes] | None = stdin
        self.stdout: IO[bytes] | None = stdout
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, once it has ended."""
        self._nursery.hear(0.0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        deadline = time.monotonic() + (float("inf") if timeout is None else timeout)
        while (code := self.poll()) is None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired("part", timeout or 0.0)
            self._nursery.hear(min(left, 1.0))
        return code


class Nursery:
    """The controller's side of `nursery`: one process for a whole run, from which the parts of both designs are forked."""

    def __init__(self, folder: Path) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._borne: dict[int, Born] = {}
        self._pid: int | None = None
        self._up = self._gone = False
        with theirs, (folder / "nursery.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-P", "-m", "simulator.live.run.nursery", str(theirs.fileno()), str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(),
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._control.close()
        end_all([self._process])

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_ready(self, patience_s: float, tick: Callable[[], None]) -> None:
        """Return when it can bear; `tick` is called meanwhile. Raises PartFailed where it ends, or takes too long."""
        deadline = time.monotonic() + patience_s
        while not self._up:
            if self._gone or time.monotonic() > deadline:
                raise PartFailed("the process that the live run's parts are forked from did not start")
            tick()
            self.hear(LOOK_S)

    def bear(self, part: Part, plan: Path, known: Mapping[str, str], log: IO[bytes]) -> Born:
        """A new process of the part. Raises PartFailed where the nursery is gone."""
        ask = {"name": part.name, "module": part.module, "arguments": [str(plan), *part.arguments]}
        (input_fd, stdin), (stdout, output_fd) = os.pipe(), os.pipe()
        fds = [input_fd, output_fd, log.fileno(), *([part.listener.fileno()] if part.listener else [])]
        self._pid = None
        with contextlib.suppress(BrokenPipeError):
            socket.send_fds(self._control, [json.dumps(ask | {"environment": dict(known)}).encode()], fds)
        os.close(input_fd)
        os.close(output_fd)
        found_in, found_out = os.fdopen(stdin, "wb"), os.fdopen(stdout, "rb", buffering=0)
        while self._pid is None:
            if self._gone:
                found_in.close()
                found_out.close()
                raise PartFailed("the process that the live run's parts are forked from has ended")
            self.hear(LOOK_S)
        born = self._borne[self._pid] = Born(self, self._pid, found_in, found_out)
        return born

    def hear(self, timeout_s: float) -> None:
        """Take in what the nursery tells, waiting so long for the first word. When it is gone, so are its children, as far as anyone can tell."""
        self._control.settimeout(timeout_s)
        while not self._gone:
            try:
                said = self._control.recv(4096)
            except (BlockingIOError, TimeoutError):
                return
            except ConnectionResetError:
                said = b""
            self._take(json.loads(said) if said else None)
            self._control.settimeout(0.0)

    def _take(self, told: dict[str, int] | None) -> None:
        if told is None:
            self._gone = True
            for born in self._borne.values():
                born.returncode = born.returncode if born.returncode is not None else -signal.SIGKILL
        elif "pid" in told:
            self._pid = told["pid"]
        elif "ended" in told:
            self._borne[told["ended"]].returncode = told["code"]
        else:
            self._up = True


@contextmanager
def nursed(folder: Path) -> Iterator[Nursery | None]:
    """For all that is performed in the folder. None where a fork that starts no new program is not safe: macOS's libraries may fail in it."""
    if sys.platform != "linux":
        yield None
        return
    with Nursery(folder) as nursery:
        yield nursery

"""The standard library's fork server, for the length of one live run."""

import contextlib
import multiprocessing
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import forkserver, resource_tracker, spawn
from multiprocessing.context import ForkServerProcess, SpawnProcess
from pathlib import Path
from typing import Any

from core.processes.child_process import describe_exit, last_lines, start_process
from simulator.live.errors import ProcessFailed

ROOT = Path(__file__).resolve().parents[3]
READY_LOOK_S = 0.05
STOP_S = 0.5
ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "SSL_CERT_FILE")

ChildProcess = ForkServerProcess | SpawnProcess


class NoForkServer(ProcessFailed):
    pass


def process_environment() -> dict[str, str]:
    """What every process of a run finds in its environment: no keys, and no more threads for arithmetic than it needs."""
    known = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return known | threads | {"PYTHONPATH": str(ROOT)}


class _LaunchedServer(forkserver.ForkServer):
    """multiprocessing's client of a fork server that is running already. It launches no other."""

    def __init__(self, address: str, alive_fd: int) -> None:
        super().__init__()
        self._forkserver_address, self._forkserver_alive_fd = address, alive_fd

    def ensure_running(self) -> None:
        resource_tracker.ensure_running()


class ForkServer:
    """Starts processes of functions. On Linux they are forked from a server; macOS's libraries may fail in a fork, so there they are spawned.

    multiprocessing's public functions can neither start its fork server with another environment, session or standard output than
    the controller's, nor end it or its resource tracker before the controller ends. So the server is launched here, with the standard
    library's `main`, and put in the place of multiprocessing's own meanwhile. Fork servers that are used at the same time end in the
    opposite order.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log, self._socket = folder / "fork-server.log", folder / "fork-server.sock"
        self._server: subprocess.Popen[bytes] | None = None
        self._undo = contextlib.ExitStack()
        self._ready_fd: int | None = None

    def __enter__(self) -> "ForkServer":
        with contextlib.ExitStack() as undo:
            if _tracker()._fd is None:
                undo.callback(lambda: _tracker()._stop())
            if sys.platform == "linux":
                self._launch(undo)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    @property
    def pid(self) -> int | None:
        return self._server.pid if self._server is not None else None

    def _launch(self, undo: contextlib.ExitStack) -> None:
        parent = spawn.get_preparation_data("")
        name, path = parent.get("init_main_from_name") or "", parent.get("init_main_from_path") or ""
        alive_read, alive_write = os.pipe()
        ready_read, ready_write = os.pipe()
        with socket.socket(socket.AF_UNIX) as listener, self._log.open("ab") as log:
            listener.bind(str(self._socket))
            listener.listen()
            passed = listener.fileno(), alive_read, ready_write
            numbers = map(str, passed)
            command = [
                sys.executable,
                "-P",
                "-m",
                "simulator.live.run.preload",
                *numbers,
                name,
                path,
                str(self._folder),
            ]
            self._server = start_process(command, process_environment(), log, stdin=subprocess.DEVNULL, pass_fds=passed)
        os.close(alive_read)
        os.close(ready_write)
        self._ready_fd = ready_read
        undo.callback(self._stop, alive_write)
        undo.callback(setattr, forkserver, "connect_to_new_process", forkserver.connect_to_new_process)
        forkserver.connect_to_new_process = _LaunchedServer(str(self._socket), alive_write).connect_to_new_process

    def _stop(self, alive_fd: int) -> None:
        assert self._server is not None  # noqa: S101
        os.close(alive_fd)
        if self._ready_fd is not None:
            os.close(self._ready_fd)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._server.wait(STOP_S)
        self._server.kill()
        self._server.wait()
        self._socket.unlink(missing_ok=True)

    def wait_ready(self, patience_s: float, tick: Callable[[], None]) -> None:
        """Return when the server can fork; `tick` is called meanwhile. Raises NoForkServer if it ends, or takes too long."""
        if self._ready_fd is None:
            return
        deadline = time.monotonic() + patience_s
        with selectors.DefaultSelector() as selector:
            selector.register(self._ready_fd, selectors.EVENT_READ)
            while not selector.select(READY_LOOK_S):
                tick()
                if time.monotonic() > deadline:
                    raise NoForkServer(f"The fork server of the live run did not start within {patience_s:g} s.")
        if not os.read(self._ready_fd, 1):
            raise self.failure()
        os.close(self._ready_fd)
        self._ready_fd = None

    def start(self, name: str, target: Callable[..., None], *arguments: Any) -> ChildProcess:
        """A new process. Raises NoForkServer if the server has ended."""
        context = multiprocessing.get_context("spawn" if self._server is None else "forkserver")
        process: ChildProcess = context.Process(target=target, args=arguments, name=name)  # type: ignore[attr-defined]
        self.resume()
        try:
            process.start()
        except (EOFError, ConnectionError) as error:
            raise self.failure() from error
        return process

    def resume(self) -> None:
        """Continue a server that was stopped by a signal: it would neither start processes nor report their ends."""
        if self._server is not None:
            self._server.send_signal(signal.SIGCONT)

    def require_running(self, patience_s: float = 0.0) -> None:
        """Raises NoForkServer if the server has ended, or ends within that time."""
        self.resume()
        if self._server is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._server.wait(patience_s)
                raise self.failure()

    def failure(self) -> NoForkServer:
        assert self._server is not None  # noqa: S101  only a server that was launched can end
        try:
            code: int | None = self._server.wait(STOP_S)
        except subprocess.TimeoutExpired:
            code = None
        how = "does not answer" if code is None else describe_exit(code).sentence
        return NoForkServer(f"The fork server of the live run {how}.{last_lines(self._log)}")


def _tracker() -> Any:
    return resource_tracker._resource_tracker

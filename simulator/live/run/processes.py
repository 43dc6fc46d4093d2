"""The processes of one design's live run: started with their listening sockets, watched, and ended."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple, Self

import redis

from core.errors import CannotRun
from core.processes.child_process import Exit, describe_exit, last_lines, signal_group, start_process
from core.processes.message_broker import server_command, server_program, socket_url, wait_for_broker
from simulator.live.errors import ProcessFailed
from simulator.live.run.fork_server import READY_LOOK_S, ChildProcess, ForkServer, process_environment
from simulator.live.system.config import ProcessConfig
from simulator.live.system.journal import CANNOT_WRITE
from simulator.live.system.process import ProcessContext, launch
from simulator.plan import DESIGN_WORDS

TERM_GRACE_S = 0.6
BROKER_START_S = 20.0
BROKER_PATIENCE_S = 0.5
"""A process that fails may have lost its broker: how long to wait for the broker's end."""
UNKNOWN_EXIT = 255
"""multiprocessing's exit code of a process whose fork server has ended."""
MOST_RESTARTS = 20
PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")

EXITS = {
    CANNOT_WRITE: Exit(
        "exit code 74 (it could not write its journal)", "could not write its journal; the disk may be full"
    )
}

StartedProcess = ChildProcess | subprocess.Popen[bytes]


def listener() -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", 0))
    bound.listen(1024)
    return bound


def address_of(bound: socket.socket) -> str:
    return f"http://127.0.0.1:{bound.getsockname()[1]}"


@dataclass
class ProcessSpec:
    name: str
    run: Callable[[ProcessContext], Coroutine[Any, Any, None] | None]
    listener: socket.socket | None = None
    restarts: bool = False
    number: int = 0
    api_key: str | None = field(default=None, repr=False)


class UnexpectedExit(NamedTuple):
    process: str
    how: str
    at_ns: int
    """When it was seen, by the monotonic clock."""
    restarted: bool


@dataclass
class _Running:
    spec: ProcessSpec
    process: ChildProcess
    connection: "Connection[int, str]"
    restarts: int = 0


class ProcessGroup:
    """All processes of a design's run. Leaving it ends them and what they have started: SIGTERM, and soon after SIGKILL."""

    def __init__(
        self, config: ProcessConfig, server: ForkServer, broker: subprocess.Popen[bytes] | None = None
    ) -> None:
        self._config, self._server, self._broker = config, server, broker
        self._started_ns: int | None = None
        self._running: dict[str, _Running] = {}
        self.unexpected_exits: list[UnexpectedExit] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        running = list(reversed(self._running.values()))
        self._server.resume()
        end_all([each.process for each in running])
        for each in running:
            each.connection.close()
            each.process.close()
        self._running.clear()

    def pid(self, name: str) -> int:
        """Raises KeyError if the group has no such process."""
        pid = self._running[name].process.pid
        assert pid is not None  # noqa: S101  it was started
        return pid

    def start(self, spec: ProcessSpec) -> None:
        """Start a process; it is not ready yet. Raises NoForkServer."""
        self._running[spec.name] = self._spawn(spec)

    def _spawn(self, spec: ProcessSpec) -> _Running:
        ours, theirs = Pipe()
        environment = process_environment()
        if spec.api_key is not None:
            environment |= {name: os.environ[name] for name in PROXIES if name in os.environ}
        context = ProcessContext(
            spec.name, spec.run, self._config, spec.listener, spec.number, spec.api_key, theirs, environment
        )
        try:
            process = self._server.start(spec.name, launch, context)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return _Running(spec, process, ours)

    def wait_ready(self, patience_s: float, tick: Callable[[], None]) -> None:
        """Return when every process is ready; `tick` is called meanwhile. Raises ProcessFailed if one ends, or takes too long."""
        deadline = time.monotonic() + patience_s
        waiting = {running.connection: running for running in self._running.values()}
        while waiting:
            for ready in wait(list(waiting), READY_LOOK_S):
                running = waiting.pop(ready)  # type: ignore[call-overload]
                try:
                    running.connection.recv()
                except (EOFError, ConnectionError):
                    running.process.join(BROKER_PATIENCE_S)
                    raise self._failure(running) from None
            if waiting and time.monotonic() > deadline:
                late = ", ".join(running.spec.name for running in waiting.values())
                raise ProcessFailed(f"{late} of {self._design} did not start within {patience_s:g} s.")
            tick()

    def begin(self, started_ns: int) -> None:
        self._started_ns = started_ns
        for running in self._running.values():
            self._send_start(running)

    def _send_start(self, running: _Running) -> None:
        if self._started_ns is not None:
            with contextlib.suppress(BrokenPipeError, ConnectionError):  # it has ended: `check` sees to that
                running.connection.send(self._started_ns)

    def check(self, finishes: str) -> bool:
        """Restart what has ended and may be; whether the process `finishes` has ended well.

        Raises:
            CannotRun: the broker has ended, the fork server, or a process that is not restarted or was restarted too often; or a
                process was stopped.
        """
        self._require_broker(0.0)
        self._server.require_running()
        for name, running in list(self._running.items()):
            if running.process.exitcode is None and is_stopped(self.pid(name)):
                raise ProcessFailed(f"{name} of {self._design} was stopped by a signal, such as SIGSTOP.")
            if running.process.exitcode is None or (name == finishes and running.process.exitcode == 0):
                continue
            restarts = running.spec.restarts and running.process.exitcode != CANNOT_WRITE
            if not restarts or running.restarts >= MOST_RESTARTS:
                raise self._failure(running)
            self._record(name, running.process.exitcode, restarted=True)
            self._end(running)
            self._running[name] = self._spawn(running.spec)
            self._running[name].restarts = running.restarts + 1
            self._send_start(self._running[name])
        return self._running[finishes].process.exitcode == 0

    def _end(self, running: _Running) -> None:
        _signal_group(running.process, signal.SIGKILL)
        running.connection.close()
        running.process.close()

    def _require_broker(self, patience_s: float) -> None:
        """Raises ProcessFailed if it has ended, or ends within that time."""
        if self._broker is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._broker.wait(patience_s)
            self._record("broker", code, restarted=False)
            raise ProcessFailed(
                f"broker of {self._design} {describe_exit(code, EXITS).sentence}.{last_lines(self._config.path.parent / 'broker.log')}"
            )

    @contextlib.contextmanager
    def explaining(self) -> Iterator[None]:
        """Raises ProcessFailed, with the broker's end if it has ended, for any error of a connection to the broker within."""
        try:
            yield
        except redis.RedisError as error:
            try:
                self._require_broker(BROKER_PATIENCE_S)
            except ProcessFailed as failed:
                raise failed from error
            raise ProcessFailed(f"broker of {self._design} does not answer: {error}") from error

    def _failure(self, running: _Running) -> CannotRun:
        self._require_broker(BROKER_PATIENCE_S)
        name, code = running.spec.name, running.process.exitcode
        self._server.require_running(BROKER_PATIENCE_S if code == UNKNOWN_EXIT else 0.0)
        if code is None:
            return ProcessFailed(f"{name} of {self._design} closed its connection.")
        self._record(name, code, restarted=False)
        often = f", after {running.restarts} restarts" if running.restarts else ""
        return ProcessFailed(
            f"{name} of {self._design} {describe_exit(code, EXITS).sentence}{often}.{last_lines(self._config.log(name))}"
        )

    def _record(self, name: str, code: int, *, restarted: bool) -> None:
        exit_ = UnexpectedExit(name, describe_exit(code, EXITS).how, time.monotonic_ns(), restarted)
        self.unexpected_exits.append(exit_)

    @property
    def _design(self) -> str:
        return DESIGN_WORDS[self._config.design]


@contextlib.contextmanager
def running_broker(folder: Path, tick: Callable[[], None]) -> Iterator[subprocess.Popen[bytes]]:
    """The broker of a run in its folder; `tick` is called while it starts. Raises CannotRun."""
    path = folder / "broker.sock"
    with (folder / "broker.log").open("wb") as output:
        process = start_process(
            server_command(server_program(), path, folder, durable=False), process_environment(), output
        )
    try:
        wait_for_broker(
            socket_url(path),
            BROKER_START_S,
            has_ended=lambda: process.poll() is not None,
            tick=tick,
            failure="The run's own broker did not start",
        )
        yield process
    finally:
        end_all([process])
        path.unlink(missing_ok=True)


def is_stopped(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False


def end_all(processes: Sequence[StartedProcess]) -> None:
    """End processes that lead groups of their own, and whatever they started: SIGTERM together, SIGKILL after the grace."""
    for process in processes:
        _signal_group(process, signal.SIGTERM)
    deadline = time.monotonic() + TERM_GRACE_S
    for process in processes:
        _wait(process, max(0.0, deadline - time.monotonic()))
    for process in processes:
        _signal_group(process, signal.SIGKILL)
        _wait(process, None)
        if isinstance(process, subprocess.Popen) and process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()


def _wait(process: StartedProcess, timeout_s: float | None) -> None:
    if isinstance(process, subprocess.Popen):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout_s)
    else:
        process.join(timeout_s)


def _signal_group(process: StartedProcess, number: signal.Signals) -> None:
    assert process.pid is not None  # noqa: S101  it was started
    if not signal_group(process.pid, number) and not isinstance(process, subprocess.Popen) and process.exitcode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)  # it has not made its group yet

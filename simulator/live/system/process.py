"""What a process of the system under test is started with, and how it synchronizes with the controller of the run."""

import asyncio
import os
import resource
import signal
import socket
import threading
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from multiprocessing import connection, parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from simulator.live.system.clock import RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.jobs import Jobs

READY = "ready"
_COMMAND_NAME = Path("/proc/self/comm")


@dataclass(frozen=True)
class ProcessContext:
    name: str
    run: Callable[["ProcessContext"], Coroutine[Any, Any, None] | None]
    config: ProcessConfig
    listener: socket.socket | None
    number: int
    api_key: str | None = field(repr=False)
    connection: "Connection[str, int]" = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)

    @cached_property
    def jobs(self) -> Jobs:
        return Jobs.read(self.config.path / "jobs.npz")

    def ready(self) -> None:
        self.connection.send(READY)

    def wait_for_start(self) -> RunClock:
        """Block until the run starts; to be called once. Raises EOFError if the controller has gone."""
        return RunClock(self.connection.recv(), self.config.speed)

    async def started(self) -> RunClock:
        return await asyncio.to_thread(self.wait_for_start)


def launch(context: ProcessContext) -> None:
    os.setpgid(0, 0)
    if _COMMAND_NAME.exists():
        _COMMAND_NAME.write_text(context.name[:15])  # as `ps` and `top` show it
    log = os.open(context.config.log(context.name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for standard in (1, 2):
        os.dup2(log, standard)
    os.close(log)
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))  # a connection each call
    os.environ.clear()
    os.environ.update(context.environment)
    controller = parent_process()
    assert controller is not None  # noqa: S101  it has started this process
    lifelines = [controller.sentinel]

    def exit_with_parent() -> None:
        """Processes that are forked from here, too, whatever their group: rq's work-horses each lead one."""
        if len(lifelines) > 1:
            os.close(lifelines.pop())
        threading.Thread(target=_exit_with, args=(lifelines.pop(),), name="exit-with-parent", daemon=True).start()
        lifelines.extend(os.pipe())

    exit_with_parent()
    os.register_at_fork(after_in_child=exit_with_parent)
    running = context.run(context)
    if running is not None:
        asyncio.run(running)


def _exit_with(lifeline: int) -> None:
    connection.wait([lifeline])
    os.killpg(0, signal.SIGKILL)

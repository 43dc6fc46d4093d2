"""The processes that an `up` starts."""

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from advisor.places import IS_CHECKOUT, ROOT
from advisor.server.supervisor import Child, Supervisor
from core.processes.child_process import MEMORY_SETTINGS


class WorkerChild(Child):
    """A worker process; each start has a new name, since the broker keeps the name of a killed worker for a while."""

    label = ""

    def new_command(self) -> list[str]:
        self.label = f"{socket.gethostname()}-{uuid4().hex[:12]}"
        return command("run_worker", self.label)


def web_children(count: int, listener: socket.socket, grace_s: int, logs: Path | None) -> list[Child]:
    """They share the listening socket: the system gives a connection to one that is free."""
    fd = listener.fileno()
    serve = ["run_pages", "--fd", str(fd), "--grace", str(grace_s)]
    names = ["web server"] if count == 1 else [f"web server {number}" for number in range(1, count + 1)]
    return [Child(name, lambda: command(*serve), child_environment(), logs, pass_fds=[fd]) for name in names]


def worker_children(count: int, logs: Path | None) -> list[Child]:
    return [_worker(number, child_environment(), logs) for number in range(1, count + 1)]


def _worker(number: int, environment: Mapping[str, str], logs: Path | None) -> WorkerChild:
    worker = WorkerChild(f"worker {number}", list, environment, logs)
    worker.command = worker.new_command
    return worker


def reconciler_child(logs: Path | None) -> Child:
    return Child("reconciler", lambda: command("run_reconciler"), child_environment(), logs)


def worker_pids(supervisor: Supervisor) -> Mapping[str, int]:
    """Process ids by the workers' names in the broker."""
    return {child.label: child.pid for child in supervisor.children if isinstance(child, WorkerChild) and child.pid}


def worker_exits(supervisor: Supervisor) -> Mapping[int, str]:
    """How the last worker processes ended, by their process ids: one may end again and again before the watchdog looks."""
    return dict(one for child in supervisor.children if isinstance(child, WorkerChild) for one in child.exits)


def command(name: str, *arguments: str) -> list[str]:
    program = [str(ROOT / "manage.py")] if IS_CHECKOUT else ["-P", "-m", "advisor.command_line"]
    return [sys.executable, *program, name, *arguments, "--exit-with-parent"]


def child_environment() -> dict[str, str]:
    return MEMORY_SETTINGS | os.environ | {"CROSSOVER_MANAGED_ENVIRONMENT": "off"}

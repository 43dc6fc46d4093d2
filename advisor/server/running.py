"""The order in which a site comes up: data folder, port, broker, database, static files, and then the processes."""

import errno
import http.client
import os
import socket
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from uuid import uuid4

import structlog
from django.core.management import call_command
from django.core.management.base import OutputWrapper
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor

from advisor.configuration import ROOT, Configuration
from advisor.decisions.services.decisions import ensure_demo
from advisor.server import instance, static
from advisor.server.address import PrintedAddress
from advisor.server.broker import embedded_broker, wait_for_safe_broker
from advisor.server.supervisor import Child, Supervisor
from advisor.server.watchdog import Watchdog, holders_on_this_host
from advisor.teams.services.accounts import local_user_and_workspace
from core.errors import CannotRun
from core.processes.child_process import MEMORY_SETTINGS

log = structlog.get_logger("up")

LEFTOVER_PATIENCE_S = 10.0
"""The children of an `up` that was killed need this long to end and to free the port."""
BROKER_START_S = 30.0
EXTERNAL_BROKER_PATIENCE_S = 5.0
FIRST_ANSWER_S = 120.0


class WorkerChild(Child):
    """A worker process; each start has a new name, since the broker keeps the name of a killed worker for a while."""

    label = ""

    def new_command(self) -> list[str]:
        self.label = f"{socket.gethostname()}-{uuid4().hex[:12]}"
        return command("run_worker", self.label)


def run_site(
    configuration: Configuration, host: str, port: int, workers: int, out: OutputWrapper, opens_browser: bool
) -> None:
    """Run until SIGTERM or SIGINT. Raises CannotRun."""
    instance.make_private(configuration.data)
    left_over = instance.ended_uncleanly(configuration.data)
    with (
        instance.sole_use_of(configuration.data),
        _listening(host, port, left_over) as listener,
        Supervisor() as supervisor,
    ):
        try:
            _start_broker(supervisor, configuration)
            prepare(configuration.local)
            address = PrintedAddress(configuration, _url(listener), out, opens_browser)
            _tend(supervisor, configuration, listener, workers, address)
        except KeyboardInterrupt:
            pass  # asked to end before it had begun
        log.info("Ending; a second Ctrl-C ends it at once")


def prepare(is_local: bool) -> None:
    """Idempotent, and quick if nothing has changed. Raises CannotRun if the database cannot be used."""
    with ThreadPoolExecutor(max_workers=1) as executor:
        collecting = executor.submit(static.collect_if_changed)
        _prepare_database(is_local)
    if collecting.result():
        log.info("Collected and compressed the static files")


def _prepare_database(is_local: bool) -> None:
    try:
        _migrate_if_behind()
        if is_local:
            _, workspace = local_user_and_workspace()
            ensure_demo(workspace)
    except DatabaseError as trouble:
        raise CannotRun(f"The database cannot be used: {str(trouble).strip()}") from trouble
    finally:
        connections.close_all()


def _migrate_if_behind() -> None:
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        log.info("Bringing the database up to date")
        call_command("migrate", interactive=False, verbosity=0)


def _start_broker(supervisor: Supervisor, configuration: Configuration) -> None:
    if configuration.redis_url:
        wait_for_safe_broker(configuration.broker_url, EXTERNAL_BROKER_PATIENCE_S)
    else:
        embedded = embedded_broker(configuration, child_environment())
        supervisor.start(embedded)
        wait_for_safe_broker(configuration.broker_url, BROKER_START_S, embedded.has_ended)


def _tend(
    supervisor: Supervisor,
    configuration: Configuration,
    listener: socket.socket,
    workers: int,
    address: PrintedAddress,
) -> None:
    """The pages come first and have the processors to themselves; what runs simulations follows when they answer."""
    environment, logs = child_environment(), configuration.logs
    fd = listener.fileno()
    # This `up` alone uses the data folder: a process that holds a run in its database is its child, or one of an `up` that was killed.
    left_over = set() if configuration.database_url else holders_on_this_host()
    watchdog = Watchdog(lambda: _worker_pids(supervisor), left_over)
    answers = threading.Event()
    supervisor.start(
        Child("web server", lambda: command("run_pages", "--fd", str(fd)), environment, logs, pass_fds=[fd])
    )
    threading.Thread(
        target=_await_first_answer, args=[_url(listener), answers], name="first answer", daemon=True
    ).start()
    watchdog.start()

    def each_tick() -> None:
        if answers.is_set() and not supervisor.ready:
            supervisor.ready = True
            address.print_first()
            reconciler = Child("reconciler", lambda: command("run_reconciler"), environment, logs)
            simulators = [_worker(number, environment, logs) for number in range(1, workers + 1)]
            supervisor.start(*simulators, reconciler, in_last_group=True)
        if supervisor.ready:
            address.print_again_if_used()
        for child in supervisor.children:
            if child.pid in watchdog.stuck:
                log.warning(f"The {child.name} is stuck; it is ended")
                child.kill()

    supervisor.tend(each_tick)


def _worker_pids(supervisor: Supervisor) -> Mapping[str, int]:
    return {child.label: child.pid for child in supervisor.children if isinstance(child, WorkerChild) and child.pid}


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def _await_first_answer(url: str, answers: threading.Event) -> None:
    deadline = time.monotonic() + FIRST_ANSWER_S
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=FIRST_ANSWER_S)
        try:
            connection.request("GET", "/health/live")
            if connection.getresponse().status == HTTPStatus.OK:
                answers.set()
                return
        except (OSError, http.client.HTTPException):
            pass  # the web server ended before it answered, and is started again
        finally:
            connection.close()
        time.sleep(0.1)


def command(name: str, *arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), name, *arguments, "--exit-with-parent"]


def child_environment() -> dict[str, str]:
    return MEMORY_SETTINGS | os.environ | {"CROSSOVER_MANAGED_ENVIRONMENT": "off"}


def _worker(number: int, environment: Mapping[str, str], logs: Path) -> WorkerChild:
    worker = WorkerChild(f"worker {number}", list, environment, logs)
    worker.command = worker.new_command
    return worker


def _listening(host: str, port: int, left_over: bool) -> socket.socket:
    deadline = time.monotonic() + (LEFTOVER_PATIENCE_S if left_over else 0)
    while True:
        try:
            return listen_on(host, port)
        except PermissionError:
            raise CannotRun(
                f"Port {port} is reserved for the system's own services. Choose another with --port."
            ) from None
        except OSError:
            if time.monotonic() >= deadline:
                raise CannotRun(
                    f"Port {port} is taken. Choose another with --port, or 0 for any that is free."
                ) from None
            time.sleep(0.1)


def listen_on(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        CannotRun: if the host is not an address of this machine.
        OSError: if the port is taken.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError:
        raise CannotRun(_no_such_address(host)) from None
    listener = socket.socket(family, kind)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as refused:
        listener.close()
        if refused.errno == errno.EADDRNOTAVAIL:
            raise CannotRun(_no_such_address(host)) from None
        raise
    return listener


def _no_such_address(host: str) -> str:
    return f"This machine has no address {host}. Choose one that it has with --host: 127.0.0.1 for a proxy on this machine, 0.0.0.0 for any."

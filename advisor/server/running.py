"""The order in which a site comes up: data folder, port, broker, database, static files, and then the processes."""

import http.client
import os
import socket
import sys
import threading
import time
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from uuid import uuid4

import structlog

from advisor.configuration import ROOT, Configuration
from advisor.server import broker, instance, pages, preparation
from advisor.server.address import PrintedAddress, Terminal
from advisor.server.child import CannotStart, Child
from advisor.server.supervisor import Supervisor
from advisor.server.watchdog import Watchdog, holders_on_this_host

log = structlog.get_logger("up")

LEFTOVER_PATIENCE_S = 10.0
"""The children of an `up` that was killed need this long to end and to free the port."""
BROKER_START_S = 30.0
"""A long log takes its time to load."""
OUTSIDE_BROKER_PATIENCE_S = 5.0
FIRST_ANSWER_S = 120.0


class PortTaken(Exception):
    pass


class Worker(Child):
    """A worker process; each start gets a name of its own, since the broker remembers a killed one's for a while."""

    label = ""

    def new_command(self) -> list[str]:
        self.label = f"{socket.gethostname()}-{uuid4().hex[:12]}"
        return command("run_worker", self.label)


def run_site(
    configuration: Configuration, host: str, port: int, workers: int, out: Terminal, opens_browser: bool
) -> None:
    """Run until SIGTERM or SIGINT. Raises CannotStart, AlreadyRunning or PortTaken, each with a sentence."""
    instance.make_private(configuration.data)
    left_over = instance.ended_uncleanly(configuration.data)
    with (
        instance.sole_use_of(configuration.data),
        _listening(host, port, left_over) as listener,
        Supervisor() as supervisor,
    ):
        try:
            _start_broker(supervisor, configuration)
            preparation.prepare(configuration.local)
            address = PrintedAddress(configuration, _url(listener), out, opens_browser)
            _tend(supervisor, configuration, listener, workers, address)
        except KeyboardInterrupt:
            pass  # asked to end before it had begun
        log.info("Ending; a second Ctrl-C ends it at once")


def _start_broker(supervisor: Supervisor, configuration: Configuration) -> None:
    if configuration.redis_url:
        broker.wait_for(configuration.broker_url, OUTSIDE_BROKER_PATIENCE_S)
    else:
        embedded = broker.embedded(configuration, child_environment())
        supervisor.start(embedded)
        broker.wait_for(configuration.broker_url, BROKER_START_S, embedded.has_ended)


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
    # The data folder is ours alone, so that whoever holds a run in its database is a child of ours, or of an `up` that was killed.
    left_over = set() if configuration.database_url else holders_on_this_host()
    watchdog = Watchdog(lambda: _living(supervisor), left_over)
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
            supervisor.start(*simulators, reconciler, beside_the_last=True)
        if supervisor.ready:
            address.print_again_if_used()
        for child in supervisor.children:
            if child.pid in watchdog.stuck:
                log.warning(f"The {child.name} is stuck; it is ended")
                child.kill()

    supervisor.tend(each_tick)


def _living(supervisor: Supervisor) -> Mapping[str, int]:
    return {child.label: child.pid for child in supervisor.children if isinstance(child, Worker) and child.pid}


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
            pass  # the web server ended before it answered; another one is on its way
        finally:
            connection.close()
        time.sleep(0.1)


def command(name: str, *arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), name, *arguments, "--leash"]


def child_environment() -> dict[str, str]:
    return os.environ | {"CROSSOVER_MANAGED_ENVIRONMENT": "off"}


def _worker(number: int, environment: Mapping[str, str], logs: Path) -> Worker:
    worker = Worker(f"worker {number}", list, environment, logs)
    worker.command = worker.new_command
    return worker


def _listening(host: str, port: int, left_over: bool) -> socket.socket:
    deadline = time.monotonic() + (LEFTOVER_PATIENCE_S if left_over else 0)
    while True:
        try:
            return pages.bound(host, port)
        except pages.NoSuchHost as unknown:
            raise CannotStart(str(unknown)) from None
        except PermissionError:
            raise PortTaken(
                f"Port {port} is reserved for the system's own services. Choose another with --port."
            ) from None
        except OSError:
            if time.monotonic() >= deadline:
                raise PortTaken(
                    f"Port {port} is taken. Choose another with --port, or 0 for any that is free."
                ) from None
            time.sleep(0.1)

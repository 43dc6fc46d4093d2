"""One part of a site by itself, next to others on any machine: the database and the broker are all that they share."""

import contextlib
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import structlog
from django.core.management.base import OutputWrapper

from advisor.configuration import Configuration
from advisor.server import instance
from advisor.server.address import PrintedAddress
from advisor.server.broker import wait_for_safe_broker
from advisor.server.children import reconciler_child, web_children, worker_children, worker_exits, worker_pids
from advisor.server.listening import listen, listening_url, notice_first_answer
from advisor.server.running import prepare
from advisor.server.schema import wait_until_migrated
from advisor.server.supervisor import END_SIGNALS, SETTLED_S, EndSignals, Supervisor
from advisor.server.watchdog import Watchdog
from core.errors import CannotRun

log = structlog.get_logger("up")

SiteRole = Literal["web", "worker", "reconciler"]
PEERS_PATIENCE_S = 120.0
"""How long a part waits for the broker, and for the database to be brought up to date, before it ends."""
DRAIN_S = 25
"""How long open responses may go on after SIGTERM: less than the 30 s after which Kubernetes kills."""
ALIVE_EVERY_S = 5.0
REQUIRED: tuple[tuple[str, Callable[[Configuration], bool], str], ...] = (
    (
        "DATABASE_URL",
        lambda given: str(given.database_url or "").startswith(("postgres://", "postgresql://")),
        "the PostgreSQL that all parts share, like postgres://user:password@host/crossover",
    ),
    ("REDIS_URL", lambda given: bool(given.redis_url), "the Redis or Valkey that all parts share, like redis://host/0"),
    (
        "CROSSOVER_SECRET_KEY",
        lambda given: given.secret_key is not None,
        "the same for all parts, like what `openssl rand -hex 32` prints",
    ),
)


def check_role(role: SiteRole, configuration: Configuration) -> None:
    """Raises CannotRun with a line for each thing that the part lacks."""
    if configuration.local:
        raise CannotRun("CROSSOVER_MODE: a part of a site by itself is for hosted mode; unset it, or set it to hosted")
    lines = [f"{name}: {what}" for name, is_given, what in REQUIRED if not is_given(configuration)]
    if lines:
        raise CannotRun("\n".join([f"up --role {role} starts no database and no broker. Set", *lines]))


def run_role(
    role: SiteRole, configuration: Configuration, host: str, port: int, processes: int, out: OutputWrapper
) -> None:
    """Run until SIGTERM or SIGINT. `processes`: of that role. Raises CannotRun."""
    check_role(role, configuration)
    instance.make_private(configuration.data)
    left_over = instance.ended_uncleanly(configuration.data)
    with instance.sole_use_of(configuration.data):
        if role == "web":
            with (
                listen(host, port, left_over, accepts_at_once=False) as listener,
                Supervisor(_with_drain()) as supervisor,
            ):
                _until_asked_to_end(lambda: _run_web(supervisor, configuration, listener, processes, out))
        else:
            with Supervisor() as supervisor:
                _until_asked_to_end(lambda: _run_without_pages(supervisor, role, configuration, processes, out))


def _until_asked_to_end(run: Callable[[], None]) -> None:
    with contextlib.suppress(KeyboardInterrupt):  # asked to end before it had begun
        run()
    log.info("Ending")


def _with_drain() -> EndSignals:
    return ((END_SIGNALS[0][0], DRAIN_S + 1.0), *END_SIGNALS[1:])


def _run_web(
    supervisor: Supervisor, configuration: Configuration, listener: socket.socket, processes: int, out: OutputWrapper
) -> None:
    wait_for_safe_broker(configuration.broker_url, PEERS_PATIENCE_S)
    prepare(is_local=False)
    address = PrintedAddress(configuration, listening_url(listener), out, opens_browser=False)
    supervisor.start(*web_children(processes, listener, DRAIN_S, None))
    answers = notice_first_answer(listening_url(listener))
    show_alive = show_alive_in(configuration.data, supervisor)

    def each_tick() -> None:
        if answers.is_set() and not supervisor.ready:
            supervisor.ready = True
            address.print_first()
        show_alive()

    supervisor.tend(each_tick)
    listener.close()  # from now on, connections are refused, and the proxy asks another web process


def _run_without_pages(
    supervisor: Supervisor, role: SiteRole, configuration: Configuration, processes: int, out: OutputWrapper
) -> None:
    wait_for_safe_broker(configuration.broker_url, PEERS_PATIENCE_S)
    wait_until_migrated(PEERS_PATIENCE_S)
    supervisor.start(*(worker_children(processes, None) if role == "worker" else [reconciler_child(None)]))
    out.write(f"The {role} has started")
    out.flush()
    watchdog = Watchdog(lambda: worker_pids(supervisor), lambda: worker_exits(supervisor))
    if role == "worker":
        watchdog.start()
    show_alive = show_alive_in(configuration.data, supervisor)
    settled_at = time.monotonic() + SETTLED_S

    def each_tick() -> None:
        supervisor.ready = supervisor.ready or time.monotonic() >= settled_at
        supervisor.kill_stuck(watchdog.stuck)
        show_alive()

    supervisor.tend(each_tick)


def show_alive_in(data: Path, supervisor: Supervisor) -> Callable[[], None]:
    """Touches the file `alive` every few seconds while every process runs: a container's health check looks at its age."""
    file, touched_at = data / "alive", 0.0

    def show_alive() -> None:
        nonlocal touched_at
        now = time.monotonic()
        if now - touched_at >= ALIVE_EVERY_S and not any(child.has_ended() for child in supervisor.children):
            file.touch()
            touched_at = now

    return show_alive

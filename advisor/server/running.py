"""The order in which a whole site comes up: data folder, port, broker, database, static files, and then the processes."""

import shutil
import socket
from concurrent.futures import ThreadPoolExecutor

import structlog
from django.core.management.base import OutputWrapper
from django.db import DatabaseError, connections

from advisor.configuration import Configuration
from advisor.decisions.services.decisions import ensure_demo
from advisor.server import instance, static
from advisor.server.address import PrintedAddress
from advisor.server.broker import embedded_broker, wait_for_safe_broker
from advisor.server.children import (
    child_environment,
    reconciler_child,
    web_children,
    worker_children,
    worker_exits,
    worker_pids,
)
from advisor.server.listening import listen, listening_url, notice_first_answer
from advisor.server.schema import migrate_if_behind
from advisor.server.supervisor import Child, Supervisor
from advisor.server.watchdog import Watchdog, holders_on_this_host
from advisor.teams.services.accounts import local_user_and_workspace
from core.errors import CannotRun

log = structlog.get_logger("up")

BROKER_START_S = 30.0
EXTERNAL_BROKER_PATIENCE_S = 5.0
RESPONSE_GRACE_S = 3
"""How long open responses may go on after SIGTERM: someone waits for the terminal."""


def run_site(
    configuration: Configuration,
    host: str,
    port: int,
    web_processes: int,
    workers: int,
    out: OutputWrapper,
    opens_browser: bool,
) -> None:
    """Run until SIGTERM or SIGINT. Raises CannotRun."""
    instance.make_private(configuration.data)
    left_over = instance.ended_uncleanly(configuration.data)
    with (
        instance.sole_use_of(configuration.data),
        listen(host, port, left_over) as listener,
        Supervisor() as supervisor,
    ):
        try:
            broker = _start_broker(supervisor, configuration)
            prepare(configuration.local)
            address = PrintedAddress(configuration, listening_url(listener), out, opens_browser)
            _tend(supervisor, configuration, listener, web_processes, workers, address, broker)
        except KeyboardInterrupt:
            pass  # asked to end before it had begun
        log.info("Ending; a second Ctrl-C ends it at once")


def prepare(is_local: bool) -> None:
    """Idempotent, and quick if nothing has changed. Raises CannotRun if the database cannot be used."""
    shutil.rmtree(instance.kept_pages_folder(), ignore_errors=True)
    with ThreadPoolExecutor(max_workers=1) as executor:
        collecting = executor.submit(static.collect_if_changed)
        _prepare_database(is_local)
    if collecting.result():
        log.info("Collected and compressed the static files")


def _prepare_database(is_local: bool) -> None:
    try:
        migrate_if_behind()
        if is_local:
            _, workspace = local_user_and_workspace()
            ensure_demo(workspace)
    except DatabaseError as trouble:
        raise CannotRun(f"The database cannot be used: {str(trouble).strip()}") from trouble
    finally:
        connections.close_all()


def _start_broker(supervisor: Supervisor, configuration: Configuration) -> Child | None:
    if configuration.redis_url:
        wait_for_safe_broker(configuration.broker_url, EXTERNAL_BROKER_PATIENCE_S)
        return None
    embedded = embedded_broker(configuration, child_environment())
    supervisor.start(embedded)
    wait_for_safe_broker(configuration.broker_url, BROKER_START_S, embedded.has_ended)
    return embedded


def _tend(
    supervisor: Supervisor,
    configuration: Configuration,
    listener: socket.socket,
    web_processes: int,
    workers: int,
    address: PrintedAddress,
    broker: Child | None,
) -> None:
    """The pages come first and have the processors to themselves; what runs simulations follows when they answer."""
    logs = configuration.logs
    # This `up` alone uses the data folder: a process that holds a run in its database is its child, or one of an `up` that was killed.
    left_over = set() if configuration.database_url else holders_on_this_host()
    watchdog = Watchdog(
        lambda: worker_pids(supervisor),
        lambda: worker_exits(supervisor),
        left_over,
        lambda: broker.pid if broker else None,
    )
    supervisor.start(*web_children(web_processes, listener, RESPONSE_GRACE_S, logs))
    answers = notice_first_answer(listening_url(listener))
    watchdog.start()

    def each_tick() -> None:
        if answers.is_set() and not supervisor.ready:
            supervisor.ready = True
            address.print_first()
            supervisor.start(*worker_children(workers, logs), reconciler_child(logs), in_last_group=True)
        if supervisor.ready:
            address.print_again_if_used()
        supervisor.kill_stuck(watchdog.stuck | watchdog.hung_broker)

    supervisor.tend(each_tick)
    listener.close()

"""The database's schema: brought up to date by one process of a site, waited for by the others."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor

from core.errors import CannotRun

log = structlog.get_logger("up")

_ADVISORY_LOCK = 4_721_901
"""Its number among PostgreSQL's advisory locks; any that nothing else here uses."""
SCHEMA_LOOK_EVERY_S = 1.0


def migrate_if_behind() -> None:
    """Of several processes that start at once, one migrates and the others wait for it."""
    if not missing_migrations():
        return
    with _one_at_a_time():
        if missing_migrations():
            log.info("Bringing the database up to date")
            call_command("migrate", interactive=False, verbosity=0)


def missing_migrations() -> int:
    """How many the database lacks. One that is newer than this version lacks none."""
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def wait_until_migrated(patience_s: float) -> None:
    """Raises CannotRun if the database does not answer, or lacks migrations, for that long."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            missing = missing_migrations()
            reason = "The database lacks migrations: start a web process of this version, or run `migrate`."
        except DatabaseError as trouble:
            missing, reason = 1, f"The database cannot be used: {str(trouble).strip()}"
        finally:
            connections.close_all()
        if not missing:
            return
        if time.monotonic() >= deadline:
            raise CannotRun(reason)
        log.info("Waiting for the database to be brought up to date")
        time.sleep(SCHEMA_LOOK_EVERY_S)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """SQLite's file belongs to one `up`, which holds a lock of its own."""
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_ADVISORY_LOCK])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_ADVISORY_LOCK])

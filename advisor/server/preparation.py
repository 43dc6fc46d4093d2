"""What the first request needs: tables, static files and, in local mode, the local user with the first decisions."""

from concurrent.futures import ThreadPoolExecutor

import structlog
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor

from advisor.decisions.services.decisions import ensure_demo
from advisor.server import static
from advisor.server.child import CannotStart
from advisor.teams.services.accounts import local_user_and_workspace

log = structlog.get_logger("up")


def prepare(is_local: bool) -> None:
    """Idempotent, and quick if nothing has changed. Raises CannotStart if the database cannot be used."""
    with ThreadPoolExecutor(max_workers=1) as beside:
        collecting = beside.submit(static.collect_if_changed)
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
        raise CannotStart(f"The database cannot be used: {str(trouble).strip()}") from trouble
    finally:
        connections.close_all()


def migrate_if_behind() -> None:
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        log.info("Bringing the database up to date")
        call_command("migrate", interactive=False, verbosity=0)

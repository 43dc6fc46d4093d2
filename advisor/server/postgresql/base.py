"""Django's backend for PostgreSQL, with less work for each request."""

import select
from typing import Any, Self

import psycopg
from django.db.backends.postgresql import base, operations
from psycopg.adapt import AdaptersMap
from psycopg.types.string import TextLoader

_AS_TEXT = AdaptersMap(psycopg.adapters)
for _kind in ("uuid", "timestamptz", "jsonb"):
    _AS_TEXT.register_loader(_kind, TextLoader)


class TextCursor(psycopg.Cursor[Any]):
    """Plan a query once for each connection. Read ids, instants and JSON as text: it is quicker to read and to compare."""

    adapters = _AS_TEXT

    def execute(self, *query: Any, **options: Any) -> Self:
        """Prepare this query alone: with a threshold that stays, psycopg would remember the text of all others, with the values in it."""
        self.connection.prepare_threshold = 0
        try:
            return super().execute(*query, **options)
        finally:
            self.connection.prepare_threshold = None


class DatabaseOperations(operations.DatabaseOperations):
    def last_executed_query(self, cursor: Any, sql: str, params: Any) -> str:
        """For logs and tests. psycopg does not keep the text of a query that is prepared already: it is shown with places for the values."""
        return super().last_executed_query(cursor, sql, params) or sql


class DatabaseWrapper(base.DatabaseWrapper):
    health_check_done: bool
    ops_class = DatabaseOperations

    def close_if_health_check_failed(self) -> None:
        """Ask the database only if something arrived on the idle connection: a server that ends a connection says so, or closes it."""
        if self.connection is not None and not self.health_check_done:
            arrived = select.poll()
            arrived.register(self.connection.fileno(), select.POLLIN)
            self.health_check_done = not arrived.poll(0)
        super().close_if_health_check_failed()

    def prepared_cursor(self) -> Any:
        self.close_if_health_check_failed()
        self.ensure_connection()
        with self.wrap_database_errors:
            return self._prepare_cursor(TextCursor(self.connection))  # type: ignore[attr-defined]

"""Queries whose SQL is made once: Django takes several times as long to make it as a database to answer."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from django.db import connection
from django.db.models import AutoField, Expression, Field, Model, QuerySet, UUIDField

Rows = tuple[tuple[Any, ...], ...]


def columns(model: type[Model], path: str = "", but: Sequence[str] = ()) -> list[str]:
    names = [field.attname for field in model._meta.concrete_fields]
    return [f"{path}{name}" for name in names if name not in but]


class Given(Expression):
    """A value that the query is asked with, by its place among them."""

    def __init__(self, place: int, field: "Field[Any, Any]") -> None:
        super().__init__(output_field=field)
        self.place = place

    def as_sql(self, compiler: object, connection: object) -> tuple[str, tuple[Any]]:
        return "%s", (self,)

    def prepare(self, values: Sequence[Any]) -> Any:
        return self.field.get_db_prep_value(values[self.place], connection)


def given_id(place: int = 0) -> Given:
    return Given(place, UUIDField())


def given_user(place: int) -> Given:
    return Given(place, AutoField())


class PreparedQuery:
    """`make` returns `values_list` of a query with a `Given` for all that differs from one time to the next.

    Rows are hashable, with ids and instants as text. PostgreSQL keeps a plan for each connection.
    """

    def __init__(self, make: "Callable[[], QuerySet[Any, tuple[Any, ...]]]") -> None:
        self._make = make

    @cached_property
    def _prepared(self) -> tuple[str, tuple[Any, ...]]:
        return self._make().query.sql_with_params()

    def __call__(self, *values: Any) -> Rows:
        sql, parameters = self._prepared
        if connection.vendor == "postgresql":
            given = [values[one.place] if isinstance(one, Given) else one for one in parameters]
            cursor = connection.prepared_cursor()  # type: ignore[attr-defined]
        else:
            given = [one.prepare(values) if isinstance(one, Given) else one for one in parameters]
            cursor = connection.cursor()
        with cursor:
            cursor.execute(sql, given)
            return tuple(cursor.fetchall())

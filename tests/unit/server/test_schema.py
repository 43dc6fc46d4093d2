"""The schema while several processes and two versions use the database."""

from contextlib import nullcontext

import pytest
from django.db import OperationalError
from django.db.migrations import AddField
from django.db.migrations.loader import MigrationLoader
from django.db.models import NOT_PROVIDED, Field, ManyToManyField

from advisor.server import schema
from core.errors import CannotRun

BEFORE_THE_PROMISE = {"decisions": 23, "teams": 7}
"""Number of the last migration of each app that may do anything."""


def is_written_by_the_version_before(field: "Field[object, object]") -> bool:
    """Whether a row can be inserted by code that does not know the column."""
    has_value = field.null or getattr(field, "db_default", NOT_PROVIDED) is not NOT_PROVIDED
    return has_value or isinstance(field, ManyToManyField)


def test_the_version_before_can_write_while_a_site_is_upgraded() -> None:
    """Django drops a column's plain default once the column is there: only null or a default in the database helps."""
    migrations = MigrationLoader(None).disk_migrations
    blind = [
        f"{app} {name}: {operation.name} needs null or db_default"
        for (app, name), migration in migrations.items()
        if int(name[:4] if name[:4].isdigit() else 0) > BEFORE_THE_PROMISE.get(app, 9999)
        for operation in migration.operations
        if isinstance(operation, AddField) and not is_written_by_the_version_before(operation.field)
    ]
    assert not blind


def test_a_part_that_waits_in_vain_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "missing_migrations", lambda: 2)
    with pytest.raises(CannotRun, match="start a web process of this version, or run `migrate`"):
        schema.wait_until_migrated(0)


def test_a_part_waits_for_a_database_that_does_not_answer_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[int | OperationalError] = [OperationalError("it starts"), 3, 0]

    def look() -> int:
        answer = answers.pop(0)
        if isinstance(answer, OperationalError):
            raise answer
        return answer

    monkeypatch.setattr(schema, "missing_migrations", look)
    monkeypatch.setattr(schema, "SCHEMA_LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(schema.connections, "close_all", lambda: None)
    schema.wait_until_migrated(60)
    assert not answers


def test_a_database_that_never_answers_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> int:
        raise OperationalError("connection refused")

    monkeypatch.setattr(schema, "missing_migrations", fail)
    monkeypatch.setattr(schema.connections, "close_all", lambda: None)
    with pytest.raises(CannotRun, match="The database cannot be used: connection refused"):
        schema.wait_until_migrated(0)


def test_of_several_that_wait_for_the_lock_one_migrates(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second look is after the lock was had: another process has migrated meanwhile."""
    looks, called = [2, 0], list[str]()
    monkeypatch.setattr(schema, "missing_migrations", lambda: looks.pop(0))
    monkeypatch.setattr(schema, "call_command", lambda name, **_: called.append(name))
    monkeypatch.setattr(schema, "_one_at_a_time", nullcontext)
    schema.migrate_if_behind()
    assert called == []

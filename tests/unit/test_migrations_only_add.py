"""The version before serves next to a new one while a site is upgraded: migrations only add what its code need not know."""

from collections.abc import Iterator

import pytest
from django.db import models
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import AddConstraint, AddField, AddIndex, CreateModel
from django.db.migrations.operations.base import Operation
from django.db.models import NOT_PROVIDED

FIRST = {"decisions": 23, "teams": 7}
"""Those before are older than parts that can be rolled."""


def migrations() -> Iterator[Migration]:
    for (app, name), migration in sorted(MigrationLoader(None).disk_migrations.items(), key=lambda item: item[0]):
        if int(name.split("_")[0]) >= FIRST.get(app, 10_000):
            yield migration


def fault_of(operation: Operation, made: set[str]) -> str:
    """Why code that does not know of it would fail; empty if it would not. `made`: models of the same migration, in small letters."""
    match operation:
        case CreateModel() | AddIndex():
            return ""
        case AddField(model_name=model, field=field):
            is_left_out = (
                field.null or field.db_default is not NOT_PROVIDED or isinstance(field, models.ManyToManyField)
            )
            return (
                ""
                if is_left_out or model.lower() in made
                else "a row of the earlier version has no value: null or db_default"
            )
        case AddConstraint(model_name=model):
            return "" if model.lower() in made else "a row of the earlier version may be refused"
    return "only add; remove or alter in a later version, when no code uses it any more (CONTRIBUTING.md)"


@pytest.mark.parametrize(
    "migration", list(migrations()), ids=lambda migration: f"{migration.app_label}.{migration.name}"
)
def test_a_migration_only_adds_what_the_version_before_need_not_know(migration: Migration) -> None:
    made = {operation.name.lower() for operation in migration.operations if isinstance(operation, CreateModel)}
    faults = {operation.describe(): fault_of(operation, made) for operation in migration.operations}
    assert not any(faults.values()), faults


def test_what_is_refused() -> None:
    field = models.IntegerField(default=1)
    assert fault_of(AddField("Run", "x", field), set())
    assert not fault_of(AddField("Run", "x", field), {"run"})
    assert not fault_of(AddField("Run", "x", models.IntegerField(db_default=1)), set())
    constraint = models.UniqueConstraint(fields=["x"], name="x")
    assert fault_of(AddConstraint("Run", constraint), set())

"""A backup of the whole database as one file, the same for SQLite and PostgreSQL: a backup of either restores into either.

It is a zip of a manifest and, for each table, a file with a JSON object a line. Sessions and counts of wrong passwords are
left out: a copied backup signs no one in. So are replications of runs under way, which are simulated again.
The secret key and the broker are no part of it: runs that wait are queued again.
"""

import json
import secrets
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.models import Field, Model
from django.utils import timezone

from advisor.decisions.models import Decision, Run, SharedReplication, Trace
from advisor.teams.models import SignedInSession, User, Workspace
from core.errors import CannotRun
from core.numbers import count

FORMAT = "crossover/backup@1"
MANIFEST = "manifest.json"
LEFT_OUT = (Session, SignedInSession, AccessAttempt, AccessFailureLog, AccessLog, SharedReplication)
ROWS_AT_ONCE = 100


def stored_models() -> list[type[Model]]:
    models = [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]
    return [model for model in models if not model._meta.proxy and model not in LEFT_OUT]


def write_backup(place: Path) -> dict[str, int]:
    """Write one moment of the database, while the site works. Return the number of rows of each table that has some.

    The file is readable by its owner alone: it holds password hashes. It is written whole or not at all; raises OSError.
    """
    fresh = place.with_name(f".{secrets.token_hex(8)}.part")
    try:
        fresh.touch(mode=0o600)
        with _one_moment(), zipfile.ZipFile(fresh, "w", zipfile.ZIP_DEFLATED) as archive:
            counts = {model._meta.label_lower: _write_rows(archive, model) for model in stored_models()}
            manifest = {
                "schema": FORMAT,
                "made_at": timezone.now().isoformat(),
                "database": connection.vendor,
                "migrations": _applied_migrations(),
                "rows": counts,
            }
            archive.writestr(MANIFEST, json.dumps(manifest, indent=2))
        fresh.replace(place)
    finally:
        fresh.unlink(missing_ok=True)
    return {label: rows for label, rows in counts.items() if rows}


@contextmanager
def _one_moment() -> Iterator[None]:
    """Read a snapshot without holding writers up."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")  # Django's own transactions are IMMEDIATE here, which lock
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
        return
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def _applied_migrations() -> list[str]:
    return sorted(".".join(key) for key in MigrationLoader(connection).applied_migrations)


def _write_rows(archive: zipfile.ZipFile, model: type[Model]) -> int:
    fields = _columns(model)
    written = 0
    with archive.open(f"{model._meta.label_lower}.jsonl", "w", force_zip64=True) as file:
        for row in model._base_manager.order_by("pk").iterator(chunk_size=ROWS_AT_ONCE):
            file.write(json.dumps({field.attname: _as_json(field, row) for field in fields}).encode() + b"\n")
            written += 1
    return written


def _columns(model: type[Model]) -> "list[Field[Any, Any]]":
    return list(model._meta.concrete_fields)


def _as_json(field: "Field[Any, Any]", row: Model) -> Any:
    value = field.value_from_object(row)
    return value if value is None or isinstance(value, bool | int | float) else field.value_to_string(row)


def read_manifest(place: Path) -> dict[str, Any]:
    """Raise CannotRun if the file is no complete backup."""
    try:
        with zipfile.ZipFile(place) as archive:
            manifest = json.loads(archive.read(MANIFEST))
            damaged = archive.testzip()
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise CannotRun(f"{place} is no backup, or is cut short: {error}") from error
    if manifest.get("schema") != FORMAT:
        raise CannotRun(f"{place} is not of this format: {manifest.get('schema')} instead of {FORMAT}.")
    if damaged:
        raise CannotRun(f"{place} is damaged: {damaged} differs from its checksum.")
    return dict(manifest)


def rows_in_the_way() -> list[str]:
    """What a restore would delete. All other rows belong to these, or are those of a fresh database."""
    nouns = {"account": User, "workspace": Workspace, "decision": Decision, "recording": Trace, "simulation": Run}
    counts = {noun: model._base_manager.count() for noun, model in nouns.items()}
    return [count(number, noun) for noun, number in counts.items() if number]


def restore_backup(place: Path, manifest: Mapping[str, Any]) -> dict[str, int]:
    """Replace all rows by those of the backup, or change nothing. The database must be migrated; all sign-ins end.

    Raises CannotRun if the backup was made by a version with other migrations, or does not fit.
    """
    if missing := sorted(set(manifest["migrations"]) ^ set(_applied_migrations())):
        raise CannotRun(
            "The backup is of a version with other migrations: restore it with the version that made it, then upgrade. "
            f"They differ in {', '.join(missing[:3])}{' and more' if len(missing) > 3 else ''}."
        )
    models = stored_models()
    with transaction.atomic(), zipfile.ZipFile(place) as archive:
        with connection.cursor() as cursor:
            for model in (*LEFT_OUT, *models):
                cursor.execute(f"DELETE FROM {connection.ops.quote_name(model._meta.db_table)}")  # noqa: S608
        counts = {model._meta.label_lower: _restore_rows(archive, model) for model in models}
        if counts != manifest["rows"]:
            raise CannotRun("The backup does not have the rows that its manifest says. Nothing was changed.")
        with connection.cursor() as cursor:
            for statement in connection.ops.sequence_reset_sql(no_style(), models):
                cursor.execute(statement)
    ContentType.objects.clear_cache()
    return {label: rows for label, rows in counts.items() if rows}


def _restore_rows(archive: zipfile.ZipFile, model: type[Model]) -> int:
    fields = _columns(model)
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    statement = f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ({places})"  # noqa: S608
    written = 0
    with archive.open(f"{model._meta.label_lower}.jsonl") as file, connection.cursor() as cursor:
        values = _stored_values(TextIOWrapper(file, "utf-8"), fields)
        while rows := list(islice(values, ROWS_AT_ONCE)):
            cursor.executemany(statement, rows)
            written += len(rows)
    return written


def _stored_values(lines: Iterable[str], fields: "list[Field[Any, Any]]") -> Iterator[list[Any]]:
    for line in lines:
        row = json.loads(line)
        values = ((field, row[field.attname]) for field in fields)
        yield [
            field.get_db_prep_save(None if value is None else field.to_python(value), connection)
            for field, value in values
        ]

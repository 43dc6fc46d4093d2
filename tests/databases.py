"""The tables of the tests, made by the migrations once: in SQLite they are a file, which the processes of this run and of later ones copy."""

import hashlib
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from pytest_django import DjangoDbBlocker

from tests.sites import ROOT, one_at_a_time, shared_folder


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Only the migrations that the copy lacks are applied: none."""
    return connection.vendor == "sqlite"


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None,
    django_db_keepdb: bool,
    django_db_blocker: DjangoDbBlocker,
    pytestconfig: pytest.Config,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    if not django_db_keepdb:
        return
    cache = pytestconfig.cache
    folder = cache.mkdir("migrated") if cache is not None else shared_folder(tmp_path_factory)
    migrated = folder / f"{migrations_digest()}.sqlite3"
    with one_at_a_time(folder / "lock"):
        if not migrated.exists():
            for outdated in folder.glob("*.sqlite3*"):
                outdated.unlink()
            with django_db_blocker.unblock():
                migrate(migrated)
    shutil.copy(migrated, connection.settings_dict["TEST"]["NAME"])


def migrations_digest() -> str:
    """Of what the tables follow from: our migrations, and the versions of the packages that have others."""
    digest = hashlib.sha256((ROOT / "requirements.lock").read_bytes())
    for source in sorted((ROOT / "advisor").glob("*/migrations/*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def migrate(place: Path) -> None:
    """Make the tables in a new file at `place`, which is there once it is whole."""
    part = place.with_suffix(f".{os.getpid()}")
    before, connection.settings_dict["NAME"] = connection.settings_dict["NAME"], str(part)
    try:
        call_command("migrate", verbosity=0)
    finally:
        connection.close()
        connection.settings_dict["NAME"] = before
    with closing(sqlite3.connect(part)) as file:
        file.execute("PRAGMA journal_mode = DELETE")  # all of it in the one file
    part.rename(place)

"""Static files are collected when they have changed, and only then."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from pytest_django import Settings

from advisor.server import static


@pytest.fixture
def source(tmp_path: Path, settings: Settings) -> Iterator[Path]:
    folder = tmp_path / "static"
    folder.mkdir()
    (folder / "site.css").write_text("body { color: black; }\n" * 100)
    settings.STATICFILES_DIRS = [folder]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATIC_ROOT = tmp_path / "collected"
    finders.get_finder.cache_clear()
    staticfiles_storage._setup()
    yield folder / "site.css"
    finders.get_finder.cache_clear()


def test_they_are_collected_once(source: Path) -> None:
    assert [static.collect_if_changed(), static.collect_if_changed()] == [True, False]


def test_they_are_collected_again_after_an_edit(source: Path) -> None:
    static.collect_if_changed()
    former = staticfiles_storage.url("site.css")
    source.write_text("body { color: navy; }\n" * 100)
    assert static.collect_if_changed()
    assert staticfiles_storage.url("site.css") != former


def test_each_is_there_compressed_under_a_name_with_its_hash(source: Path, tmp_path: Path) -> None:
    static.collect_if_changed()
    name = staticfiles_storage.url("site.css").rpartition("/")[2]
    assert name not in ("", "site.css")
    assert (tmp_path / "collected" / f"{name}.br").stat().st_size < source.stat().st_size / 10


def test_names_are_plain_before_anything_is_collected(source: Path) -> None:
    assert staticfiles_storage.url("site.css").endswith("/site.css")

"""The wheel holds every file that an installed Crossover needs, and starts from any folder."""

import configparser
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sites import ROOT

BUILD = "import setuptools.build_meta as backend, sys; backend.build_wheel(sys.argv[1])"
SHIPPED = ("templates", "static")
PACKAGES = ("advisor", "benchmarks", "core", "simulator")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the files that are checked out: a build leaves folders behind."""
    source, place = tmp_path_factory.mktemp("source") / "crossover", tmp_path_factory.mktemp("wheel")
    left_out = shutil.ignore_patterns(".*", "__pycache__", "tests", "var", "*.png", "build", "*.egg-info")
    shutil.copytree(ROOT, source, ignore=left_out)
    subprocess.run([sys.executable, "-c", BUILD, str(place)], cwd=source, check=True, capture_output=True)
    return next(place.glob("*.whl"))


def test_the_wheel_has_every_file_of_the_packages_and_their_pages(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    for folder in (*PACKAGES, *SHIPPED):
        place = f"advisor/shipped/{folder}" if folder in SHIPPED else folder
        files = [path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        assert len(files) > 5
        missing = {path.name for path in files if f"{place}/{path.relative_to(ROOT / folder)}" not in held}
        assert not missing, folder
    assert "advisor/shipped/docs/glossary.md" in held


def test_the_wheel_has_nothing_else(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    assert not [name for name in zipfile.ZipFile(wheel).namelist() if "secret" in name or name.endswith(".sqlite3")]


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> Callable[..., str]:
    """Runs the console script of the unpacked wheel in a folder with an answer sheet, with the packages of the tests."""
    place, folder = tmp_path / "installed", tmp_path / "folder"
    zipfile.ZipFile(wheel).extractall(place)
    folder.mkdir()
    (folder / "core.py").write_text("raise SystemExit('a file of the folder was imported')\n")
    (folder / "answers.yaml").write_text("template: document_extraction\nname: From anywhere\n")
    names = configparser.ConfigParser()
    names.read_string(next(place.glob("*.dist-info/entry_points.txt")).read_text())
    module, _, function = names["console_scripts"]["crossover"].partition(":")
    code = f"import sys; from {module} import {function}; sys.argv[0] = 'crossover'; {function}()"
    given = {"PATH": os.environ["PATH"], "PYTHONPATH": str(place), "XDG_DATA_HOME": str(tmp_path / "home")}

    def run(*arguments: str) -> str:
        command = [sys.executable, "-P", "-c", code, *arguments]
        ran = subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    return run


def test_an_installed_crossover_keeps_its_data_in_a_folder_of_the_user(
    installed: Callable[..., str], tmp_path: Path
) -> None:
    assert "no issues" in installed("check")
    key = tmp_path / "home" / "crossover" / "secret-key"
    assert key.stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in (tmp_path / "folder").iterdir()) == ["answers.yaml", "core.py"]


def test_an_installed_crossover_finds_its_pages(installed: Callable[..., str]) -> None:
    stylesheet = installed("findstatic", "css/app.css", "--verbosity", "0")
    assert stylesheet.strip().endswith("advisor/shipped/static/css/app.css")
    code = (
        "from advisor.web.glossary import glossary; from django.template.loader import get_template; "
        "from advisor.places import COMMAND; print(len(glossary()), get_template('base.html').origin, COMMAND)"
    )
    terms, page, command = installed("shell", "--verbosity", "0", "--command", code).split()
    assert int(terms) > 20
    assert page.endswith("advisor/shipped/templates/base.html")
    assert command == "crossover", "what a report prints to be run again"


@pytest.mark.full
def test_an_installed_crossover_advises_and_simulates(installed: Callable[..., str]) -> None:
    """It compiles its own kernel, which takes a minute."""
    assert "Deliver by" in installed("advise", "answers.yaml")
    assert '"engine":"kernel"' in installed("simulate", "answers.yaml", "--format", "json", "--brief")

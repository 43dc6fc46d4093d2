"""The locks hold what pyproject.toml asks for, by hash, and name no host."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
RUNTIME, TEST = ROOT / "requirements.lock", ROOT / "requirements-test.lock"
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)")


def pins(lock: Path) -> dict[str, str]:
    """Normalised name to the version pinned, with the platform's condition where the lock has several versions."""
    versions = {}
    for line in lock.read_text().splitlines():
        pin = PIN.match(line)
        if pin:
            condition = line.partition(";")[2].strip(" \\")
            versions[f"{normalised(pin[1])}{';' if condition else ''}{condition}"] = pin[2]
    return versions


def names(lock: Path) -> set[str]:
    return {name.partition(";")[0] for name in pins(lock)}


def normalised(requirement: str) -> str:
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name, requirement
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def project() -> dict[str, list[str]]:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {"runtime": table["dependencies"], "test": table["optional-dependencies"]["test"]}


def test_every_dependency_is_pinned() -> None:
    assert {normalised(requirement) for requirement in project()["runtime"]} <= names(RUNTIME)
    assert {normalised(requirement) for requirement in project()["runtime"] + project()["test"]} <= names(TEST)


def test_the_test_lock_pins_what_runs() -> None:
    runtime, test = pins(RUNTIME), pins(TEST)
    assert {name: test.get(name) for name in runtime} == runtime


@pytest.mark.parametrize("lock", [RUNTIME, TEST], ids=lambda lock: lock.name)
def test_every_pin_has_a_hash(lock: Path) -> None:
    entries = re.split(r"^(?=[A-Za-z0-9])", lock.read_text(), flags=re.MULTILINE)[1:]
    assert entries
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", [RUNTIME, TEST], ids=lambda lock: lock.name)
def test_no_line_names_a_host(lock: Path) -> None:
    assert [line for line in lock.read_text().splitlines() if "://" in line or "index-url" in line] == []

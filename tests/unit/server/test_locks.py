"""The locks hold what pyproject.toml asks for, by hash, and name no host."""

import re
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
RUNTIME, TEST = ROOT / "requirements.lock", ROOT / "requirements-test.lock"
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)")


def pins(lock: Path) -> dict[str, set[str]]:
    """Normalised name to the versions pinned: several where they differ by platform.

    Conditions of platforms are left out: a package that the tests need on more platforms has a wider one in their lock.
    """
    versions = defaultdict(set)
    for line in lock.read_text().splitlines():
        pin = PIN.match(line)
        if pin:
            versions[normalised(pin[1])].add(pin[2])
    return versions


def normalised(requirement: str) -> str:
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name, requirement
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def project() -> dict[str, list[str]]:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {"runtime": table["dependencies"], "test": table["optional-dependencies"]["test"]}


def test_every_dependency_is_pinned() -> None:
    assert {normalised(requirement) for requirement in project()["runtime"]} <= pins(RUNTIME).keys()
    assert {normalised(requirement) for requirement in project()["runtime"] + project()["test"]} <= pins(TEST).keys()


def test_the_test_lock_pins_what_runs() -> None:
    runtime, test = pins(RUNTIME), pins(TEST)
    assert {name: versions for name, versions in runtime.items() if not versions <= test[name]} == {}


@pytest.mark.parametrize("lock", [RUNTIME, TEST], ids=lambda lock: lock.name)
def test_every_pin_has_a_hash(lock: Path) -> None:
    entries = re.split(r"^(?=[A-Za-z0-9])", lock.read_text(), flags=re.MULTILINE)[1:]
    assert entries
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", [RUNTIME, TEST], ids=lambda lock: lock.name)
def test_no_line_names_a_host(lock: Path) -> None:
    assert [line for line in lock.read_text().splitlines() if "://" in line or "index-url" in line] == []

"""What live tests share: this machine, as if it had been measured, and one fork server for designs that are run by themselves."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from simulator.live.run import design_run, folders, machine_capacity
from simulator.live.run.fork_server import ForkServer
from simulator.live.run.machine_capacity import Capacity
from tests.fakes.machines import calm_machine


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Holds the folders of this test's runs, of which none is left; its path is short."""
    temporary = tempfile.mkdtemp(prefix=f"cl-{os.getpid()}-", dir="/tmp")
    monkeypatch.setattr("tempfile.tempdir", temporary)
    yield folders.runs_folder()
    assert not list(folders.runs_folder().glob("run-*"))
    shutil.rmtree(temporary)


@pytest.fixture
def calm() -> Capacity:
    return calm_machine()


@pytest.fixture(autouse=True)
def measured(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, calm: Capacity) -> None:
    """So that no test depends on how busy it is, or waits for it to be measured; but for those of measuring itself, and those that hold
    the kernel to this machine at the speed that it proposes."""
    if request.node.get_closest_marker("full") is None and request.module.__name__ != "tests.live.test_capacity":
        monkeypatch.setattr(machine_capacity, "known", lambda *_: calm)


@pytest.fixture(scope="session")
def fork_server_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fork")


@pytest.fixture(scope="session")
def fork_server(fork_server_folder: Path) -> Iterator[ForkServer]:
    with ForkServer(fork_server_folder) as server:
        yield server


@pytest.fixture(autouse=True)
def _use_one_fork_server(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, fork_server_folder: Path
) -> None:
    monkeypatch.setattr(design_run, "ForkServer", lambda _: nullcontext(request.getfixturevalue("fork_server")))

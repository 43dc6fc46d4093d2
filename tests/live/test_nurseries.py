"""Parts that are forked from one process; `exit_with_parent` is a part that runs a program."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.live.run.nurseries import Born, Nursery
from simulator.live.run.processes import Part, PartFailed, end_all, environment

PATIENCE_S = 20.0


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with Nursery(tmp_path_factory.mktemp("nursery")) as nursery:
        nursery.wait_ready(PATIENCE_S, lambda: None)
        yield nursery


def born(nursery: Nursery, program: str, *arguments: str, log: Path | None = None) -> Born:
    part = Part("program", "exit_with_parent", arguments)
    with (log or Path(os.devnull)).open("ab") as said:
        return nursery.bear(part, Path(program), environment() | {"TOLD": "of this part alone"}, said)


def said(process: Born) -> bytes:
    assert process.stdout is not None
    return process.stdout.read()


def test_a_part_has_its_arguments_its_environment_and_its_standard_files(nursery: Nursery, tmp_path: Path) -> None:
    process = born(nursery, "/bin/sh", "-c", 'echo "$TOLD"; echo oh >&2; exit 3', log=tmp_path / "log")
    assert said(process) == b"of this part alone\n"
    assert process.wait(PATIENCE_S) == process.poll() == 3
    assert (tmp_path / "log").read_text() == "oh\n"
    assert "TOLD" not in os.environ
    end_all([process])


def test_whoever_kills_a_part_is_told_of(nursery: Nursery) -> None:
    process, other = born(nursery, "/bin/sleep", "60"), born(nursery, "/bin/sleep", "60")
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.05)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(PATIENCE_S) == -signal.SIGKILL
    assert other.poll() is None
    end_all([process, other])
    assert other.poll() is not None
    with pytest.raises(ProcessLookupError):
        os.kill(other.pid, 0)


def test_the_end_of_its_input_ends_a_part(nursery: Nursery) -> None:
    process = born(nursery, "/bin/sleep", "60")
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(PATIENCE_S) == 128 + signal.SIGTERM
    end_all([process])


def test_without_its_nursery_a_part_counts_as_ended_and_no_other_is_born(tmp_path: Path) -> None:
    with Nursery(tmp_path) as nursery:
        nursery.wait_ready(PATIENCE_S, lambda: None)
        process = born(nursery, "/bin/sleep", "60")
        os.kill(nursery.pid, signal.SIGKILL)
        assert process.wait(PATIENCE_S) == -signal.SIGKILL
        with pytest.raises(PartFailed, match="has ended"):
            born(nursery, "/bin/echo")
        end_all([process])

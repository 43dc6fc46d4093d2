"""The processes of a design's run: what they are started with, how their ends are reported, and that nothing is left of them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import resource_tracker
from pathlib import Path

import pytest
import redis

from core.processes.child_process import describe_exit, last_lines
from simulator.live.run.fork_server import ROOT, ForkServer, NoForkServer, process_environment
from simulator.live.run.processes import MOST_RESTARTS, ProcessFailed, ProcessGroup, ProcessSpec, listener
from simulator.live.system.config import ProcessConfig
from simulator.live.system.process import ProcessContext
from tests.live import fakes_processes
from tests.live.fakes_clients import a_plan, a_scenario

PATIENCE_S = 60.0
KEY = "sk-for-one-process-1234"


def config(folder: Path) -> ProcessConfig:
    return a_plan(folder, a_scenario())[0]


def idle() -> None:
    pass


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def check_until(group: ProcessGroup, finishes: str, holds: Callable[[], bool]) -> None:
    until(lambda: group.check(finishes=finishes) or holds())


def exists(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_process_has_what_it_was_started_with_and_no_more(
    fork_server: ForkServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CROSSOVER_EXTERNAL_KEY", "sk-of-the-controller")
    monkeypatch.setenv("HTTPS_PROXY", "http://user:password@proxy")
    sockets = listener(), listener()
    with sockets[0], sockets[1], ProcessGroup(config(tmp_path), fork_server) as group:
        for number, key in enumerate((KEY, None)):
            spec = ProcessSpec(f"it-{number}", fakes_processes.describe, sockets[number], number=number, api_key=key)
            group.start(spec)
        group.wait_ready(PATIENCE_S, idle)
        group.begin(4711)
        check_until(group, "it-0", lambda: len(list(tmp_path.glob("[01].json"))) == 2)
        ports = [bound.getsockname()[1] for bound in sockets]
    with_key, without = (json.loads((tmp_path / f"{number}.json").read_text()) for number in range(2))
    assert (with_key["number"], without["number"]) == (0, 1)
    assert (with_key["key"], without["key"]) == (KEY, None)
    assert [with_key["port"], without["port"]] == ports
    assert with_key["started_ns"] == 4711
    assert without["environment"] == process_environment()
    assert with_key["environment"] == process_environment() | {"HTTPS_PROXY": "http://user:password@proxy"}
    assert with_key["name"] in ("it-0", "")
    assert with_key["group"] and with_key["interruptible"] and not with_key["django"]
    assert (tmp_path / "it-0.log").read_text() == "spoken\nwhispered\n"
    printed = capfd.readouterr()
    assert "spoken" not in printed.out and "whispered" not in printed.err


@pytest.mark.skipif(sys.platform != "linux", reason="the environment of a process is in /proc")
def test_the_fork_server_starts_with_a_small_environment_and_one_thread(fork_server: ForkServer) -> None:
    fork_server.wait_ready(PATIENCE_S, idle)
    started_with = Path(f"/proc/{fork_server.pid}/environ").read_text().split("\0")
    assert {each.partition("=")[0] for each in started_with if each} == set(process_environment())
    assert "\nThreads:\t1\n" in Path(f"/proc/{fork_server.pid}/status").read_text()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_process_that_is_killed_fails_the_run_by_its_name_and_the_signal(
    fork_server: ForkServer, tmp_path: Path, number: signal.Signals
) -> None:
    with ProcessGroup(config(tmp_path), fork_server) as group:
        for name in ("endpoint", "clients"):
            group.start(ProcessSpec(name, fakes_processes.wait))
        group.wait_ready(PATIENCE_S, idle)
        assert not group.check(finishes="clients")
        os.kill(group.pid("endpoint"), number)
        with pytest.raises(ProcessFailed) as failed:
            check_until(group, "clients", lambda: False)
    killed = f"killed by signal {number.value} ({number.name})"
    assert str(failed.value) == f"endpoint of the event-driven design was {killed}."
    ((process, how, _, restarted),) = group.unexpected_exits
    assert (process, how, restarted) == ("endpoint", killed, False)


def test_a_process_that_does_not_get_ready_fails_the_run_with_the_end_of_its_log(
    fork_server: ForkServer, tmp_path: Path
) -> None:
    with ProcessGroup(config(tmp_path), fork_server) as group:
        group.start(ProcessSpec("accept", fakes_processes.fail))
        with pytest.raises(ProcessFailed) as failed:
            group.wait_ready(PATIENCE_S, idle)
    reason = str(failed.value)
    assert reason.startswith("accept of the event-driven design ended with exit code 1. Its log ends with:\n")
    assert reason.endswith("LookupError: no such queue")


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full")
def test_a_process_that_cannot_write_its_journal_ends_the_run(fork_server: ForkServer, tmp_path: Path) -> None:
    """It is not restarted: what it measured would be missing."""
    config(tmp_path).journal("it").symlink_to("/dev/full")
    with ProcessGroup(config(tmp_path), fork_server) as group:
        group.start(ProcessSpec("consumers-0", fakes_processes.journal, restarts=True))
        group.wait_ready(PATIENCE_S, idle)
        group.begin(1)
        with pytest.raises(ProcessFailed) as failed:
            check_until(group, "consumers-0", lambda: False)
    assert str(failed.value) == (
        "consumers-0 of the event-driven design could not write its journal; the disk may be full."
    )


def test_a_process_that_may_is_restarted_and_recorded(fork_server: ForkServer, tmp_path: Path) -> None:
    with ProcessGroup(config(tmp_path), fork_server) as group:
        group.start(ProcessSpec("consume-0", fakes_processes.wait, restarts=True))
        group.start(ProcessSpec("clients", fakes_processes.wait))
        group.wait_ready(PATIENCE_S, idle)
        group.begin(0)
        first = group.pid("consume-0")
        os.kill(first, signal.SIGKILL)
        check_until(group, "clients", lambda: group.pid("consume-0") != first)
        ((process, how, _, restarted),) = group.unexpected_exits
    assert (process, how, restarted) == ("consume-0", "killed by signal 9 (SIGKILL)", True)


def test_a_process_that_fails_again_and_again_fails_the_run(fork_server: ForkServer, tmp_path: Path) -> None:
    with ProcessGroup(config(tmp_path), fork_server) as group:
        group.start(ProcessSpec("consume-0", fakes_processes.fail_once_started, restarts=True))
        group.start(ProcessSpec("clients", fakes_processes.wait))
        group.begin(0)
        with pytest.raises(
            ProcessFailed, match=f"exit code 1, after {MOST_RESTARTS} restarts. .*\n(?s:.*)no such queue"
        ):
            check_until(group, "clients", lambda: False)
    assert [exit_.restarted for exit_ in group.unexpected_exits] == [True] * MOST_RESTARTS + [False]


def test_a_broker_that_is_killed_is_the_reason_whatever_else_ends_with_it(
    fork_server: ForkServer, tmp_path: Path
) -> None:
    broker = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
    with ProcessGroup(config(tmp_path), fork_server, broker) as group:
        for name in ("accept", "clients"):
            group.start(ProcessSpec(name, fakes_processes.wait))
        group.wait_ready(PATIENCE_S, idle)
        broker.kill()
        os.kill(group.pid("accept"), signal.SIGTERM)
        with pytest.raises(ProcessFailed) as failed:
            check_until(group, "clients", lambda: False)
    assert str(failed.value) == "broker of the event-driven design was killed by signal 9 (SIGKILL)."
    with pytest.raises(ProcessFailed) as explained, group.explaining():
        raise redis.ConnectionError("refused")
    assert str(explained.value) == str(failed.value)
    assert broker.stdin is not None
    broker.stdin.close()


@pytest.mark.parametrize("run", [fakes_processes.start_child, fakes_processes.fork_twice])
def test_what_a_process_has_started_ends_with_it(
    fork_server: ForkServer, tmp_path: Path, run: Callable[[ProcessContext], None]
) -> None:
    with ProcessGroup(config(tmp_path), fork_server) as group:
        group.start(ProcessSpec("workers", run, restarts=True))
        group.start(ProcessSpec("clients", fakes_processes.wait))
        group.wait_ready(PATIENCE_S, idle)
        first, child = group.pid("workers"), int((tmp_path / "child").read_text())
        os.kill(first, signal.SIGKILL)
        check_until(group, "clients", lambda: group.pid("workers") != first)
        until(lambda: not exists(child))
        until(lambda: int((tmp_path / "child").read_text()) != child)
        second = int((tmp_path / "child").read_text())
        assert exists(second)
    until(lambda: not exists(second))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the fork server")
def test_a_fork_server_that_is_killed_fails_the_run_and_leaves_no_process(tmp_path: Path) -> None:
    with ForkServer(tmp_path) as server:
        server.wait_ready(PATIENCE_S, idle)
        with ProcessGroup(config(tmp_path), server) as group:
            group.start(ProcessSpec("clients", fakes_processes.wait))
            group.wait_ready(PATIENCE_S, idle)
            pid = group.pid("clients")
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            with pytest.raises(NoForkServer, match=r"fork server of the live run was killed by signal 9 \(SIGKILL\)"):
                check_until(group, "clients", lambda: False)
            with pytest.raises(NoForkServer):
                group.start(ProcessSpec("late", fakes_processes.wait))
        until(lambda: not exists(pid))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the fork server")
def test_a_fork_server_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.live.run.fork_server.ROOT", tmp_path)
    with (
        ForkServer(tmp_path) as server,
        pytest.raises(NoForkServer, match=r"exit code 1\.(?s:.*)No module named 'simulator"),
    ):
        server.wait_ready(PATIENCE_S, idle)


CONTROLLER = """
import sys
from multiprocessing import resource_tracker
from pathlib import Path
from simulator.live.run.fork_server import ForkServer
from simulator.live.run.processes import ProcessGroup, ProcessSpec
from simulator.live.system.config import ProcessConfig
from tests.live import fakes_processes

def main():
    folder = Path(sys.argv[1])
    with ForkServer(folder) as server, ProcessGroup(ProcessConfig.read(folder / "plan.json"), server) as group:
        group.start(ProcessSpec("workers", fakes_processes.start_child))
        group.wait_ready(20, lambda: None)
        print(server.pid, group.pid("workers"), (folder / "child").read_text(), resource_tracker._resource_tracker._pid, flush=True)
        sys.stdin.readline()
    print("left", flush=True)
    sys.stdin.readline()

main()
"""
"""Without the usual guard: multiprocessing would run it again in each process if it imported its parent's main module."""


@pytest.mark.parametrize("killed", [True, False])
def test_nothing_is_left_when_the_controller_is_killed_or_goes_on_to_other_work(
    tmp_path: Path, *, killed: bool
) -> None:
    config(tmp_path)
    script = tmp_path / "controller.py"
    script.write_text(CONTROLLER)
    command = [sys.executable, str(script), str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as controller:
        assert controller.stdin is not None and controller.stdout is not None
        pids = [int(pid) for pid in controller.stdout.readline().split()]
        assert len(pids) == 4 and all(map(exists, pids))
        if killed:
            controller.kill()
        else:
            controller.stdin.write("\n")
            controller.stdin.flush()
            assert controller.stdout.readline() == "left\n"
            assert not any(map(exists, pids))
            assert not (tmp_path / "fork-server.sock").exists()
        until(lambda: not any(map(exists, pids)))
        controller.kill()


def test_a_resource_tracker_that_was_there_before_stays(fork_server: ForkServer, tmp_path: Path) -> None:
    resource_tracker.ensure_running()
    before = resource_tracker.getfd()
    with ForkServer(tmp_path) as server:
        server.wait_ready(PATIENCE_S, idle)
    assert resource_tracker.getfd() == before


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (0, "ended with exit code 0"),
        (1, "ended with exit code 1"),
        (-9, "was killed by signal 9 (SIGKILL)"),
        (137, "was killed by signal 9 (SIGKILL)"),
        (255, "ended with exit code 255"),
        (128, "ended with exit code 128"),
    ],
)
def test_an_exit_code_in_words(code: int, sentence: str) -> None:
    assert describe_exit(code).sentence == sentence


def test_only_whole_last_lines_of_a_log_are_quoted(tmp_path: Path) -> None:
    log = tmp_path / "it.log"
    assert last_lines(log) == ""
    log.write_text("\n".join(f"line {number}" for number in range(1000)))
    quoted = last_lines(log).splitlines()
    assert quoted[0] == " Its log ends with:"
    assert quoted[1:] == [f"line {number}" for number in range(1000 - len(quoted) + 1, 1000)]
    assert len(quoted) > 20

"""Children that end, children that ignore signals, and the end of all of them."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from advisor.server.supervisor import END_SIGNALS, FIRST_BACKOFF_S, SETTLED_S, Child, Supervisor
from core.errors import CannotRun
from core.processes import exit_with_parent
from simulator.live.run.processes import is_stopped

SLEEPS = "import time; time.sleep(60)"
IGNORES_SIGTERM = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open('ignoring', 'w'); time.sleep(60)"
)
PATIENCE_S = 10


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    child = of_code(SLEEPS, tmp_path)
    yield child
    child.kill()


def of_code(code: str, folder: Path, name: str = "sleeper") -> Child:
    return Child(name, lambda: [sys.executable, "-c", code], os.environ | {"PYTHONPATH": os.getcwd()}, folder)  # noqa: PTH109


def until_ended(child: Child) -> int:
    assert child.process is not None
    return child.process.wait(PATIENCE_S)


def test_a_child_that_ends_starts_again_after_its_backoff(child: Child) -> None:
    child.start()
    first = child.pid
    child.kill()
    until_ended(child)
    now = time.monotonic()
    child.tend(now)
    assert child.process is None
    child.tend(now + FIRST_BACKOFF_S)
    assert child.pid not in (None, first)


def test_the_backoff_grows_and_starts_afresh_for_one_that_had_settled(child: Child) -> None:
    now = time.monotonic()
    for failures in (1, 2):
        child.start()
        child.kill()
        until_ended(child)
        child.tend(now)
        assert child.due_at - now == pytest.approx(FIRST_BACKOFF_S * 2 ** (failures - 1))
    child.start()
    child.kill()
    until_ended(child)
    child.tend(now + 2 * SETTLED_S)
    assert child.failures == 1


def test_how_a_child_ended_is_known_after_it_has_ended_again(child: Child) -> None:
    pids = []
    for _ in range(2):
        child.start()
        pids.append(child.pid)
        child.kill()
        until_ended(child)
        child.tend(time.monotonic())
    assert list(child.exits) == [(pid, "was killed by signal 9 (SIGKILL)") for pid in pids]


def test_what_keeps_it_from_starting_is_tried_again(child: Child) -> None:
    def obstruct() -> None:
        raise CannotRun("There is no room.")

    child.before_start = obstruct
    child.tend(0)
    assert (child.process, child.failures) == (None, 1)
    child.before_start = lambda: None
    child.tend(FIRST_BACKOFF_S)
    assert child.process is not None


def test_what_it_printed_is_in_its_log(tmp_path: Path) -> None:
    child = of_code("print('a word')", tmp_path)
    child.start()
    until_ended(child)
    assert (tmp_path / "sleeper.log").read_text() == "a word\n"


def test_leaving_ends_every_child(tmp_path: Path, child: Child) -> None:
    with Supervisor() as supervised:
        supervised.start(child)
    assert until_ended(child) == -signal.SIGTERM


def test_one_that_ignores_sigterm_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ignoring = of_code(IGNORES_SIGTERM, tmp_path)
    with Supervisor([(number, 0.1) for number, _ in END_SIGNALS]) as supervised:
        supervised.start(ignoring)
        eventually((tmp_path / "ignoring").exists)
    assert until_ended(ignoring) == -signal.SIGKILL


def test_the_broker_ends_last(tmp_path: Path) -> None:
    ended: list[str] = []

    class Watched(Child):
        def terminate(self) -> None:
            ended.append(self.name)
            super().terminate()

    sleeps = of_code(SLEEPS, tmp_path).command
    broker, worker = (Watched(name, sleeps, os.environ, tmp_path) for name in ("broker", "worker"))
    with Supervisor() as supervised:
        supervised.start(broker)
        supervised.start(worker)
    assert ended[0] == "worker"
    assert "worker" not in ended[ended.index("broker") :]


def test_sigterm_ends_the_tending(child: Child) -> None:
    with Supervisor() as supervised:
        supervised.start(child)
        supervised.tend(lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert child.has_ended()


@pytest.mark.slow
def test_one_that_never_starts_is_given_up(tmp_path: Path) -> None:
    failing = of_code("raise SystemExit(3)", tmp_path)
    with Supervisor() as supervised, pytest.raises(CannotRun, match=r"sleeper does not start.*sleeper\.log"):
        supervised.start(failing)
        supervised.tend(lambda: None)


def test_a_child_exits_when_its_parent_closes_the_pipe(tmp_path: Path) -> None:
    on = tmp_path / "on"
    child = of_code(
        f"from core.processes import exit_with_parent; exit_with_parent.watch(); open({str(on)!r}, 'w'); {SLEEPS}",
        tmp_path,
    )
    child.start()
    eventually(on.exists)
    assert child.process is not None
    assert child.process.stdin is not None
    child.process.stdin.close()
    assert until_ended(child) == -signal.SIGTERM


def watched(code: str, folder: Path) -> Child:
    """A child that runs the code in a program below the parent watch."""
    child = of_code("", folder)
    child.command = lambda: [sys.executable, "-P", exit_with_parent.__file__, sys.executable, "-c", code]
    return child


def test_a_watched_program_passes_its_exit_status_on(tmp_path: Path) -> None:
    child = watched("raise SystemExit(7)", tmp_path)
    child.start()
    assert until_ended(child) == 7


def test_a_watched_program_ends_when_its_parent_closes_the_pipe(tmp_path: Path) -> None:
    child = watched(f"open({str(tmp_path / 'on')!r}, 'w'); {SLEEPS}", tmp_path)
    child.start()
    eventually((tmp_path / "on").exists)
    assert child.process is not None
    assert child.process.stdin is not None
    child.process.stdin.close()
    assert until_ended(child) == 128 + signal.SIGTERM


@pytest.mark.skipif(sys.platform != "linux", reason="the state of a process is in /proc")
def test_a_stopped_program_ends_when_its_parent_closes_the_pipe(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    stops = f"import os, signal; open({str(pid)!r}, 'w').write(str(os.getpid())); os.kill(os.getpid(), signal.SIGSTOP); {SLEEPS}"
    child = watched(stops, tmp_path)
    child.start()
    eventually(lambda: pid.exists() and is_stopped(int(pid.read_text() or 0)))
    assert child.process is not None
    assert child.process.stdin is not None
    child.process.stdin.close()
    assert until_ended(child) == 128 + signal.SIGTERM


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)

"""Designs whose processes are killed: what is said, what is recorded; and the work that a synchronous service goes on with."""

import errno
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from core.errors import CannotRun
from simulator.live.errors import ProcessFailed
from simulator.live.run import design_run, processes
from simulator.live.run.design_run import DesignRun, DesignSetup, run_design
from simulator.live.run.draw_jobs import draw_jobs
from simulator.live.run.folders import run_folder
from simulator.live.run.fork_server import ForkServer
from simulator.live.system.config import ProcessConfig
from simulator.live.system.journal import EventType
from simulator.result import Design
from simulator.scenario import Scenario
from tests.live.fakes_kills import KnownProcesses, kill

WORDS = {"synchronous": "the synchronous design", "event_driven": "the event-driven design"}


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(design_run, "ProcessGroup", KnownProcesses)


def run(design: Design, act: Callable[[DesignRun], bool], drain_s: float = 20.0, **given: Any) -> DesignRun:
    """`act` is called while the design runs, until it returns true."""
    quick = {
        "jobs": 40,
        "arrivals": {"process": "regular", "rate_per_s": 20.0},
        "service": {"distribution": "deterministic", "mean_s": 0.4},
        "synchronous": {"workers": 10},
        "event_driven": {"consumers": 10, "discipline": "dedicated", "delivery": {"method": "sse"}},
    }
    scenario = Scenario.parse(quick | given)
    jobs, acted = draw_jobs(scenario, design), False

    def watch(live: DesignRun | None) -> None:
        nonlocal acted
        if live is not None and not acted:
            acted = act(live)

    with run_folder(f"test-{uuid4().hex}") as folder:
        return run_design(DesignSetup(scenario, design, jobs, 1.0, drain_s, "document_extraction"), folder, watch)


def kill_once_calls_are_under_way(process: str) -> Callable[[DesignRun], bool]:
    def act(live: DesignRun) -> bool:
        what = live.rows["what"]
        if (what == EventType.CALLED).sum() - (what == EventType.ANSWERED).sum() < 3:
            return False
        if process == "broker":
            os.kill(server_of(KnownProcesses.latest.broker_pid), signal.SIGKILL)
        else:
            kill(process)
        return True

    return act


def server_of(wrapper: int) -> int:
    (child,) = Path(f"/proc/{wrapper}/task/{wrapper}/children").read_text().split()
    return int(child)


@pytest.mark.parametrize(
    ("design", "process"),
    [
        ("synchronous", "endpoint"),
        ("synchronous", "service"),
        ("synchronous", "clients"),
        ("synchronous", "broker"),
        ("event_driven", "accept"),
        ("event_driven", "clients"),
        ("event_driven", "broker"),
    ],
)
def test_the_kill_of_a_process_is_said_by_its_name_and_signal(design: Design, process: str) -> None:
    with pytest.raises(ProcessFailed) as failed:
        run(design, kill_once_calls_are_under_way(process))
    reason = str(failed.value)
    assert reason.startswith(f"{process} of {WORDS[design]} was killed by signal 9 (SIGKILL).")
    assert "Traceback" not in reason


def stop(process: str) -> Callable[[DesignRun], bool]:
    def act(live: DesignRun) -> bool:
        os.kill(KnownProcesses.latest.pid(process), signal.SIGSTOP)
        return True

    return act


@pytest.mark.skipif(sys.platform != "linux", reason="the state of a process is in /proc")
@pytest.mark.parametrize(
    ("design", "process"),
    [("synchronous", "service"), ("event_driven", "consumers-0"), ("event_driven", "rate-limiter")],
)
def test_a_process_that_is_stopped_ends_the_run(design: Design, process: str) -> None:
    """What would be measured from then on is not the design's."""
    with pytest.raises(ProcessFailed) as failed:
        run(design, stop(process), provider={"max_concurrency": 5})
    assert str(failed.value) == f"{process} of {WORDS[design]} was stopped by a signal, such as SIGSTOP."


def test_clients_that_hang_do_not_keep_the_run_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(design_run, "CUT_PATIENCE_S", 0.5)
    monkeypatch.setattr(processes, "is_stopped", lambda _: False)
    with pytest.raises(ProcessFailed, match=r"^clients of the synchronous design went on for 0\.5 s after"):
        run("synchronous", stop("clients"), drain_s=0.5)


def test_a_full_disk_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(config: ProcessConfig) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(ProcessConfig, "write", write)
    with pytest.raises(CannotRun, match=r"^a file of the run cannot be used: No space left on device\.$"):
        run("synchronous", lambda _: True)


def test_a_fork_server_that_is_stopped_goes_on(fork_server: ForkServer) -> None:
    """It reports the ends of all processes, and starts consumers anew."""

    def act(live: DesignRun) -> bool:
        assert fork_server.pid is not None
        os.kill(fork_server.pid, signal.SIGSTOP)
        kill("scheduler")
        return True

    live = run("event_driven", act)
    assert [(end.process, end.restarted) for end in live.process_ends] == [("scheduler", True)]
    assert (live.rows["what"] == EventType.COMPUTED).sum() == 40


def test_the_end_of_a_process_that_is_restarted_is_recorded_with_the_jobs_it_had_in_hand() -> None:
    in_hand: list[int] = []

    def act(live: DesignRun) -> bool:
        own = live.rows[np.isin(live.rows["what"], (EventType.STARTED, EventType.FREED))]
        started, freed = ((own["what"] == what).sum() for what in (EventType.STARTED, EventType.FREED))
        if started - freed < 6:
            return False
        kill("consumers-0")
        in_hand.append(int(started - freed))
        return True

    live = run("event_driven", act, drain_s=2.0)
    (end,) = live.process_ends
    assert (end.design, end.process, end.how) == ("event_driven", "consumers-0", "killed by signal 9 (SIGKILL)")
    assert end.restarted
    assert 1 <= end.jobs_in_hand < in_hand[0], "its own, not those of the other process"
    assert 0.0 < end.at_s < 5.0


IMPATIENT: dict[str, Any] = {
    "jobs": 6,
    "synchronous": {"workers": 1, "client_timeout_s": 0.2},
    "service": {"distribution": "deterministic", "mean_s": 0.3},
}


def test_a_service_finishes_what_its_clients_have_abandoned() -> None:
    finished = run("synchronous", lambda _: True, **IMPATIENT)
    what = finished.rows["what"]
    assert (
        (what == EventType.TIMED_OUT).sum()
        == (what == EventType.FREED).sum()
        == (what == EventType.PROVIDER_CALL).sum()
        == 6
    )
    assert finished.unfinished_calls == 0
    last_client_ns = finished.rows["at_ns"][what == EventType.TIMED_OUT].max()
    assert finished.rows["at_ns"][what == EventType.FREED].max() > last_client_ns


def test_a_service_hands_results_to_subscribers_for_clients_that_have_gone() -> None:
    hooks = {"count": 3, "handling_p50_s": 0.1, "handling_p95_s": 0.1, "inline": "one_by_one"}
    finished = run("synchronous", lambda _: True, **IMPATIENT, subscribers=hooks)
    what = finished.rows["what"]
    assert (what == EventType.TIMED_OUT).sum() == (what == EventType.FREED).sum() == 6
    assert (what == EventType.HANDLED).sum() == 2 * 6


def test_what_a_service_has_not_finished_within_the_limit_is_counted() -> None:
    finished = run("synchronous", lambda _: True, drain_s=0.5, **IMPATIENT)
    assert 0 < finished.unfinished_calls < 6

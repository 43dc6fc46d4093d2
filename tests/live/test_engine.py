"""The live engine end to end: what it finds, what it refuses, and that it leaves nothing behind."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import CannotRun, InvalidInput
from simulator.live.errors import RunBroken
from simulator.live.run import design_run, engine, folders, machine_capacity, run_plan
from simulator.live.run.fork_server import ROOT
from simulator.live.run.machine_capacity import CAUTIOUS, Capacity
from simulator.live.run.processes import ProcessSpec
from simulator.live.run.run_plan import plan_live_run
from simulator.live.run.window import simulate_window
from simulator.plan import EVENT_DRIVEN
from simulator.replications import Progress
from simulator.result import Result
from simulator.scenario import Scenario
from tests.live import fakes_processes
from tests.live.fakes_kills import KnownProcesses, kill
from tests.outcomes import OUTCOMES


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, place: Path, calm: Capacity) -> None:
    machine_capacity.keep(calm)
    monkeypatch.setattr(run_plan, "DEFAULT_S", 2.0)
    monkeypatch.setattr(run_plan, "LONGEST_DEFAULT_S", 2.0)
    monkeypatch.setattr("simulator.live.run.calibrate.SECONDS", 0.7)


def scenario(**given: object) -> Scenario:
    return Scenario.model_validate(
        {
            "seed": 7,
            "arrivals": {"process": "poisson", "rate_per_s": 2},
            "service": {"distribution": "exponential", "mean_s": 3},
            "deadline_s": 20,
            "failures": {"transient_percent": 10, "poison_percent": 2},
            "retries": {"max": 2, "base_s": 0.5},
            "synchronous": {"workers": 6, "backlog": 20, "client_timeout_s": 15},
            "event_driven": {
                "consumers": 6,
                "queues": {"urgent": 30, "standard": 70},
                "delivery": {"method": "sse"},
            },
        }
        | given
    )


def processes() -> list[int]:
    completed = subprocess.run(["pgrep", "-f", f"cl-{os.getpid()}-"], capture_output=True, text=True, check=False)
    return [int(pid) for pid in completed.stdout.split()]


def test_it_runs_both_designs_on_the_same_jobs_and_accounts_for_each() -> None:
    steps: list[Progress] = []
    result = engine.simulate_live(scenario(), on_progress=steps.append)
    assert result.engine == "live"
    assert result.live is not None
    for design in (result.synchronous, result.event_driven):
        assert design.offered == result.live.jobs > 40
        assert design.offered == sum(getattr(design, name) for name in OUTCOMES)
        assert design.lost == design.in_system == 0
    assert (result.live.process_ends, result.live.restarts, result.live.unfinished_calls) == ((), 0, 0)
    assert result.live.load_average is not None and result.live.load_average.cores == os.cpu_count()
    assert result.event_driven.dead_lettered == result.live.predicted_event_driven.dead_lettered
    assert result.event_driven.provider_calls == result.live.predicted_event_driven.provider_calls
    assert Result.model_validate_json(result.model_dump_json(by_alias=True)) == result
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    assert any(step.so_far is not None for step in steps)
    assert not processes()


def test_what_progress_raises_ends_everything_within_two_seconds() -> None:
    class Cancelled(Exception):
        pass

    raised = 0.0

    def cancel(progress: Progress) -> None:
        nonlocal raised
        if progress.step.startswith("Running the event-driven") or progress.step.startswith("Running the synchronous"):
            raised = time.monotonic()
            raise Cancelled

    with pytest.raises(Cancelled):
        engine.simulate_live(scenario(), on_progress=cancel)
    assert time.monotonic() - raised < 2
    assert not processes()


CONTROLLER = """
import os, sys
import tempfile
tempfile.tempdir = sys.argv[1]
from simulator.live.run import engine
from simulator.scenario import Scenario
def report(progress):
    print(progress.step, flush=True)
engine.simulate_live(Scenario.model_validate_json(sys.stdin.read()), on_progress=report)
"""


def test_after_a_kill_of_the_controller_its_processes_end_and_the_next_run_removes_its_folder(place: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", CONTROLLER, str(place.parent)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    ) as controller:
        assert controller.stdin is not None and controller.stdout is not None
        controller.stdin.write(scenario().model_dump_json(by_alias=True))
        controller.stdin.close()
        for line in controller.stdout:
            if line.startswith("Running"):
                break
        controller.send_signal(signal.SIGKILL)
    assert list(place.glob("run-*"))
    deadline = time.monotonic() + 10
    while processes() and time.monotonic() < deadline:
        os.sched_yield()
    assert not processes()
    with folders.run_folder("next") as own:
        assert list(place.glob("run-*")) == [own]


def test_other_runs_are_counted_and_the_folder_of_one_under_way_is_kept() -> None:
    with folders.run_folder("mine") as mine:
        assert folders.count_other_runs(mine) == 0
        with folders.run_folder("other"):
            assert folders.count_other_runs(mine) == 1
            assert folders.find_running("mine") == mine
        assert folders.count_other_runs(mine) == 0
        with pytest.raises(BlockingIOError), folders.run_folder("mine"):
            pass
    assert folders.find_running("mine") is None


def test_a_look_at_other_runs_keeps_none_from_starting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a folder is held is tried on its own lock, which a run that starts takes without waiting: only one of them at a time."""
    looks: list[str] = []

    def is_held(folder: Path) -> bool:
        with (folders.runs_folder() / folders.LOCK).open() as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        looks.append(folder.name)
        return True

    with folders.run_folder("mine") as mine, folders.run_folder("other") as other:
        monkeypatch.setattr(folders, "_is_held", is_held)
        assert folders.count_other_runs(mine) == 1
        assert folders.find_running("mine") == mine
    assert looks == [other.name, mine.name]


def test_a_run_that_begins_and_ends_while_another_runs_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as other:
        other_began = False

        def watch(progress: Progress) -> None:
            nonlocal other_began
            so_far = progress.so_far
            if not other_began and so_far is not None:
                other_began = True
                other.enter_context(folders.run_folder("other"))
            if so_far is not None and so_far.event_driven is not None:
                other.close()

        result = engine.simulate_live(scenario(), on_progress=watch)
    assert result.live is not None
    assert result.live.other_runs == 1


def test_a_process_that_does_not_start_fails_the_run_with_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    specs = design_run._process_specs

    def with_a_fault(*given: Any) -> list[ProcessSpec]:
        return [replace(spec, run=fakes_processes.fail) if spec.name == "accept" else spec for spec in specs(*given)]

    monkeypatch.setattr(design_run, "_process_specs", with_a_fault)
    with pytest.raises(
        CannotRun, match=r"accept of the event-driven design ended with exit code 1(?s:.*)no such queue"
    ):
        engine.simulate_live(scenario())
    assert not processes()


def test_a_run_that_breaks_keeps_the_design_that_has_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(design_run, "ProcessGroup", KnownProcesses)
    killed = False

    def kill_accept(progress: Progress) -> None:
        nonlocal killed
        so_far = progress.so_far
        if not killed and so_far is not None and so_far.event_driven is not None:
            killed = True
            kill("accept")

    with pytest.raises(RunBroken) as broken:
        engine.simulate_live(scenario(), on_progress=kill_accept)
    so_far = broken.value.so_far
    assert str(broken.value) == so_far.failed
    assert str(broken.value).startswith("accept of the event-driven design was killed by signal 9 (SIGKILL).")
    assert so_far.finished == ("synchronous",)
    assert so_far.synchronous is not None and so_far.event_driven is not None
    assert so_far.synchronous.offered == sum(getattr(so_far.synchronous, name) for name in OUTCOMES) > 10
    assert so_far.synchronous.in_system == 0
    assert not processes()


def test_it_refuses_what_it_does_not_do() -> None:
    with pytest.raises(InvalidInput, match="hybrid"):
        engine.simulate_live(scenario(hybrid={"inline_wait_s": 5}))


def test_a_speed_that_would_measure_the_machine_is_refused_with_the_reason() -> None:
    with pytest.raises(InvalidInput, match=r"speed.*at most 12 here: a mean service time of 3 s has to last 240 ms"):
        engine.simulate_live(scenario(), speed=200)


@pytest.mark.parametrize(("jobs", "shown"), [(298, False), (299, True)])
def test_a_run_without_a_miss_shows_99_percent_from_299_jobs_on(jobs: int, shown: bool) -> None:
    """The exact bound is what so few jobs show."""
    asked = Scenario.model_validate(
        {
            "jobs": jobs,
            "deadline_s": 60,
            "arrivals": {"process": "regular", "rate_per_s": 10},
            "service": {"distribution": "deterministic", "mean_s": 1},
        }
    )
    plan = plan_live_run(asked, seconds=60)
    run = engine.LiveRun(
        folder=Path(),
        server=None,  # type: ignore[arg-type]  it starts nothing
        plan=plan,
        capacity=CAUTIOUS["threads"],
        machine=engine.MachineState(load=0.0, other_runs=0),
        workload="document_extraction",
        key=None,
        report=lambda _: None,
    )
    result = run.result_of(simulate_window(plan.window.scenario, plan.window.trace, None)[EVENT_DRIVEN])
    assert result.good == result.offered == jobs
    assert result.conclusion == ("meets" if shown else "unresolved")

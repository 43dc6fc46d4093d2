"""Any process may be killed in the middle of a run: the run ends once, with one result."""

import os
import random
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.conftest import TERMINAL, RunConsole, StartSite, kill, pid_of
from tests.sites import END_S, START_S, eventually, is_alive

LONG = {"jobs": 500_000, "replications": 20}
"""Seconds of work, so that there is a middle to be killed in."""
LONGEST = LONG | {"replications": 900}
"""More than is done in any of these tests."""
OpenConsole = Callable[..., RunConsole]
EMBEDDED = {"REDIS_URL": ""}
"""Also where the other tests use an outside broker: this one is ours to kill."""

SEEDS = [pytest.param(seed, marks=pytest.mark.full if seed else ()) for seed in range(20)]


def begun(console: RunConsole, run: str, share: float = 0.0) -> dict[str, object]:
    """Wait until it is running and so far along."""
    row: dict[str, object] = {}

    def is_so_far() -> bool:
        row.update(console.look(run))
        assert row["state"] not in TERMINAL, row
        return row["state"] == "running" and float(str(row["progress_fraction"])) > share

    eventually(is_so_far, START_S, lambda: f"{run} is {row}")
    return row


@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_worker_and_a_killed_broker_come_back_and_each_run_ends_once(
    seed: int, start_site: StartSite, open_console: OpenConsole
) -> None:
    """One site for both, each with a run that is under way."""
    site, console = start_site("--workers", "1", **EMBEDDED), open_console(**EMBEDDED)
    run = console.start(**LONG)
    row = begun(console, run, random.Random(seed).uniform(0, 0.3))
    worker = int(str(row["worker"]).rpartition(":")[2])
    kill(worker)
    eventually(
        lambda: console.look(run)["attempt"] == 2, START_S, lambda: site.with_output(f"{run} is {console.look(run)}")
    )
    end = console.until_done(run)
    assert (end["state"], end["attempt"], end["lost_leases"], end["has_result"]) == ("succeeded", 2, 1, True)
    assert pid_of(site, "run_worker") != worker

    running = console.start(**LONG)
    queued = [console.start() for _ in range(5)]
    begun(console, running, random.Random(seed).uniform(0, 0.3))
    kill(pid_of(site, "valkey-server unixsocket"))
    unqueued = console.start(notifies=False)  # as after a request while the broker is gone
    ends = [console.until_done(run) for run in [running, *queued, unqueued]]
    assert {(end["state"], end["attempt"], end["has_result"]) for end in ends} == {("succeeded", 1, True)}
    site.until_ready()


@pytest.mark.parametrize("seed", SEEDS)
def test_after_everything_was_killed_the_next_start_finishes_the_work_and_ctrl_c_costs_a_run_nothing(
    seed: int, start_site: StartSite, open_console: OpenConsole
) -> None:
    site, console = start_site("--workers", "1"), open_console()
    running = console.start(**LONG)
    queued = [console.start() for _ in range(5)]
    begun(console, running, random.Random(seed).uniform(0, 0.3))
    everything = [site.process.pid, *site.children()]
    for pid in everything:
        kill(pid)
    site = start_site("--workers", "1")
    ends = [console.until_done(run) for run in [running, *queued]]
    assert {(end["state"], end["has_result"]) for end in ends} == {("succeeded", True)}
    assert (ends[0]["attempt"], ends[0]["lost_leases"]) == (2, 1)
    assert {end["attempt"] for end in ends[1:]} == {1}

    run = console.start(**LONGEST)
    begun(console, run)
    children = site.children()
    assert site.end(signal.SIGINT) == 0
    assert [command for pid, command in children.items() if is_alive(pid)] == []
    row = console.look(run)
    assert (row["state"], row["lost_leases"]) == ("queued", 0)


@pytest.mark.full
def test_a_worker_that_hangs_in_a_map_is_ended_and_the_map_is_drawn(
    start_site: StartSite, open_console: OpenConsole
) -> None:
    site, console = start_site("--workers", "2"), open_console()
    sweep = console.ask("start_map", cells=40, jobs=1_000_000)

    def look() -> dict[str, Any]:
        return dict(console.ask("look_at_map", sweep=sweep))

    eventually(lambda: look()["running"], START_S, lambda: site.with_output(f"The map is {look()}"))
    hung = int(look()["running"][0]["worker"].rpartition(":")[2])
    os.kill(hung, signal.SIGSTOP)
    eventually(lambda: look()["lost_leases"] == 1, START_S, lambda: site.with_output(f"The map is {look()}"))
    eventually(lambda: look()["state"] == "succeeded", START_S, lambda: site.with_output(f"The map is {look()}"))
    eventually(lambda: not is_alive(hung), START_S, lambda: site.with_output(f"{hung} still hangs"))
    assert look()["lost_leases"] == 1


def test_a_run_past_its_limit_is_timed_out_and_processes_end_by_themselves_when_up_is_killed(
    start_site: StartSite, open_console: OpenConsole
) -> None:
    site = start_site("--workers", "1", CROSSOVER_RUN_TIME_LIMIT_S="5")
    console = open_console(CROSSOVER_RUN_TIME_LIMIT_S="5")
    run = console.start(**LONGEST)
    begun(console, run)
    end = console.until_done(run)
    assert (end["state"], end["has_result"]) == ("timed_out", False)

    site.until_ready()
    children = site.children()
    site.kill()
    eventually(lambda: not any(map(is_alive, children)), END_S, lambda: f"Left over: {children}")

"""The event-driven design with all its real parts: a broker, rq workers, retries, dead letters, a consumer that is killed."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import redis
from numpy.typing import NDArray

from simulator.live import dead_letters
from simulator.live.conducting import Performance, Stage, Watch, perform
from simulator.live.drawing import draw_jobs
from simulator.live.event_driven.desk import ALIVE, RUNNING, Desk, Letter
from simulator.live.folders import run_folder
from simulator.live.journal import What
from simulator.scenario import Scenario

DEDICATED = {"discipline": "dedicated", "consumers": 8}


def a_live_run(given: dict[str, Any], watch: Watch = lambda found: None, drain_s: float = 20.0) -> Performance:
    """Both ends and everything between them, in seconds of this machine."""
    base = {"jobs": 60, "arrivals": {"process": "regular", "rate_per_s": 40.0}, "event_driven": DEDICATED}
    quick = {"distribution": "deterministic", "mean_s": 0.05}
    scenario = Scenario.parse(base | {"service": quick} | given)
    jobs = draw_jobs(scenario, "event_driven")
    with run_folder(f"test-{uuid4().hex}") as folder:
        return perform(Stage(scenario, "event_driven", jobs, 1.0, drain_s, "document_extraction"), folder, watch)


def jobs_of(found: Performance, *whats: What) -> NDArray[np.int32]:
    """The job of every row of these kinds."""
    return found.rows["job"][np.isin(found.rows["what"], whats)]


def every_accepted_job_has_one_end(found: Performance) -> None:
    """Told to its caller once, and given to it by the consumers once."""
    accepted = jobs_of(found, What.ACCEPTED)
    ends = jobs_of(found, What.COMPUTED, What.GAVE_UP, What.EXPIRED)
    told = jobs_of(found, What.IN_HAND, What.TOLD_FAILED, What.UNDELIVERED)
    assert sorted(accepted) == list(range(len(found.stage.jobs)))
    assert sorted(ends) == sorted(accepted)
    assert sorted(told) == sorted(accepted)


def once(what: Callable[[Performance], bool]) -> Watch:
    """Called until it says that it has done what it wanted."""
    done: list[bool] = []

    def watch(found: Performance | None) -> None:
        if found is not None and not found.ended and not done and what(found):
            done.append(True)

    return watch


def test_a_killed_consumer_process_loses_no_job_and_computes_none_twice() -> None:
    killed: list[int] = []
    killed_ns: list[int] = []

    def kill(found: Performance) -> bool:
        connection: Any = redis.Redis.from_url(found.broker)
        running = [told.decode().partition(" ")[2] for told in connection.smembers(RUNNING)]
        if len(jobs_of(found, What.COMPUTED)) < 10 or not running:
            return False
        killed.append(int(running[0].split("-")[1]))
        os.kill(killed[0], signal.SIGKILL)
        killed_ns.append(time.monotonic_ns())
        return True

    slow = {"distribution": "deterministic", "mean_s": 0.15}
    subscribers = {"count": 3, "handling_p50_s": 0.1, "handling_p95_s": 0.12}
    found = a_live_run({"service": slow, "subscribers": subscribers}, once(kill))
    assert killed
    assert found.restarts == 1
    every_accepted_job_has_one_end(found)
    rows = found.rows
    before = rows["job"][(rows["what"] == What.COMPUTED) & (rows["at_ns"] < killed_ns[0])]
    handled = {(int(row["job"]), int(row["index"])) for row in rows[rows["what"] == What.HANDLED]}
    assert {(int(job), subscriber) for job in before for subscriber in range(2)} <= handled


def test_a_dead_letter_is_seen_and_taken_up_again() -> None:
    """Every job is poison: each dies after its attempts; one that is taken up again is tried once more."""
    seen: list[Letter] = []

    def take_up(found: Performance) -> bool:
        plan: Any = type("Plan", (), {"broker": found.broker, "scenario": found.stage.scenario})
        desk = Desk(plan, found.stage.jobs)
        seen[:] = dead_letters.letters(desk)
        return bool(seen) and dead_letters.requeue(desk, seen[0].job) and not dead_letters.requeue(desk, 10_000)

    given = {"jobs": 30, "arrivals": {"process": "regular", "rate_per_s": 15.0}, "failures": {"poison_percent": 100},
             "retries": {"max": 1, "base_s": 0.05, "jitter": "none"}}  # fmt: skip
    found = a_live_run(given, once(take_up))
    assert (seen[0].attempts, seen[0].queue) == (2, "standard")
    called = found.rows[found.rows["what"] == What.CALLED]
    assert sorted(called["index"][called["job"] == seen[0].job]) == [0, 1, 2]
    others = np.setdiff1d(np.arange(30), [seen[0].job])
    assert all(sorted(called["index"][called["job"] == job]) == [0, 1] for job in others)


def test_a_retry_comes_when_its_pause_is_over_and_no_second_later() -> None:
    """rq's own scheduler looks once a second; ours rings the pauses of 100 ms as they end."""
    given = {
        "failures": {"transient_percent": 40},
        "retries": {"max": 3, "base_s": 0.1, "cap_s": 0.1, "jitter": "none"},
    }
    found = a_live_run(given)
    every_accepted_job_has_one_end(found)
    rows, again = found.rows, 0
    for backed_off in rows[rows["what"] == What.BACKED_OFF]:
        after = rows[(rows["what"] == What.QUEUED) & (rows["job"] == backed_off["job"])]
        rung = after[after["index"] == backed_off["index"] + 1]
        assert len(rung) == 1
        assert rung["at_ns"][0] - backed_off["at_ns"] >= 0.099e9
        again += 1
    assert again > 10


@pytest.mark.full
def test_flat_retries_keep_the_herd_together_and_full_jitter_spreads_it() -> None:
    """Calls that an outage turned away come back at once, or over the whole pause."""
    peaks = {}
    for name, retries in (("flat", {"flat_s": 2.0}), ("full", {"base_s": 4.0, "cap_s": 4.0, "jitter": "full"})):
        given = {"jobs": 30, "arrivals": {"process": "regular", "rate_per_s": 100.0}, "retries": {"max": 8} | retries,
                 "provider": {"outages": [{"start_s": 0.0, "length_s": 1.5}]},
                 "event_driven": {"discipline": "dedicated", "consumers": 20}}  # fmt: skip
        found = a_live_run(given)
        every_accepted_job_has_one_end(found)
        calls_s = (
            found.clock.speed
            * (found.rows["at_ns"][found.rows["what"] == What.PROVIDER_CALL] - found.clock.started_ns)
            / 1e9
        )
        after_s = calls_s[calls_s > 1.5]
        peaks[name] = np.histogram(after_s, np.arange(1.5, 12.0, 0.5))[0].max() / len(after_s)
    assert peaks["flat"] > 1.5 * peaks["full"]


@pytest.mark.parametrize(
    "delivery",
    [
        pytest.param({"method": "polling", "interval_s": 0.1}, marks=pytest.mark.full),
        {"method": "webhook", "failure_percent": 30, "schedule": [0, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]},
        pytest.param({"method": "sse", "reconnect_percent": 30, "reconnect_s": 0.1}, marks=pytest.mark.full),
        pytest.param({"method": "websocket", "reconnect_percent": 30, "reconnect_s": 0.1}, marks=pytest.mark.full),
    ],
    ids=("polling", "webhook", "sse", "websocket"),
)
def test_every_way_of_delivery_brings_every_result(delivery: dict[str, Any]) -> None:
    found = a_live_run({"jobs": 30, "event_driven": DEDICATED | {"delivery": delivery}})
    every_accepted_job_has_one_end(found)
    assert sorted(jobs_of(found, What.IN_HAND)) == list(range(30))


def test_classes_have_queues_and_consumers_of_their_own_and_the_broker_goes_with_the_run() -> None:
    """Nothing of the run is left: its broker's socket is gone, and it was never anybody else's."""
    sockets: list[str] = []

    def look(found: Performance) -> bool:
        connection: Any = redis.Redis.from_url(found.broker)
        keys = {key.decode() for key in connection.scan_iter()}
        if not any(key.startswith(ALIVE) for key in keys):
            return False
        sockets.append(found.broker.removeprefix("unix://").partition("?")[0])
        assert {key for key in keys if not key.startswith(("rq:", "x:"))} == set()
        return True

    queues = {"urgent": 30.0, "standard": 70.0}
    found = a_live_run({"event_driven": DEDICATED | {"queues": queues}}, once(look))
    every_accepted_job_has_one_end(found)
    started = found.rows[found.rows["what"] == What.STARTED]
    assert set(started["value"].astype(int)) == {0, 1}
    assert sockets
    assert not Path(sockets[0]).exists()

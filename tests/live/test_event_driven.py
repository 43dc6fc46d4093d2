"""The event-driven design with all its real parts: a broker, rq workers, retries, dead letters, a consumer that is killed."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args
from uuid import uuid4

import numpy as np
import pytest
import redis
from numpy.typing import NDArray

from simulator.live.run import design_run
from simulator.live.run.design_run import DesignRun, DesignSetup, Watch, run_design
from simulator.live.run.draw_jobs import draw_jobs
from simulator.live.run.folders import run_folder
from simulator.live.run.measure import Rows
from simulator.live.system.journal import EventType
from simulator.result import WorkerKind
from simulator.scenario import Scenario
from tests.live.fakes_kills import REPORTED, KnownProcesses, jobs_of, kill, unaccounted

DEDICATED = {"discipline": "dedicated", "consumers": 8}
"""Some cases need to know which worker has which queue; the others are strict, as a Scenario is by default."""
SSE = {"method": "sse"}


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(design_run, "ProcessGroup", KnownProcesses)


def a_live_run(
    given: dict[str, Any],
    watch: Watch = lambda _: None,
    drain_s: float = 20.0,
    speed: float = 1.0,
    workers: WorkerKind = "threads",
) -> DesignRun:
    base = {"jobs": 60, "arrivals": {"process": "regular", "rate_per_s": 40.0}, "event_driven": DEDICATED}
    quick = {"distribution": "deterministic", "mean_s": 0.05}
    scenario = Scenario.parse(base | {"service": quick} | given)
    jobs = draw_jobs(scenario, "event_driven")
    with run_folder(f"test-{uuid4().hex}") as folder:
        return run_design(
            DesignSetup(scenario, "event_driven", jobs, speed, drain_s, "document_extraction", workers=workers),
            folder,
            watch,
        )


def once(what: Callable[[DesignRun], bool]) -> Watch:
    done: list[bool] = []

    def watch(live: DesignRun | None) -> None:
        if live is not None and not live.ended and not done and what(live):
            done.append(True)

    return watch


BUSY: dict[str, Any] = {
    "service": {"distribution": "deterministic", "mean_s": 0.15},
    "failures": {"transient_percent": 20},
    "retries": {"max": 2, "base_s": 0.1, "cap_s": 0.2},
    "provider": {"max_concurrency": 6},
    "subscribers": {"count": 3, "handling_p50_s": 0.3, "handling_p95_s": 0.32},
    "event_driven": {"consumers": 8, "queues": {"urgent": 30.0, "standard": 70.0}, "delivery": SSE},
}
"""Something of everything is in progress at any moment: attempts, pauses, calls in line, subscribers at work."""


def calls_at_once(live: DesignRun) -> int:
    rows = live.rows
    came = np.sort(rows["at_ns"][rows["what"] == EventType.CALLED])
    ended = np.sort(rows["at_ns"][rows["what"] == EventType.ANSWERED])
    return int((np.arange(1, len(came) + 1) - np.searchsorted(ended, came, "right")).max())


def test_whatever_its_kind_a_worker_takes_every_job_to_its_outcome() -> None:
    for kind in get_args(WorkerKind):
        live = a_live_run(BUSY | {"jobs": 12}, workers=kind, drain_s=60.0)
        assert not unaccounted(live, subscribers=2), kind
        assert 2 <= calls_at_once(live) <= 6, kind


def test_the_jobs_of_a_killed_consumer_stay_with_rq_and_the_others_are_done() -> None:
    """rq takes them up again when their entries expire, in minutes: none has two outcomes."""
    killed: list[set[int]] = []

    def watch(live: DesignRun | None) -> None:
        if live is not None and not killed and live.clock.now_s() >= 0.9:
            kill("consumers-0")
            killed.append(set())

    live = a_live_run(BUSY, watch, drain_s=4.0)
    (ended,) = live.process_ends
    assert (ended.process, ended.how, ended.restarted) == ("consumers-0", "killed by signal 9 (SIGKILL)", True)
    accepted, reported = set(jobs_of(live, EventType.ACCEPTED)), Counter(jobs_of(live, *REPORTED))
    assert set(reported.values()) == {1}
    left, lost = accepted - set(reported), set(jobs_of(live, EventType.LOST))
    assert 1 <= len(left) <= 4, "the threads of one process had that many jobs in hand"
    assert lost <= left, "taken from one of two queues and not registered yet"
    assert 0 < ended.jobs_in_hand <= 4
    tally = live.tally()
    assert (tally.counts["in_system"], tally.counts["lost"]) == (len(left - lost), len(lost))


def test_a_killed_scheduler_forgets_no_retry_and_goes_on_at_once() -> None:
    left = [0.6, 1.2]

    def watch(live: DesignRun | None) -> None:
        if live is not None and left and live.clock.now_s() >= left[0]:
            left.pop(0)
            kill("scheduler")

    live = a_live_run(BUSY, watch)
    assert [(end.process, end.restarted) for end in live.process_ends] == [("scheduler", True)] * 2
    assert not unaccounted(live, subscribers=2)


def test_the_costs_of_the_scenario_are_in_the_run() -> None:
    """Accepting takes 0.2 s, dispatch 0.3 s of a consumer's time, and retries are queued at ticks of a second."""
    costs = {"accept_s": 0.2, "dispatch_s": 0.3, "retry_tick_s": 1.0}
    live = a_live_run(
        {
            "jobs": 20,
            "arrivals": {"process": "regular", "rate_per_s": 10.0},
            "failures": {"poison_percent": 100},
            "retries": {"max": 1, "base_s": 1.5, "jitter": "none"},
            "event_driven": {"consumers": 20, "delivery": SSE} | costs,
        }
    )
    rows = Rows.from_journal(live.rows, live.clock)
    sent, queued, started, called = (
        rows.table(what, 20, 2) for what in (EventType.SENT, EventType.QUEUED, EventType.STARTED, EventType.CALLED)
    )
    assert np.all(queued[:, 0] - sent[:, 0] >= 0.2)
    assert np.all(called - started >= 0.3)
    pauses = queued[:, 1] - rows.table(EventType.BACKED_OFF, 20, 2)[:, 0]
    assert np.all((pauses > 0.5) & (pauses < 2.5 + SLACK_S))
    phases = (live.rows["at_ns"][(live.rows["what"] == EventType.QUEUED) & (live.rows["index"] == 1)] / 1e9) % 1.0
    spread = np.abs((phases - phases[0] + 0.5) % 1.0 - 0.5)
    assert np.all(spread < SLACK_S), "all at the scheduler's looks"


def test_a_retry_comes_when_its_pause_is_over() -> None:
    """rq's own scheduler looks once a second; the run's looks every 10 ms."""
    given = {
        "failures": {"transient_percent": 40},
        "retries": {"max": 3, "base_s": 0.1, "cap_s": 0.1, "jitter": "none"},
    }
    live = a_live_run(given)
    assert not unaccounted(live)
    rows, again = live.rows, 0
    for backed_off in rows[rows["what"] == EventType.BACKED_OFF]:
        after = rows[(rows["what"] == EventType.QUEUED) & (rows["job"] == backed_off["job"])]
        rung = after[after["index"] == backed_off["index"] + 1]
        assert len(rung) == 1
        assert rung["at_ns"][0] - backed_off["at_ns"] >= 0.099e9
        again += 1
    assert again > 10


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
    live = a_live_run({"jobs": 30, "event_driven": DEDICATED | {"delivery": delivery}})
    assert not unaccounted(live)
    assert sorted(jobs_of(live, EventType.IN_HAND)) == list(range(30))


def test_classes_have_queues_and_consumers_of_their_own_and_the_broker_goes_with_the_run() -> None:
    """Nothing of the run is left: its broker's socket is gone, and no other run used it."""
    sockets: list[str] = []

    def look(live: DesignRun) -> bool:
        connection: Any = redis.Redis.from_url(live.broker)
        keys = {key.decode() for key in connection.scan_iter()}
        if not any(key.startswith("rq:worker:") for key in keys):
            return False
        sockets.append(live.broker.removeprefix("unix://").partition("?")[0])
        assert {key for key in keys if not key.startswith(("rq:", "x:"))} == set()
        return True

    queues = {"urgent": 30.0, "standard": 70.0}
    live = a_live_run({"event_driven": DEDICATED | {"queues": queues}}, once(look))
    assert not unaccounted(live)
    started = live.rows[live.rows["what"] == EventType.STARTED]
    places = live.setup.jobs.place[started["job"]]
    served = {worker: set(places[started["value"] == worker]) for worker in set(started["value"])}
    assert sorted(len(classes) for classes in served.values()) == [1] * len(served), "one queue a worker"
    assert sockets
    assert not Path(sockets[0]).exists()


SLACK_S = 0.15
"""Real seconds that a call, once let through, may need to be seen."""


def at_s(live: DesignRun, what: EventType) -> NDArray[np.float64]:
    """Real seconds from the start at which such rows were written, in order."""
    return np.sort(live.rows["at_ns"][live.rows["what"] == what] - live.clock.started_ns) / 1e9


def test_the_rate_limiter_keeps_quotas_of_requests_and_of_tokens() -> None:
    """At 30 times the speed: 15 requests a second, 2 at once; 500 tokens a second, the bucket full with 1,000, and each call takes 100 of them."""
    live = a_live_run(
        {
            "jobs": 20,
            "arrivals": {"process": "regular", "rate_per_s": 10.0},
            "provider": {"requests_per_minute": 30, "burst_requests": 2,
                         "input_tokens_per_minute": 1000, "input_tokens": 100},
            "event_driven": {"discipline": "dedicated", "consumers": 20, "delivery": SSE},
        },
        speed=30.0,
    )  # fmt: skip
    assert not unaccounted(live)
    assert set(live.rows["value"][live.rows["what"] == EventType.PROVIDER_CALL]) == {200.0}
    called_s, calls = at_s(live, EventType.CALLED), np.arange(1, 21)
    assert np.all(called_s - called_s[0] >= (calls - 2) / 15 - SLACK_S)
    assert np.all(called_s - called_s[0] >= (calls - 10) / 5 - SLACK_S)
    assert len(jobs_of(live, EventType.WAITED_FOR_PROVIDER)) >= 18 - 2


def test_the_circuit_opens_after_a_streak_probes_and_closes() -> None:
    """At 10 times the speed: an outage from 0.2 s to 2 s, a circuit that opens for a second. The first probe fails, the second does not."""
    live = a_live_run(
        {
            "jobs": 30,
            "arrivals": {"process": "regular", "rate_per_s": 5.0},
            "service": {"distribution": "deterministic", "mean_s": 1.0},
            "retries": {"max": 5, "base_s": 1.0, "cap_s": 4.0},
            "provider": {"outages": [{"start_s": 2.0, "length_s": 18.0}]},
            "event_driven": {"discipline": "dedicated", "consumers": 8, "circuit_breaker": True, "delivery": SSE},
        },
        speed=10.0,
    )
    assert not unaccounted(live)
    assert len(jobs_of(live, EventType.COMPUTED)) == 30
    rows = live.rows
    came = rows[rows["what"] == EventType.PROVIDER_CALL]
    came_s = (came["at_ns"] - live.clock.started_ns) / 1e9
    failed_s = came_s[came["value"] == 503]
    probes_s = failed_s[failed_s > failed_s[0] + 0.8]
    assert len(failed_s) - len(probes_s) <= 5 + 8, "a streak, and what was under way"
    assert len(probes_s) == 1
    opened_s, last_s = failed_s[:-1].max(), probes_s[0]
    assert last_s >= opened_s + 0.8, "nothing goes through an open circuit"
    after_s = came_s[came_s > last_s]
    assert after_s[0] >= last_s + 1.0 - SLACK_S, "the probe that failed opens it again"
    assert after_s[1] >= after_s[0] + 0.1 - 0.02, "one probe, alone until it is answered"


def test_full_queues_refuse_and_what_is_taken_too_late_is_dropped() -> None:
    """One consumer, a job in 0.2 s; three may wait, and none longer than 0.5 s."""
    expires_s = 0.5
    live = a_live_run(
        {
            "jobs": 20,
            "arrivals": {"process": "regular", "rate_per_s": 200.0},
            "service": {"distribution": "deterministic", "mean_s": 0.2},
            "event_driven": {"discipline": "dedicated", "consumers": 1, "max_queue": 3, "expires_s": expires_s,
                             "delivery": SSE},
        }
    )  # fmt: skip
    assert not unaccounted(live)
    accepted, refused = jobs_of(live, EventType.ACCEPTED), jobs_of(live, EventType.REFUSED)
    assert sorted(accepted + refused) == list(range(20))
    assert jobs_of(live, EventType.CLIENT_REFUSED) and sorted(jobs_of(live, EventType.CLIENT_REFUSED)) == sorted(
        refused
    )
    rows = live.rows
    assert max(sample.waiting for sample in live.samples) == 3, "as rq tells"
    queued_s, taken_s = (
        {row["job"]: row["at_ns"] / 1e9 for row in rows[np.isin(rows["what"], whats)]}
        for whats in ([EventType.QUEUED], [EventType.EXPIRED, EventType.STARTED])
    )
    longest_s = max(taken_s[job] - queued_s[job] for job in taken_s)
    assert longest_s / 2 < max(sample.oldest_s for sample in live.samples) <= longest_s + SLACK_S, "as rq tells"
    expired = jobs_of(live, EventType.EXPIRED)
    assert expired and not set(expired) & set(jobs_of(live, EventType.CALLED))
    assert sorted(expired + jobs_of(live, EventType.COMPUTED)) == sorted(accepted)
    for row in rows[np.isin(rows["what"], (EventType.EXPIRED, EventType.STARTED))]:
        age_s = (row["at_ns"] - live.clock.started_ns) / 1e9 - live.setup.jobs.arrival_s[row["job"]]
        assert age_s > expires_s if row["what"] == EventType.EXPIRED else age_s <= expires_s

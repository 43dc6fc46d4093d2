"""The sample application's tasks with stock rq workers on a real broker: disciplines, retries, dead letters, expiry, a worker that is killed."""

import asyncio
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rq.scheduler
from rq.registry import ScheduledJobRegistry
from rq.scheduler import RQScheduler
from rq.serializers import JSONSerializer
from rq.timeouts import JobTimeoutException
from rq.worker import SimpleWorker

from core.processes.message_broker import socket_url
from simulator.live.run.processes import running_broker
from simulator.live.run.support import MOST_CONSUMERS
from simulator.live.system import tasks
from simulator.live.system.config import ProcessConfig
from simulator.live.system.consumers import (
    THREAD_PROCESSES,
    WeightedSimpleWorker,
    handlers,
    queues_by_consumer,
)
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import EventType, Journal, Reader
from simulator.live.system.provider_client import Reply
from simulator.live.system.queues import rq_id
from simulator.live.system.rate_limit_server import RateLimitServer
from simulator.live.system.scheduler import SCHEDULER_NAME, schedule_at_tick
from simulator.live.system.tasks import Application
from simulator.scenario import Scenario
from tests.live.fakes_clients import QUICK, a_plan

QUEUES = {"urgent": 20.0, "standard": 30.0, "batch": 50.0}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="x-tasks-", dir="/tmp") as place, running_broker(Path(place), lambda: None):
        yield socket_url(Path(place) / "broker.sock")


class Bench:
    def __init__(self, folder: Path, server: str, given: dict[str, Any]) -> None:
        scenario = Scenario.model_validate(
            {"jobs": 40, "arrivals": {"process": "regular", "rate_per_s": 1000.0}, "service": QUICK} | given
        )
        self.config, self.jobs = a_plan(folder, scenario, broker=server)
        self.app = Application(self.config, self.jobs, Journal(folder / "consumers-0.journal"), None)
        self.app.queues.connection.flushall()
        tasks.use(self.app)
        self._reader = Reader(folder)
        self.rows = self._reader.more()

    def work(
        self, kind: type[SimpleWorker] = SimpleWorker, queues: list[str] | None = None, most: int | None = None
    ) -> None:
        """One stock worker, until its queues are empty or it has done the most jobs that it is to do."""
        names = queues or self.app.queues.names
        worker = kind(
            names, connection=self.app.queues.connection, serializer=JSONSerializer, log_job_description=False
        )
        worker.work(burst=True, logging_level="CRITICAL", max_jobs=most)
        self.rows = np.concatenate([self.rows, self._reader.more()])

    def enqueue_all(self) -> None:
        for job in range(len(self.jobs)):
            self.app.queues.enqueue(job)

    def schedule(self) -> None:
        """rq's scheduler looks until nothing is scheduled any more."""
        names = self.app.queues.names
        scheduler = RQScheduler(
            names, self.app.queues.connection, logging_level="CRITICAL", serializer=JSONSerializer, name=SCHEDULER_NAME
        )
        scheduler.acquire_locks()
        deadline = time.monotonic() + 60.0
        while any(queue.scheduled_job_registry.get_job_ids() for queue in self.app.queues.classes):
            assert time.monotonic() < deadline
            scheduler.enqueue_scheduled_jobs()

    def of_kind(self, what: EventType) -> Any:
        return self.rows[self.rows["what"] == what]

    def classes_started(self) -> list[int]:
        """The class of each job, in the order in which they were started."""
        started = self.of_kind(EventType.STARTED)
        return [int(self.jobs.place[row["job"]]) for row in started[np.argsort(started["at_ns"], kind="stable")]]


class Model:
    """In the provider's place: fails as the job's draws say."""

    def __init__(self, config: ProcessConfig, *_: Any) -> None:
        self._jobs = Jobs.read(config.path / "jobs.npz")

    def call(self, job: int, attempt: int, probes: int = 0) -> Reply:
        return Reply(500 if self._jobs.fails(job, attempt) else 200, f"result {job}")


@pytest.fixture
def bench(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Bench]:
    monkeypatch.setattr(tasks, "ProviderClient", Model)
    monkeypatch.setattr(ScheduledJobRegistry, "schedule", ScheduledJobRegistry.schedule)
    monkeypatch.setattr(rq.scheduler, "current_timestamp", time.time)
    schedule_at_tick(0.0)

    def make(**given: Any) -> Bench:
        return Bench(tmp_path, server, given)

    return make


def test_strict_order_is_rqs_own_list_of_queues(bench: Callable[..., Bench]) -> None:
    run = bench(event_driven={"queues": QUEUES, "discipline": "strict"})
    run.enqueue_all()
    run.work()
    started = run.classes_started()
    assert len(started) == 40
    assert started == sorted(started)


def test_weighted_order_serves_the_queues_by_their_shares(
    bench: Callable[..., Bench],
) -> None:
    run = bench(jobs=140, event_driven={"queues": {"a": 60.0, "b": 25.0, "c": 15.0}, "discipline": "weighted"})
    run.enqueue_all()
    run.work(WeightedSimpleWorker)
    started = run.classes_started()
    assert len(started) == 140
    contested = started[:40]  # no queue is empty yet
    assert [contested.count(place) for place in range(3)] == [24, 10, 6]


def test_weighted_workers_take_turns_together(bench: Callable[..., Bench]) -> None:
    run = bench(event_driven={"queues": {"a": 50.0, "b": 50.0}, "discipline": "weighted"})
    run.enqueue_all()
    for _ in range(6):
        run.work(WeightedSimpleWorker, most=1)
    assert run.classes_started() == [0, 1] * 3


def test_an_empty_queue_loses_its_turn_and_not_the_next_one(bench: Callable[..., Bench]) -> None:
    run = bench(event_driven={"queues": {"a": 20.0, "b": 80.0}, "discipline": "weighted"})
    a, b = (np.flatnonzero(run.jobs.place == place).tolist() for place in (0, 1))
    late = iter(a[:1])

    class EnqueuingModel(Model):
        def call(self, job: int, attempt: int, probes: int = 0) -> Reply:
            for urgent in late:
                run.app.queues.enqueue(urgent)
            return super().call(job, attempt, probes)

    run.app.provider = EnqueuingModel(run.config)  # type: ignore[assignment]
    for job in b[:4]:
        run.app.queues.enqueue(job)
    run.work(WeightedSimpleWorker)
    assert run.classes_started() == [1, 0, 1, 1, 1]


def test_dedicated_consumers_have_one_queue_each_and_the_others_all_of_them(bench: Callable[..., Bench]) -> None:
    dedicated = bench(event_driven={"queues": QUEUES, "discipline": "dedicated", "consumers": 6})
    by_consumer = queues_by_consumer(dedicated.config, dedicated.jobs)
    assert len(by_consumer) == 6
    assert {len(queues) for queues in by_consumer} == {1}
    assert {queues[0] for queues in by_consumer} == set(QUEUES)
    strict = bench(event_driven={"queues": QUEUES, "discipline": "strict", "consumers": 6})
    assert queues_by_consumer(strict.config, strict.jobs) == [list(QUEUES)] * 6


def test_each_worker_of_the_largest_run_has_its_two_connections(bench: Callable[..., Bench]) -> None:
    pool = bench().app.queues.connection.connection_pool
    threads = MOST_CONSUMERS["threads"] // THREAD_PROCESSES
    held = [pool.get_connection() for _ in range(2 * threads)]
    for connection in held:
        pool.release(connection)
        connection.disconnect()


def test_handlers_suffice_for_results_that_are_handled_again(bench: Callable[..., Bench]) -> None:
    """At most 4 results a second; a handler waits 10 s before its second attempt at every other one: 20 of them by Little's law."""
    run = bench(
        jobs=400,
        service={"distribution": "deterministic", "mean_s": 1.0},
        retries={"max": 1, "flat_s": 10.0},
        subscribers={"count": 3, "failure_percent": 50},
        event_driven={"consumers": 4},
    )
    needed = Counter(queue for [queue] in handlers(run.config, run.jobs))
    assert len(needed) == run.jobs.subscribers == 2
    assert all(count >= 25 for count in needed.values())


def test_rq_retries_after_the_pauses_that_the_application_computed(bench: Callable[..., Bench]) -> None:
    run = bench(failures={"transient_percent": 50}, retries={"max": 3, "base_s": 0.05, "cap_s": 0.2, "jitter": "full"})
    run.enqueue_all()
    queues = run.app.queues
    for _ in range(4):
        run.work()
        run.schedule()
    expected = {job: next((n for n in range(4) if not run.jobs.fails(job, n)), None) for job in range(40)}
    computed = {int(row["job"]): int(row["index"]) for row in run.of_kind(EventType.COMPUTED)}
    assert computed == {job: number for job, number in expected.items() if number is not None}
    dead = {job for job, number in expected.items() if number is None}
    assert {letter.job for letter in queues.read_dead_letters()} == dead
    assert set(run.of_kind(EventType.GAVE_UP)["job"].tolist()) == dead
    failed_at = {(row["job"], row["index"]): row["at_ns"] for row in run.of_kind(EventType.BACKED_OFF)}
    for row in run.of_kind(EventType.QUEUED):
        pause_s = run.jobs.pauses_s(int(row["job"]))[row["index"] - 1]
        waited_s = (row["at_ns"] - failed_at[row["job"], row["index"] - 1]) / 1e9
        assert waited_s >= pause_s - 0.001
    assert len(run.of_kind(EventType.QUEUED)) > 20


def test_a_dead_letter_is_in_rqs_registry_and_its_requeue_is_one_more_attempt(bench: Callable[..., Bench]) -> None:
    run = bench(jobs=3, failures={"poison_percent": 100}, retries={"max": 1, "base_s": 0.0})
    run.enqueue_all()
    run.work()
    letters = run.app.queues.read_dead_letters()
    assert [(letter.job, letter.attempts, letter.reason) for letter in letters] == [
        (job, 2, "the model answered 500") for job in range(3)
    ]
    assert run.app.queues.requeue_dead_letter(1)
    assert not run.app.queues.requeue_dead_letter(1)
    assert not run.app.queues.requeue_dead_letter(7)
    run.work()
    assert sorted(run.of_kind(EventType.CALLED)["index"][run.of_kind(EventType.CALLED)["job"] == 1].tolist()) == [
        0,
        1,
        2,
    ]
    assert [letter.attempts for letter in run.app.queues.read_dead_letters()] == [2, 3, 2]
    assert run.app.queues.delete_dead_letters() == 3
    assert not run.app.queues.read_dead_letters()


def test_without_a_dead_letter_queue_a_job_that_fails_leaves_nothing(bench: Callable[..., Bench]) -> None:
    run = bench(jobs=3, failures={"poison_percent": 100}, event_driven={"dead_letter": False})
    run.enqueue_all()
    run.work()
    assert run.of_kind(EventType.GAVE_UP)["value"].tolist() == [0.0, 0.0, 0.0]
    assert run.app.queues.held_jobs() == set()


def test_an_expired_job_is_neither_started_nor_called(bench: Callable[..., Bench]) -> None:
    run = bench(event_driven={"expires_s": 1e-9})
    run.enqueue_all()
    run.work()
    assert sorted(run.of_kind(EventType.EXPIRED)["job"].tolist()) == list(range(40))
    assert not len(run.of_kind(EventType.STARTED))
    assert not len(run.of_kind(EventType.CALLED))


def test_a_job_whose_worker_was_killed_is_held_by_rq_until_its_entry_expires(bench: Callable[..., Bench]) -> None:
    """Then rq's maintenance retries it as it does after a failure, and journals that it was abandoned."""
    run = bench(jobs=1, retries={"max": 1, "base_s": 0.0})
    run.enqueue_all()
    queue = run.app.queues.classes[0]
    worker = SimpleWorker([queue], connection=queue.connection, serializer=JSONSerializer)
    taken = worker.dequeue_job_and_maintain_ttl(1)
    assert taken is not None
    worker.prepare_execution(taken[0])
    worker.prepare_job_execution(taken[0], remove_from_intermediate_queue=True)  # and here it is killed
    assert run.app.queues.held_jobs() == {0}
    registry = queue.started_job_registry
    (due,) = [score for _, score in queue.connection.zrange(registry.key, 0, -1, withscores=True)]
    assert due - time.time() == pytest.approx(taken[0].timeout + 60, abs=5)
    registry.cleanup(time.time())
    assert not queue.get_job_ids()
    registry.cleanup(due + 1)
    assert queue.get_job_ids() == [rq_id(0)]
    run.work()
    assert run.of_kind(EventType.COMPUTED)["index"].tolist() == [1]


class TimesOutOnce(Model):
    """rq's time limit of a job ends the first call."""

    def call(self, job: int, attempt: int, probes: int = 0) -> Reply:
        if job == 0:
            raise JobTimeoutException("the job took longer than its time limit")
        return super().call(job, attempt, probes)


def test_a_call_that_rq_breaks_off_gives_its_permit_back(
    bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "ProviderClient", TimesOutOnce)
    run = bench(jobs=3, provider={"max_concurrency": 1})
    run.enqueue_all()
    with rate_limits(run.config):
        run.work()
    assert [letter.job for letter in run.app.queues.read_dead_letters()] == [0]
    assert run.of_kind(EventType.COMPUTED)["job"].tolist() == [1, 2]


@contextmanager
def rate_limits(config: ProcessConfig) -> Iterator[None]:
    """The server of a run's limits, in a thread."""
    serving, ended = threading.Event(), asyncio.Event()
    limits = RateLimitServer(config, config.clock())

    async def serve() -> None:
        async with await asyncio.start_unix_server(limits.serve, config.limits_socket):
            serving.set()
            await ended.wait()

    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        thread = threading.Thread(target=runner.run, args=(serve(),))
        thread.start()
        serving.wait()
        try:
            yield
        finally:
            loop.call_soon_threadsafe(ended.set)
            thread.join()


def test_due_times_are_cut_down_to_the_scenarios_tick(bench: Callable[..., Bench]) -> None:
    """A tick of half a second: no due time between two of them is kept."""
    schedule_at_tick(0.5)
    run = bench(jobs=20, failures={"poison_percent": 100}, retries={"max": 1, "base_s": 7.3, "jitter": "none"})
    run.enqueue_all()
    run.work()
    registry = run.app.queues.classes[0].scheduled_job_registry
    scores = [score for _, score in registry.connection.zrange(registry.key, 0, -1, withscores=True)]
    failed_s = {int(row["job"]): row["at_ns"] for row in run.of_kind(EventType.BACKED_OFF)}
    assert len(scores) == len(failed_s) == 20
    assert all(score % 0.5 == 0.0 for score in scores)
    assert all(
        6.7 < score - time.time() + (time.monotonic_ns() - min(failed_s.values())) / 1e9 < 7.9 for score in scores
    )


class RefusesAtFirst(Model):
    """Each job's first call, which is to come again 0.4 s later."""

    def call(self, job: int, attempt: int, probes: int = 0) -> Reply:
        return Reply(429, retry_after_s=0.4) if attempt == 0 else super().call(job, attempt)


@pytest.mark.parametrize(("intervals_s", "pause_s"), [([0.1, 0.6], 0.4), ([0.6, 0.1], 0.6)])
def test_a_retry_comes_no_sooner_than_a_refusal_asks_for(
    bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch, intervals_s: list[float], pause_s: float
) -> None:
    monkeypatch.setattr(tasks, "ProviderClient", RefusesAtFirst)
    run = bench(jobs=8, retries={"max": 2, "intervals_s": intervals_s}, provider={"pacing": "none"})
    run.enqueue_all()
    run.work()
    assert run.of_kind(EventType.BACKED_OFF)["value"].tolist() == [pause_s] * 8
    run.schedule()
    run.work()
    assert run.of_kind(EventType.COMPUTED)["index"].tolist() == [1] * 8


CUT = 0
ENDED_TWICE = ["STARTED 0", "UNUSED 0", "REDELIVERED 0", "STARTED 1", "UNUSED 1", "GAVE_UP 1"]


class TakesLong(Model):
    """As long as a job's service time, unless the call is cut before; job 0 fails at first."""

    def call(self, job: int, attempt: int, probes: int = 0, limit_s: float = inf) -> Reply:
        takes_s = float(self._jobs.service_s[job])
        time.sleep(min(takes_s, limit_s))
        return super().call(job, attempt) if takes_s < limit_s else Reply(CUT)


LEASED: dict[str, Any] = {
    "jobs": 2,
    "service": {"distribution": "deterministic", "mean_s": 0.3},
    "provider": {"call_timeout_s": 60},
}


def kinds(run: Bench, job: int) -> list[str]:
    """What happened to a job, without the waits and calls in between."""
    named = {
        EventType.STARTED,
        EventType.REDELIVERED,
        EventType.UNUSED,
        EventType.DROPPED,
        EventType.COMPUTED,
        EventType.GAVE_UP,
    }
    mine = run.rows[(run.rows["job"] == job) & np.isin(run.rows["what"], list(named))]
    return [f"{EventType(row['what']).name} {row['index']}" for row in mine[np.argsort(mine["at_ns"], kind="stable")]]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"lease_s": 0.1, "lease_ends": "stops", "max_deliveries": 2}, ENDED_TWICE),
        ({"lease_s": 0.1}, ["STARTED 0", "REDELIVERED 0", "COMPUTED 0", "DROPPED 1"]),
        ({"lease_s": 0.1, "lease_ends": "discards", "max_deliveries": 1}, ["STARTED 0", "GAVE_UP 0", "UNUSED 0"]),
        ({"lease_s": 9.0}, ["STARTED 0", "COMPUTED 0"]),
    ],
)  # fmt: skip
def test_a_lease_that_ends_before_the_work_ends_has_rq_deliver_the_job_again(
    bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], expected: list[str]
) -> None:
    monkeypatch.setattr(tasks, "ProviderClient", TakesLong)
    run = bench(**LEASED, event_driven=given)
    run.app.queues.enqueue(0)
    run.work()
    assert kinds(run, 0) == expected
    dead = [letter.job for letter in run.app.queues.read_dead_letters()]
    assert dead == ([0] if given.get("lease_ends") == "stops" else [])


@pytest.mark.parametrize(
    ("given", "expected", "lost"),
    [
        ({"acknowledges": "early"}, ["STARTED 0", "UNUSED 0"], True),
        ({"max_deliveries": 2}, ENDED_TWICE, False),
    ],
)
def test_the_job_of_a_consumer_that_crashes_is_delivered_again_or_lost(
    bench: Callable[..., Bench],
    monkeypatch: pytest.MonkeyPatch,
    given: dict[str, Any],
    expected: list[str],
    lost: bool,
) -> None:
    """At 360,000 crashes an hour, each delivery ends in one long before its 3 s are over."""
    monkeypatch.setattr(tasks, "ProviderClient", TakesLong)
    service = {"distribution": "deterministic", "mean_s": 3.0}
    run = bench(**LEASED | {"service": service}, event_driven={"crashes_per_hour": 360_000, **given})
    run.app.queues.enqueue(0)
    run.work()
    assert kinds(run, 0) == expected
    assert len(run.of_kind(EventType.LOST)) == lost


def test_after_a_crash_a_job_is_delivered_again_when_its_lease_ends(
    bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "ProviderClient", TakesLong)
    design = {"crashes_per_hour": 360_000, "lease_s": 2.0, "max_deliveries": 2}
    run = bench(**LEASED | {"service": {"distribution": "deterministic", "mean_s": 3.0}}, event_driven=design)
    run.app.queues.enqueue(0)
    run.work()
    (registry,) = (queue.scheduled_job_registry for queue in run.app.queues.classes)
    ((_, due),) = registry.connection.zrange(registry.key, 0, -1, withscores=True)
    taken_ns = int(run.of_kind(EventType.STARTED)["at_ns"][0])
    assert due - time.time() + (time.monotonic_ns() - taken_ns) / 1e9 == pytest.approx(2.0, abs=0.5)


def test_failed_attempts_use_up_retries_and_deliveries_that_a_lease_ended_do_not(
    bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its work outlasts the lease twice; then the model, which has become fast, fails twice, and one retry is allowed."""

    class BecomesFast(TakesLong):
        def call(self, job: int, attempt: int, probes: int = 0, limit_s: float = inf) -> Reply:
            return super().call(job, attempt, probes, limit_s) if attempt < 2 else Reply(500)

    monkeypatch.setattr(tasks, "ProviderClient", BecomesFast)
    design = {"lease_s": 0.1, "lease_ends": "stops"}
    run = bench(**LEASED, event_driven=design, retries={"max": 1, "base_s": 0.0})
    run.app.queues.enqueue(0)
    run.work()
    assert kinds(run, 0)[-3:] == ["STARTED 2", "STARTED 3", "GAVE_UP 3"]
    assert run.of_kind(EventType.BACKED_OFF)["index"].tolist() == [2]
    assert [letter.attempts for letter in run.app.queues.read_dead_letters()] == [4]


def started(run: Bench) -> list[int]:
    rows = run.of_kind(EventType.STARTED)
    return rows["job"][np.argsort(rows["at_ns"], kind="stable")].tolist()  # type: ignore[no-any-return]


class FailsFirst(Model):
    """The first attempt at job 0."""

    def call(self, job: int, attempt: int, probes: int = 0) -> Reply:
        return Reply(500 if (job, attempt) == (0, 0) else 200)


def accept_all(run: Bench) -> None:
    for job in range(len(run.jobs)):
        run.app.queues.accept(job, None)


@pytest.mark.parametrize(("ordering", "keys"), [("one_at_a_time", 1), ("per_key", 2)])
def test_a_job_waits_until_the_one_with_its_key_before_it_is_settled(
    bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch, ordering: str, keys: int
) -> None:
    """While job 0 backs off, jobs with other keys are done, and those with its own wait."""
    monkeypatch.setattr(tasks, "ProviderClient", FailsFirst)
    design = {"ordering": ordering, "keys": keys}
    run = bench(jobs=12, retries={"max": 1, "flat_s": 0.2}, event_driven=design)
    mine = [job for job in range(12) if run.jobs.key_of_order(job) == run.jobs.key_of_order(0)]
    others = [job for job in range(12) if job not in mine]
    assert bool(others) == (keys > 1)
    accept_all(run)
    assert run.app.queues.waiting() == 12
    run.work()
    assert started(run) == [0, *others]
    assert run.app.queues.held_jobs() >= set(mine)
    run.schedule()
    run.work()
    assert started(run) == [0, *others, *mine]


def test_a_single_consumer_takes_jobs_of_many_keys_as_they_were_accepted(bench: Callable[..., Bench]) -> None:
    """The next job of a key goes before those that were accepted later, although it is enqueued after them."""
    run = bench(jobs=24, event_driven={"ordering": "per_key", "keys": 6})
    accept_all(run)
    run.work()
    assert started(run) == list(range(24))
    assert run.app.queues.waiting() == 0

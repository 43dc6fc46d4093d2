"""`measure_rq` against rq's own worker and scheduler: as threads, so that what they took is known to the test."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

import pytest
import redis
from django.core.management import call_command
from django.core.management.base import CommandError
from rq import Queue, SimpleWorker
from rq.scheduler import RQScheduler
from rq.serializers import JSONSerializer
from rq.suspension import resume, suspend
from rq.timeouts import TimerDeathPenalty
from rq.utils import now

from advisor.advice.yaml_json import read_mapping
from core.processes.message_broker import socket_url
from simulator.live.measure_rq import IDLE_JOBS, CannotMeasure, measure_rq, shown_address
from simulator.live.run.processes import running_broker
from simulator.scenario import EventDriven
from tests.unit.commands.conftest import run

__all__ = ["run"]

QUEUE = "mine"
COMMAND = ("measure_rq", "--queue", QUEUE, "--jobs", "12")
SLOW_S = 0.04
"""What a slow worker takes of itself before each job."""
LOOK_S = 1.25


class Worker(SimpleWorker):
    """rq's own, in a thread."""

    death_penalty_class = TimerDeathPenalty
    before_s = 0.0

    def _install_signal_handlers(self) -> None:
        """Python allows them in the main thread alone."""

    def execute_job(self, job: Any, queue: Any) -> None:
        time.sleep(self.before_s)
        super().execute_job(job, queue)


class SlowWorker(Worker):
    before_s = SLOW_S

    def execute_job(self, job: Any, queue: Any) -> None:
        queue.intermediate_queue.set_first_seen(
            job.id
        )  # as rq's maintenance does if it sees a job on its way to a worker
        super().execute_job(job, queue)


class StallingWorker(Worker):
    taken = 0

    def execute_job(self, job: Any, queue: Any) -> None:
        self.taken += 1
        self.before_s = 0.7 if self.taken > IDLE_JOBS + 2 else 0.0
        super().execute_job(job, queue)


@pytest.fixture
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("w")
    with running_broker(folder, lambda: None):
        yield socket_url(folder / "broker.sock")


@pytest.fixture
def connection(url: str) -> Iterator[Any]:
    with redis.Redis.from_url(url) as known:
        yield known


def keys(connection: Any) -> set[bytes]:
    """Without the locks of rq's own maintenance, which expire."""
    return set(connection.keys()) - {b"rq:clean_groups", f"rq:clean_registries:{QUEUE}".encode()}


@contextmanager
def working(connection: Any, kind: type[Worker] = Worker, number: int = 1, serializer: Any = None) -> Iterator[None]:
    workers = [kind([QUEUE], connection=connection, serializer=serializer) for _ in range(number)]
    threads = [threading.Thread(target=worker.work, kwargs={"logging_level": "CRITICAL"}) for worker in workers]
    for thread in threads:
        thread.start()
    try:
        while connection.scard(f"rq:workers:{QUEUE}") < number:
            threading.Event().wait(0.01)
        yield
    finally:
        for worker in workers:
            worker._stop_requested = True
        for _ in workers:
            connection.lpush(f"rq:queue:{QUEUE}", "no such job")  # wakes it from its blocking read
        for thread in threads:
            thread.join(20)


@contextmanager
def scheduling(connection: Any) -> Iterator[list[float]]:
    """rq's scheduler, which looks every `LOOK_S`; the instants at which it did."""
    scheduler, stopped = RQScheduler([QUEUE], connection), threading.Event()
    scheduler.acquire_locks()
    looks: list[float] = []

    def look() -> None:
        while not stopped.wait(LOOK_S):
            looks.append(time.time())
            scheduler.enqueue_scheduled_jobs()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield looks
    finally:
        stopped.set()
        thread.join()


def test_it_finds_what_the_workers_and_the_scheduler_take_and_leaves_nothing(connection: Any) -> None:
    theirs = Queue("theirs", connection=connection).enqueue("time.sleep", 0)
    with working(connection, SlowWorker, 2), scheduling(connection) as looks:
        before = keys(connection)
        costs = measure_rq(connection, QUEUE, jobs=30, timeout_s=60)
        assert keys(connection) == before
    assert theirs.get_status() == "queued" and Queue("theirs", connection=connection).job_ids == [theirs.id]
    assert costs.problems == () and costs.workers == 2
    assert costs.dispatch.low_s > SLOW_S and costs.pickup is not None and costs.pickup.low_s > SLOW_S
    assert costs.dispatch.count == 28  # 30 jobs on two workers
    assert costs.look_s == pytest.approx(median(later - look for look, later in pairwise(looks)), rel=0.2)
    assert costs.late is not None and costs.late.low_s > -1 and costs.late.high_s < 1 + LOOK_S


def test_the_command_prints_lines_that_a_scenario_takes(url: str, connection: Any, run: Any) -> None:
    with working(connection), scheduling(connection):
        lines = read_mapping(run(*COMMAND, "--redis", url).encode(), "lines.yaml")
    assert set(lines["event_driven"]) == {"accept_s", "dispatch_s", "retry_tick_s"}
    assert EventDriven.parse(lines["event_driven"]).retry_tick_s > 0


def test_without_a_scheduler_the_rest_is_printed_and_the_reason_said(
    url: str, connection: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with working(connection), pytest.raises(CommandError, match="No scheduler runs for the queue mine") as failed:
        call_command(*COMMAND, "--redis", url, "--format", "json")
    assert failed.value.returncode == 1
    output = json.loads(capsys.readouterr().out)
    assert set(output["event_driven"]) == {"accept_s", "dispatch_s"} and output["measured"]["dispatch_s"]["count"] == 11
    assert output["problems"] == [str(failed.value).removeprefix("measure_rq: ")]


def test_what_is_under_way_when_it_ends_early_is_deleted_too(connection: Any) -> None:
    with working(connection, StallingWorker):
        before = keys(connection)
        with pytest.raises(CannotMeasure, match=r"of 200 jobs ended within 4 s: give fewer --jobs"):
            measure_rq(connection, QUEUE, jobs=200, timeout_s=4)
        assert keys(connection) == before
    left = keys(connection)
    assert not left & {f"rq:finished:{QUEUE}".encode(), f"rq:wip:{QUEUE}".encode()}
    assert not [key for key in left if b"crossover" in key]


def test_a_clock_that_differs_is_noticed_and_only_the_pickup_is_left_out(
    connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """rq's worker takes its times from these two modules, and what enqueues from another."""

    def ahead() -> datetime:
        return now() + timedelta(seconds=5)

    monkeypatch.setattr("rq.worker.base.now", ahead)
    monkeypatch.setattr("rq.job.now", ahead)
    with working(connection):
        costs = measure_rq(connection, QUEUE, jobs=12, timeout_s=60)
    assert costs.pickup is None and costs.dispatch.high_s < 5
    assert "ahead of this machine's" in costs.problems[0]


def _no_worker(connection: Any) -> None:
    with pytest.raises(CannotMeasure, match="No rq worker listens on the queue mine"):
        measure_rq(connection, QUEUE, jobs=20, timeout_s=10)


def _others_wait(connection: Any) -> None:
    connection.sadd(f"rq:workers:{QUEUE}", "rq:worker:one")
    connection.hset("rq:worker:one", "state", "busy")
    Queue(QUEUE, connection=connection).enqueue("time.sleep", 0)
    with pytest.raises(CannotMeasure, match="1 job waits in the queue mine"):
        measure_rq(connection, QUEUE, jobs=20, timeout_s=10)


def _too_few_jobs(connection: Any) -> None:
    with working(connection, number=3), pytest.raises(CannotMeasure, match="give --jobs 6 or more"):
        measure_rq(connection, QUEUE, jobs=5, timeout_s=10)


def _foreign_serializer(connection: Any) -> None:
    with working(connection, serializer=JSONSerializer):
        with pytest.raises(CannotMeasure, match="another serializer"):
            measure_rq(connection, QUEUE, jobs=12, timeout_s=10)
        costs = measure_rq(connection, QUEUE, jobs=12, timeout_s=20, serializer="json")
        assert costs.dispatch.count == 11


def _suspended(connection: Any) -> None:
    suspend(connection)
    with working(connection), pytest.raises(CannotMeasure, match=r"are suspended: let them go on \(rq resume\)"):
        measure_rq(connection, QUEUE, jobs=12, timeout_s=10)
    resume(connection)


@pytest.mark.parametrize("check", [_no_worker, _others_wait, _too_few_jobs, _foreign_serializer, _suspended])
def test_what_keeps_from_measuring_is_said(connection: Any, check: Any) -> None:
    check(connection)
    assert connection.keys("rq:job:crossover*") == []


@pytest.mark.parametrize(
    ("given", "code", "reason"),
    [
        (["--redis", "redis://me:s3cret@127.0.0.1:1/0"], 1, "redis://127.0.0.1:1/0 does not answer"),
        (["--redis", "redis://me:s3/cret@127.0.0.1:1/0"], 2, "--redis: must be redis://"),
        (["--redis", "http://me:s3cret@127.0.0.1"], 2, "--redis: must be redis://"),
        ([], 2, "--redis: give the broker's URL"),
    ],
)
def test_a_wrong_address_is_said_without_its_password(
    given: list[str], code: int, reason: str, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RQ_REDIS_URL", raising=False)
    with pytest.raises(CommandError) as failed:
        run("measure_rq", "--queue", QUEUE, *given)
    assert failed.value.returncode == code
    assert reason in str(failed.value) and "s3" not in str(failed.value) and "me:" not in str(failed.value)


def test_a_queues_key_that_holds_something_else_is_said(connection: Any, url: str, run: Any) -> None:
    connection.sadd(f"rq:workers:{QUEUE}", "rq:worker:one")
    connection.hset("rq:worker:one", "state", "idle")
    connection.set(f"rq:queue:{QUEUE}", "text")
    with pytest.raises(CommandError, match="answers with an error: WRONGTYPE"):
        run("measure_rq", "--redis", url, "--queue", QUEUE)


def test_the_command_that_starts_a_worker_can_be_pasted(url: str, run: Any) -> None:
    with pytest.raises(CommandError, match=r"\(rq worker 'two words'\)"):
        run("measure_rq", "--redis", url, "--queue", "two words")


@pytest.mark.parametrize(
    ("option", "given", "reason"),
    [
        ("--queue", "", "must be the name of an rq queue"),
        ("--queue", "a\nb", "must be the name of an rq queue"),
        ("--jobs", "0", "must be a whole number from 1 to 1,000,000"),
        ("--timeout", "soon", "must be a whole number from 1 to 86,400"),
    ],
)
def test_an_option_that_cannot_be_is_said(url: str, run: Any, option: str, given: str, reason: str) -> None:
    with pytest.raises(CommandError, match=f"argument {option}: {reason}"):
        run("measure_rq", "--redis", url, "--queue", QUEUE, option, given)


def test_a_serializer_that_cannot_be_imported_is_bad_input(url: str, run: Any) -> None:
    with pytest.raises(CommandError, match="--serializer: there is no serializer") as failed:
        run("measure_rq", "--redis", url, "--queue", QUEUE, "--serializer", "no.such")
    assert failed.value.returncode == 2


@pytest.mark.parametrize("url", ["redis://u:p@h:1/2?password=p", "rediss://:p@h:1/2", "unix://u:p@/s.sock?db=1"])
def test_an_address_is_shown_without_user_and_password(url: str) -> None:
    assert "p" not in shown_address(url).replace("http", "").replace(".", "").removeprefix("unix").removeprefix(
        "rediss"
    )

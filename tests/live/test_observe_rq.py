"""`observe` at a running rq under a load that the test makes: what it says is what was done, and it may only read."""

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from django.core.management import call_command
from django.core.management.base import CommandError
from pydantic import SecretStr
from rq import Queue, Retry

from advisor.advice.answers import answers_from
from advisor.advice.yaml_json import read_mapping
from advisor.decisions.jobs import look_at_queues
from advisor.decisions.models import Decision, QueueLook
from simulator.live.observe_rq import Attempt, CannotObserve, QueueObservation, observe, workers_for_wait
from tests.live.test_measure_rq import QUEUE, connection, url, working
from tests.unit.commands.conftest import run

__all__ = ["connection", "run", "url"]

WORK_S, GAP_S, SECONDS = 0.06, 0.05, 4.0
done: list[tuple[float, float]] = []
"""When each execution began and ended, as the job's own function saw it."""


def work(fails: bool) -> None:
    began = time.time()
    time.sleep(WORK_S)
    done.append((began, time.time()))
    if fails:
        raise RuntimeError("as planned")


def fail_slowly() -> None:
    time.sleep(0.7)  # so that each execution is under way at some look
    raise RuntimeError("as planned")


@contextmanager
def load(connection: Any, enqueue: Callable[[Queue, int], Any]) -> Iterator[list[float]]:
    """Jobs at random distances of `GAP_S` on average, until the block ends; when each was enqueued."""
    queue, stopped, enqueued, draws = Queue(QUEUE, connection=connection), threading.Event(), [], random.Random(7)
    done.clear()

    def make() -> None:
        while not stopped.wait(draws.expovariate(1 / GAP_S)):
            enqueued.append(time.time())
            enqueue(queue, len(enqueued))

    thread = threading.Thread(target=make)
    thread.start()
    try:
        yield enqueued
    finally:
        stopped.set()
        thread.join()


@pytest.fixture
def reader(connection: Any, url: str) -> Iterator[Any]:
    """A connection that may read, and neither write, block nor scan."""
    rules = [
        "on",
        ">only-reads",
        "~*",
        "-@all",
        "+@read",
        "-@blocking",
        "-@dangerous",
        "-scan",
        "+ping",
        "+time",
        "+select",
    ]
    connection.execute_command("ACL", "SETUSER", "reader", *rules)
    with redis.Redis.from_url(url, username="reader", password="only-reads") as known:
        yield known


def test_what_it_says_is_what_the_load_did(connection: Any, reader: Any) -> None:
    """Two workers at a load of .6; every tenth job fails."""
    with (
        working(connection, number=2),
        load(connection, lambda queue, place: queue.enqueue(work, place % 10 == 0)) as at,
    ):
        time.sleep(0.5)
        begun = time.time()
        (observation,) = observe(reader, [QUEUE], SECONDS)
        ended = time.time()
        sent = [instant for instant in at if begun <= instant < ended]
        executed = [(began, end) for began, end in done if begun <= end < ended]
    assert observation.arrivals == pytest.approx(len(sent), rel=0.05)
    assert observation.executions == pytest.approx(len(executed), rel=0.05)
    assert observation.mean_service_s == pytest.approx(np.mean([end - began for began, end in executed]), rel=0.15)
    assert observation.failed_share == pytest.approx(0.1, abs=0.03)
    assert observation.workers == 2
    assert observation.load == pytest.approx(observation.rate_per_s * observation.mean_service_s / 2)
    assert observation.interarrival_cv == pytest.approx(np.std(np.diff(sent)) / np.mean(np.diff(sent)), rel=0.05)
    waits = [attempt.wait_s for attempt in observation.attempts]
    order = sorted(at)
    expected = [began - instant for instant, (began, _) in zip(order, sorted(done), strict=False) if began >= begun]
    assert np.mean(waits) == pytest.approx(np.mean(expected[: len(waits)]), rel=0.25, abs=0.01)


def test_jobs_that_leave_no_trace_are_counted_by_their_workers(connection: Any, reader: Any) -> None:
    with (
        working(connection, number=2),
        load(connection, lambda queue, _: queue.enqueue(work, False, result_ttl=0)) as at,
    ):
        time.sleep(0.5)
        begun = time.time()
        (observation,) = observe(reader, [QUEUE], SECONDS)
        sent = [instant for instant in at if begun <= instant < begun + SECONDS]
    assert observation.arrivals == pytest.approx(len(sent), rel=0.05, abs=2)
    assert observation.mean_service_s == pytest.approx(WORK_S, rel=0.25)


def test_a_job_that_is_tried_again_counts_once_and_each_of_its_attempts(connection: Any, reader: Any) -> None:
    queue = Queue(QUEUE, connection=connection)
    timer = threading.Timer(0.5, lambda: queue.enqueue(fail_slowly, retry=Retry(max=2)))
    with working(connection):
        timer.start()
        (observation,) = observe(reader, [QUEUE], 5.0)
    timer.join()
    assert (observation.arrivals, observation.executions, observation.most_retries) == (1, 3, 2)
    assert observation.load == pytest.approx(3 * 0.7 / 5, rel=0.1)
    assert all(attempt.failed for attempt in observation.attempts)


def test_a_backlog_without_workers_is_said_to_be_one(connection: Any, reader: Any) -> None:
    queue = Queue(QUEUE, connection=connection)
    for _ in range(5):
        queue.enqueue(work, False)
    (observation,) = observe(reader, [], 1.0)
    assert (observation.name, observation.workers, observation.executions, observation.depths.tolist()[-1]) == (
        QUEUE,
        0,
        0,
        5,
    )
    assert observation.drain_s is None and workers_for_wait(observation, 1.0) is None


def test_another_queue_and_another_database_are_named(connection: Any, reader: Any) -> None:
    with pytest.raises(CannotObserve, match="no rq queue at this address"):
        observe(reader, [], 1.0)
    Queue("mail", connection=connection).enqueue(work, False)
    with pytest.raises(CannotObserve, match=r"no queue mial at this address; there are: mail\."):
        observe(reader, ["mial"], 1.0)


def observed(rate_per_s: float, times_s: list[float], workers: int = 4) -> QueueObservation:
    attempts = tuple(Attempt(0.0, 0.0, time_s, False) for time_s in times_s)
    return QueueObservation(
        name="mine",
        seconds=100.0,
        arrived_at=np.zeros(0),
        attempts=attempts,
        arrivals=round(100 * rate_per_s),
        executions=len(times_s),
        working_s=sum(times_s),
        workers=workers,
        most_retries=0,
        depths=np.array([0.0, 30.0]),
        busy_share=0.5,
    )


def test_the_fewest_workers_are_those_of_erlangs_formula() -> None:
    """5 jobs a second of exponential work of 1 s: P(wait > .5 s) = C(n, 5) e^(-(n - 5) / 2), under 5 % from 9 workers on (8: 3.7 % would do)."""
    times_s = list(-np.log(1 - (np.arange(2000) + 0.5) / 2000))

    def late(servers: int) -> float:
        blocked = 1.0
        for number in range(1, servers + 1):
            blocked = 5 * blocked / (number + 5 * blocked)
        waits = blocked / (1 - 5 / servers * (1 - blocked))
        return float(waits * np.exp(-(servers - 5) * 0.5))

    fewest = next(servers for servers in range(6, 20) if late(servers) <= 0.05)
    assert workers_for_wait(observed(5.0, times_s), 0.5) == fewest


def test_load_and_drain_time_are_those_of_a_fluid_queue() -> None:
    """2 a second of 1 s on 4 workers: half of what they can do; 30 jobs drain at 2 a second."""
    observation = observed(2.0, [1.0] * 200)
    assert observation.load == pytest.approx(0.5)
    assert observation.drain_s == pytest.approx(15.0)


def test_the_command_writes_answers_that_advise_reads(connection: Any, url: str, tmp_path: Path, run: Any) -> None:
    sheet = tmp_path / "mine.yaml"
    with working(connection, number=2), load(connection, lambda queue, _: queue.enqueue(work, False)):
        output = run(
            "observe", "--redis", url, "--queue", QUEUE, "--minutes", "0.08", "--to", str(sheet), "--format", "json"
        )
    (queue,) = json.loads(output)["queues"]
    assert queue["queue"] == QUEUE and queue["workers"] == 2 and queue["workers_for_wait"] >= 1
    answers = answers_from(read_mapping(sheet.read_bytes(), sheet.name))
    assert answers.volume.mean_rate_per_s == pytest.approx(queue["rate_per_s"], rel=0.01)
    assert answers.operations.max_workers == 2 and answers.operations.broker == "rq"
    assert answers.processing.p50_s == pytest.approx(queue["service_s"]["p50"], rel=0.01)


def test_a_wrong_address_is_refused_with_what_is_accepted() -> None:
    with pytest.raises(CommandError, match="--redis: must be redis://"):
        call_command("observe", redis="localhost")


@pytest.mark.django_db(transaction=True)
def test_a_worker_looks_for_a_decision_and_writes_what_was_seen(
    connection: Any, url: str, settings: Any, decision: Decision
) -> None:
    """From the page on: the address is the one that the configuration has for the name, and each end is in the row."""
    named = SecretStr(f"here={url} gone=redis://127.0.0.1:9/0")
    settings.CONFIGURATION = settings.CONFIGURATION.model_copy(update={"observable_redis": named})
    looks = [
        QueueLook.objects.create(decision=decision, broker=broker, queues=QUEUE, seconds=4, wait_s=10)
        for broker in ("here", "gone", "else")
    ]
    with working(connection), load(connection, lambda queue, place: queue.enqueue(work, place % 10 == 0)):
        for look in looks:
            look_at_queues(str(look.pk))
            look.refresh_from_db()
    seen, gone, other = looks
    assert seen.finished_at is not None and seen.error_text == "" and seen.progress_fraction == 1
    [[name, facts]] = seen.result["queues"]
    assert name == QUEUE and dict(facts)["workers"].startswith("1, working")
    assert seen.result["values"]["volume.mean_rate_per_s"] == pytest.approx(1 / GAP_S, rel=0.3)
    assert "of gone does not answer" in gone.error_text and "127.0.0.1" not in gone.error_text.split(":")[0]
    assert other.error_text == "Its address is no longer allowed."
    look_at_queues(str(seen.pk))  # a second notification
    before = seen.finished_at
    seen.refresh_from_db()
    assert seen.finished_at == before

"""The rq worker of a live run: what it leaves in the broker, and what a job costs there."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from simulator.live import broker
from simulator.live.run import worker_bench
from simulator.live.run.fork_server import process_environment
from simulator.live.run.processes import end_all
from simulator.live.system.event_driven.worker import ThreadWorker, taken_ns

QUEUE = "jobs"
RAN: list[tuple[int, int]] = []


def work(number: int) -> None:
    """A job that only says that it ran, and since when."""
    RAN.append((number, taken_ns()))
    if number < 0:
        raise ValueError(number)


@pytest.fixture
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("w")
    process = broker.start(folder, process_environment())
    try:
        broker.wait_for(process, folder, 20.0, lambda: None)
        with redis.Redis.from_url(broker.socket_url(folder / "broker.sock")) as known:
            yield known
    finally:
        end_all([process])


def worked(connection: Any, *numbers: int) -> list[Job]:
    """The jobs that the worker claimed, in turn."""
    claimed: list[Job] = []
    queue = Queue(QUEUE, connection=connection, serializer=JSONSerializer)
    for number in numbers:
        queue.enqueue_call(f"{__name__}.work", args=(number,), timeout=-1, result_ttl=0, failure_ttl=0)
    RAN.clear()
    kind: Any = type("Worker", (ThreadWorker,), {"claims": staticmethod(claimed.append)})
    worker = kind([QUEUE], connection=connection, serializer=JSONSerializer, log_job_description=False)
    thread = threading.Thread(target=worker.work, kwargs={"burst": True, "logging_level": "CRITICAL"})
    thread.start()
    thread.join(20.0)
    return claimed


def test_it_runs_jobs_in_their_order_and_leaves_nothing_of_them_but_what_was_claimed(connection: Any) -> None:
    before_ns = time.monotonic_ns()
    claimed = worked(connection, 1, 2, 3)
    assert [number for number, _ in RAN] == [1, 2, 3]
    taken = [at_ns for _, at_ns in RAN]
    assert before_ns < taken[0] < taken[1] < taken[2] < time.monotonic_ns()
    assert not connection.keys("rq:job:*") + connection.keys("rq:execution*") + connection.keys("rq:wip:*")
    left = connection.lrange(f"rq:queue:{QUEUE}:intermediate", 0, -1)
    assert [entry.decode() for entry in left] == [job.id for job in claimed]  # for the claim itself to take out


def test_a_job_that_breaks_off_does_not_take_its_worker_along(connection: Any) -> None:
    worked(connection, 1, -2, 3)
    assert [number for number, _ in RAN] == [1, -2, 3]


def test_fifty_workers_do_every_job_for_a_third_of_what_rq_asks_of_the_broker() -> None:
    """rq's own worker sends 51 commands for a job, putting it in included; the figures count that none got lost."""
    figures = worker_bench.live_figures(jobs=300)
    assert figures["broker_commands_a_job"] < 18
    assert figures["memory_mb"] < 400

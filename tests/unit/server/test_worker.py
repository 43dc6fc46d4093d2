"""The worker's heartbeat, and how it ends."""

import os
import signal
import threading
from collections.abc import Callable, Iterator

import pytest
from django.utils import timezone
from rq import Queue
from rq.job import Job, JobStatus

from advisor.server import worker as module
from advisor.server.vitals import workers_alive
from advisor.server.worker import SimulationWorker, simulation_worker


def end_this_worker() -> None:
    """A job that sees to it that its worker ends after it."""
    os.kill(os.getpid(), signal.SIGTERM)


def outlast_several_pulses() -> None:
    """A job during which the main thread shows no sign of life."""
    threading.Event().wait(0.5)
    end_this_worker()


@pytest.fixture
def worker(queue_url: str) -> SimulationWorker:
    return simulation_worker("worker-of-the-test")


def enqueue(worker: SimulationWorker, function: Callable[[], None], timeout_s: int = 60) -> Job:
    """At once: django-rq's own queue waits for a transaction to commit."""
    [queue] = worker.queues
    return Queue(queue.name, queue.connection, serializer=queue.serializer).enqueue(function, job_timeout=timeout_s)


def is_finished(job: Job) -> bool:
    return bool(job.get_status(refresh=True) == JobStatus.FINISHED)


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    former = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in former.items():
        signal.signal(number, handler)


def test_it_ends_after_the_job_that_it_is_at(worker: SimulationWorker) -> None:
    first, second = enqueue(worker, end_this_worker), enqueue(worker, end_this_worker)
    worker.work_until_told()
    assert (is_finished(first), is_finished(second)) == (True, False)


def test_it_shows_its_heartbeat_while_a_job_runs(worker: SimulationWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PULSE_S", 0.05)
    beats: list[bool] = []
    beat = worker.maintain_heartbeats
    monkeypatch.setattr(worker, "maintain_heartbeats", lambda *of: (beat(*of), beats.append(True)))
    enqueue(worker, outlast_several_pulses)
    worker.work_until_told()
    assert len(beats) > 1


def test_one_that_was_killed_is_not_promised_for_the_length_of_its_run(worker: SimulationWorker) -> None:
    job = enqueue(worker, end_this_worker, timeout_s=36_000)
    assert worker.get_heartbeat_ttl(job) < 120


def test_a_job_is_not_struck_by_an_alarm(worker: SimulationWorker) -> None:
    before = signal.getitimer(signal.ITIMER_REAL)
    with worker.death_penalty_class(1, RuntimeError):
        assert signal.getitimer(signal.ITIMER_REAL) == before


def test_it_is_counted_from_its_first_moment_to_its_last(worker: SimulationWorker) -> None:
    [queue] = worker.queues
    enqueue(worker, end_this_worker)
    counted: list[int] = []
    perform = worker.perform_job
    worker.perform_job = lambda *of: (counted.append(workers_alive(queue, timezone.now())), perform(*of))[1]
    worker.work_until_told()
    assert (counted, workers_alive(queue, timezone.now())) == ([1], 0)

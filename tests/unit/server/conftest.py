"""A real broker of our own for the tests that talk to one."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from advisor.configuration import Configuration
from advisor.server.broker import embedded_broker, wait_for_safe_broker
from advisor.server.supervisor import Child


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    """As `up` would have it for a data folder of its own."""
    return django_settings.CONFIGURATION.model_copy(update={"data": tmp_path, "redis_url": None})


@pytest.fixture
def queue_url(configuration: Configuration, settings: Settings) -> Iterator[str]:
    child = embedded_broker(configuration, os.environ)
    child.start()
    try:
        wait_for_safe_broker(configuration.broker_url, 10, child.has_ended)
        _use(settings, configuration)
        yield configuration.broker_url
    finally:
        child.kill()
        reap(child)


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

"""The embedded broker: private, durable, and able to take over from an earlier start."""

import os
import socket
import stat
from pathlib import Path

import pytest
import redis

from advisor.configuration import SOCKET_PATH_BYTES, Configuration
from advisor.server import broker
from advisor.server.supervisor import Child
from core.errors import CannotRun
from core.processes.child_process import make_private_folder
from tests.unit.server.conftest import UNSAFE_POLICIES, reap


@pytest.fixture
def started(queue_url: str) -> redis.Redis:
    return redis.Redis.from_url(queue_url)


def embedded(configuration: Configuration) -> Child:
    return broker.embedded_broker(configuration, os.environ)


def wait_for(child: Child, configuration: Configuration) -> None:
    broker.wait_for_safe_broker(configuration.broker_url, 10, child.has_ended)


def test_only_its_owner_reaches_it(running_broker: Configuration, started: redis.Redis) -> None:
    at = running_broker.broker_socket
    assert stat.S_IMODE(at.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(at.stat().st_mode) == 0o700
    assert started.config_get("port")["port"] == "0"


def test_it_drops_nothing_and_writes_everything_down(started: redis.Redis) -> None:
    assert started.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
    assert started.config_get("appendonly")["appendonly"] == "yes"


def test_work_survives_its_end(configuration: Configuration, tmp_path: Path) -> None:
    first = embedded(configuration)
    first.start()
    wait_for(first, configuration)
    connection = redis.Redis.from_url(configuration.broker_url)
    connection.rpush("queue", "job")
    connection.execute_command("WAITAOF", 1, 0, 5000)
    first.kill()
    reap(first)
    second = embedded(configuration)
    second.start()  # over the stale socket that the first has left
    try:
        wait_for(second, configuration)
        assert connection.lrange("queue", 0, -1) == [b"job"]
    finally:
        second.kill()
        reap(second)


def test_it_takes_over_from_an_orphan(configuration: Configuration) -> None:
    orphan = embedded(configuration)
    orphan.start()
    wait_for(orphan, configuration)
    connection = redis.Redis.from_url(configuration.broker_url)
    connection.rpush("queue", "job")
    successor = embedded(configuration)
    successor.start()
    try:
        reap(orphan)  # it was asked to end, and has saved its log
        wait_for(successor, configuration)
        assert connection.lrange("queue", 0, -1) == [b"job"]
    finally:
        successor.kill()
        reap(successor)


def test_a_long_data_path_gets_a_short_socket(
    configuration: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = configuration.model_copy(update={"data": tmp_path / ("d" * 60) / ("e" * 60)})
    assert len(os.fsencode(deep.broker_socket)) < SOCKET_PATH_BYTES
    assert (
        deep.broker_socket != configuration.model_copy(update={"data": tmp_path / "other" / ("e" * 99)}).broker_socket
    )
    child = embedded(deep)
    child.start()
    try:
        wait_for(child, deep)
    finally:
        child.kill()
        reap(child)
        deep.broker_socket.unlink(missing_ok=True)
        deep.broker_socket.parent.rmdir()


def test_a_stale_socket_is_removed(configuration: Configuration) -> None:
    at = configuration.broker_socket
    at.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(at))
    broker.end_orphan(at)
    assert not at.exists()


def test_a_folder_that_is_no_folder_of_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CannotRun, match="belongs to somebody else"):
        make_private_folder(tmp_path / "link")


def test_an_orphan_that_does_not_answer_is_a_sentence(configuration: Configuration) -> None:
    at = configuration.broker_socket
    at.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as orphan:
        orphan.bind(str(at))
        orphan.listen()
        with pytest.raises(CannotRun, match="does not answer"):
            broker.end_orphan(at, patience_s=0)


@pytest.mark.parametrize("policy", UNSAFE_POLICIES)
def test_a_broker_that_may_drop_work_is_refused(policy: str, started: redis.Redis, queue_url: str) -> None:
    started.config_set("maxmemory-policy", policy)
    with pytest.raises(CannotRun, match=f"{policy}.*noeviction"):
        broker.wait_for_safe_broker(queue_url, 1)
    started.config_set("maxmemory-policy", "noeviction")


def test_a_broker_that_is_not_there_is_a_sentence(configuration: Configuration) -> None:
    with pytest.raises(CannotRun, match="does not answer"):
        broker.wait_for_safe_broker(configuration.broker_url, 0.2)


def test_without_the_wheel_one_on_the_path_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = tmp_path / "redis-server"
    server.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert broker.usable_program() == server
    server.unlink()
    with pytest.raises(CannotRun, match="Install valkey-server or redis-server"):
        broker.usable_program()

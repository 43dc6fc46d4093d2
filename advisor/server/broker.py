"""The message broker: the one that `up` starts itself, or the one that REDIS_URL names."""

import os
import socket
import stat
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

import redis

from advisor.configuration import Configuration
from advisor.server.child import CannotStart, Child
from simulator.live.broker import NoBroker, server_command, server_program

EVICTION_SENTENCE = (
    "The broker's maxmemory-policy is {policy}: it would drop queued work silently when its memory is full. "
    "Set it to noeviction (CONFIG SET maxmemory-policy noeviction), then start again."
)
ORPHAN_PATIENCE_S = 5.0


class BrokerUnusable(CannotStart):
    pass


def embedded(configuration: Configuration, environment: Mapping[str, str]) -> Child:
    """The broker as a child. Raises BrokerUnusable where this machine has none to start."""
    program, at, data = usable_program(), configuration.broker_socket, configuration.data / "broker"
    data.mkdir(parents=True, exist_ok=True)

    def make_room() -> None:
        make_private(at.parent)
        clear_the_way(at)

    return Child(
        "broker",
        lambda: server_command(program, at, data, durable=True),
        environment,
        configuration.logs,
        before_start=make_room,
    )


def usable_program() -> Path:
    """The server to start. Raises BrokerUnusable where this machine has none."""
    try:
        return server_program()
    except NoBroker as none:
        raise BrokerUnusable(f"{none} Or name a running one in REDIS_URL.") from none


def make_private(folder: Path) -> None:
    """Make the folder of the socket, for this user alone. Raises BrokerUnusable where it is somebody else's."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise BrokerUnusable(f"{folder} belongs to somebody else. Remove it, or set TMPDIR to a folder of your own.")
    folder.chmod(0o700)


def clear_the_way(at: Path) -> None:
    """End an orphan that still serves the socket, its log saved, and unlink a stale socket. Raises BrokerUnusable where it will not end."""
    deadline = time.monotonic() + ORPHAN_PATIENCE_S
    while _answers(at):
        with redis.Redis.from_url(f"unix://{quote(str(at))}?socket_timeout=1") as orphan:
            try:
                orphan.shutdown()
            except redis.exceptions.ConnectionError:
                pass  # it has gone
            except redis.exceptions.RedisError:
                _wait_or_give_up(at, deadline)
    at.unlink(missing_ok=True)


def _wait_or_give_up(at: Path, deadline: float) -> None:
    if time.monotonic() > deadline:
        raise BrokerUnusable(f"A broker of an earlier start holds {at} and does not answer. End it, then start again.")
    time.sleep(0.1)


def _answers(at: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(at))
        except OSError:
            return False
    return True


def wait_for(url: str, patience_s: float, has_ended: Callable[[], bool] = lambda: False) -> None:
    """Return when the broker answers. Raises BrokerUnusable when it has ended, has not answered within `patience_s`, or would
    drop queued work."""
    deadline = time.monotonic() + patience_s
    with redis.Redis.from_url(url) as connection:
        while True:
            try:
                connection.ping()
                break
            except redis.exceptions.BusyLoadingError as loading:
                trouble: redis.exceptions.RedisError = loading
            except redis.exceptions.AuthenticationError as refused:
                raise BrokerUnusable(f"The broker refused the password: {refused}.") from refused
            except redis.exceptions.RedisError as unreachable:
                trouble = unreachable
            if has_ended() or time.monotonic() > deadline:
                raise BrokerUnusable(f"The broker does not answer ({trouble}).") from trouble
            time.sleep(0.05)
        refuse_eviction(connection)


def refuse_eviction(connection: redis.Redis) -> None:
    """Raises BrokerUnusable where the broker may drop queued work when its memory is full."""
    info = connection.info("memory")
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        raise BrokerUnusable(EVICTION_SENTENCE.format(policy=policy))

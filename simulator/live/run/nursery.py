"""`python -m simulator.live.run.nursery FD`: the process that a live run's parts are born from.

What they all need takes most of a second to import. This process imports it once; each part is a fork of it that is at work some
hundredths of a second later. Its controller asks over a socket (`nurseries.Nursery`) and is told over it how each part ended. When the
controller goes, so does this process; the parts have leashes of their own.
"""

import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simulator.live.system.parent_watch import LISTEN_FD

NEEDED = (
    "aiohttp.web",
    "openai",
    "redis.asyncio",
    "rq.worker",
    "standardwebhooks.webhooks",
    "simulator.live.system.clients.event_driven",
    "simulator.live.system.clients.synchronous",
    "simulator.live.system.clients.receiver",
    "simulator.live.system.endpoint.server",
    "simulator.live.system.event_driven.consuming",
    "simulator.live.system.event_driven.followers",
    "simulator.live.system.event_driven.webhooks",
    "simulator.live.system.event_driven.worker",
    "simulator.live.system.synchronous.service",
)
"""By the parts; the parts' own modules are run, and not imported."""
LARGEST_REQUEST = 2**16
MOST_FDS = 4
NAME = Path("/proc/self/comm")


@dataclass(frozen=True)
class Birth:
    """What the controller wants of a part: `simulator.live.<module>` with arguments, its standard files and perhaps a listening socket."""

    name: str
    module: str
    arguments: Sequence[str]
    environment: dict[str, str]
    fds: Sequence[int]
    """Standard input, output and error; then the listening socket, if it has one."""

    def live(self) -> None:
        """Be that part, to its end."""
        for place, fd in enumerate(self.fds[:3]):
            os.dup2(fd, place)
            os.close(fd)
        if len(self.fds) > 3:
            os.environ[LISTEN_FD] = str(self.fds[3])
        os.environ.update(self.environment)
        if NAME.exists():
            NAME.write_text(self.name[:15])  # as `ps` and `top` show it
        sys.argv[1:] = self.arguments
        runpy.run_module(f"simulator.live.{self.module}", run_name="__main__", alter_sys=True)


def nurse(control: socket.socket) -> Birth | None:
    """Bears parts until the controller goes. Returns nothing then; in each child, at once, what it is to be."""
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        control.send(b"{}")
        while True:
            for key, _ in selector.select():
                if key.data is not None:
                    _bury(selector, key.fd, key.data, control)
                    continue
                asked, fds, _, _ = socket.recv_fds(control, LARGEST_REQUEST, MOST_FDS)
                if not asked:
                    return None
                birth = Birth(**json.loads(asked), fds=fds)
                pid = os.fork()
                if pid == 0:
                    _forget(selector, control)
                    return birth
                os.setpgid(pid, pid)
                for fd in fds:
                    os.close(fd)
                selector.register(os.pidfd_open(pid), selectors.EVENT_READ, pid)
                _tell(control, {"pid": pid})


def _bury(selector: selectors.BaseSelector, fd: int, pid: int, control: socket.socket) -> None:
    selector.unregister(fd)
    os.close(fd)
    _, status = os.waitpid(pid, 0)
    _tell(control, {"ended": pid, "code": os.waitstatus_to_exitcode(status)})


def _tell(control: socket.socket, what: dict[str, int]) -> None:
    control.send(json.dumps(what).encode())


def _forget(selector: selectors.BaseSelector, control: socket.socket) -> None:
    """A child keeps nothing of the nursery's."""
    for key in list(selector.get_map().values()):
        if key.data is not None:
            os.close(key.fd)
    control.close()


def main(fd: int) -> None:
    """The nursery's life, and in each fork a part's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=fd)
    for name in NEEDED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what is shared stays shared: a collection in a child would write to it
    birth = nurse(control)
    if birth is not None:
        birth.live()


if __name__ == "__main__":
    main(int(sys.argv[1]))

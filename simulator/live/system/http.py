"""How a part serves HTTP: on the socket that the controller has bound for it, with room for as many connections as the machine allows."""

import os
import resource
import socket

from aiohttp import web

from simulator.live.system.parent_watch import LISTEN_FD

BACKLOG = 4096
"""Connections that may wait to be accepted: a burst must not be refused by the kernel before the design has seen it."""

GRACE_S = 1.0
"""For calls under way, when a part ends."""


def listening_socket() -> socket.socket:
    """The socket inherited from the controller.

    Raises:
        KeyError, OSError: there is none.
    """
    return socket.socket(fileno=int(os.environ[LISTEN_FD]))


def raise_file_limit() -> None:
    """As many open connections as this process may ever have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def serve(app: web.Application, listener: socket.socket, *, notices_leavers: bool = False) -> web.AppRunner:
    """The application answers from now on. `notices_leavers`: a handler is cancelled when its client closes the connection."""
    runner = web.AppRunner(app, access_log=None, handler_cancellation=notices_leavers, shutdown_timeout=GRACE_S)
    await runner.setup()
    await web.SockSite(runner, listener, backlog=BACKLOG).start()
    return runner

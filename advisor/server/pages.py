"""The process that serves the pages, on the socket that `up` has bound: while it is started again, connections wait instead of being refused."""

import errno
import socket

import uvicorn

from advisor.configuration import Configuration
from core.errors import CannotRun

GRACE_S = 3
"""How long open responses, event streams above all, may go on after SIGTERM."""


def listen_on(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        CannotRun: if the host is not an address of this machine.
        OSError: if the port is taken.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError:
        raise CannotRun(_no_such_address(host)) from None
    listener = socket.socket(family, kind)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as refused:
        listener.close()
        if refused.errno == errno.EADDRNOTAVAIL:
            raise CannotRun(_no_such_address(host)) from None
        raise
    return listener


def _no_such_address(host: str) -> str:
    return f"This machine has no address {host}. Choose one that it has with --host: 127.0.0.1 for a proxy on this machine, 0.0.0.0 for any."


def serve(listener: socket.socket, configuration: Configuration) -> None:
    server = uvicorn.Config(
        "advisor.asgi:application",
        lifespan="off",
        timeout_graceful_shutdown=GRACE_S,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=not configuration.local,
        forwarded_allow_ips=configuration.trusted_proxies,
    )
    uvicorn.Server(server).run(sockets=[listener])

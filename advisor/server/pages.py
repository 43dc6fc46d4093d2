"""The process that serves the pages, on the socket that `up` has bound: while it is started again, connections wait instead of being refused."""

import socket

import uvicorn

GRACE_S = 3
"""How long open responses, event streams above all, may go on after SIGTERM."""


def bound(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError where the port is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def serve(listener: socket.socket) -> None:
    """Serve until SIGTERM."""
    configuration = uvicorn.Config(
        "advisor.asgi:application",
        lifespan="off",
        timeout_graceful_shutdown=GRACE_S,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
    )
    uvicorn.Server(configuration).run(sockets=[listener])

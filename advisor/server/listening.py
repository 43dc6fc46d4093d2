"""The socket that the web processes of an `up` share."""

import contextlib
import errno
import http.client
import socket
import threading
import time
from http import HTTPStatus

from core.errors import CannotRun

LEFTOVER_PATIENCE_S = 10.0
"""The children of an `up` that was killed need this long to end and to free the port."""
BACKLOG = 128
FIRST_ANSWER_S = 120.0


def listen(host: str, port: int, left_over: bool, accepts_at_once: bool = True) -> socket.socket:
    """As `bind`. `left_over`: an `up` that was killed may still hold the port for a moment.

    `accepts_at_once`: callers wait until a web process can answer; otherwise they are refused until then, and a proxy
    asks another web server. Raises CannotRun.
    """
    deadline = time.monotonic() + (LEFTOVER_PATIENCE_S if left_over else 0)
    while True:
        try:
            listener = bind(host, port)
            if accepts_at_once:
                listener.listen(BACKLOG)
            return listener
        except PermissionError:
            raise CannotRun(
                f"Port {port} is reserved for the system's own services. Choose another with --port."
            ) from None
        except OSError:
            if time.monotonic() >= deadline:
                raise CannotRun(
                    f"Port {port} is taken. Choose another with --port, or 0 for any that is free."
                ) from None
            time.sleep(0.1)


def bind(host: str, port: int) -> socket.socket:
    """A socket at that address, on which the first web process begins to listen.

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
    except OSError as refused:
        listener.close()
        if refused.errno == errno.EADDRNOTAVAIL:
            raise CannotRun(_no_such_address(host)) from None
        raise
    return listener


def _no_such_address(host: str) -> str:
    return f"This machine has no address {host}. Choose one that it has with --host: 127.0.0.1 for a proxy on this machine, 0.0.0.0 for any."


def listening_url(listener: socket.socket) -> str:
    """An address of this machine at which the listener is reached."""
    host, port = listener.getsockname()[:2]
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def notice_first_answer(url: str) -> threading.Event:
    """Set once a web process has answered there."""
    answers = threading.Event()
    threading.Thread(target=_await_first_answer, args=[url, answers], name="first answer", daemon=True).start()
    return answers


def _await_first_answer(url: str, answers: threading.Event) -> None:
    deadline = time.monotonic() + FIRST_ANSWER_S
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=FIRST_ANSWER_S)
        # A web process that ended before it answered is started again.
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/health/live")
            if connection.getresponse().status == HTTPStatus.OK:
                answers.set()
                return
        time.sleep(0.1)

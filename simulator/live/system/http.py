"""HTTP between the processes of a run: on sockets that the controller has bound, to clients that know the run's token."""

import hmac
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from aiohttp import web

BACKLOG = 4096
"""Connections that may wait to be accepted: a burst must not be refused by the kernel before the design has seen it."""

SHUTDOWN_GRACE_S = 1.0

NO_ANSWER = 0
"""In place of an HTTP status: no answer came."""
LAST_EVENT_ID = "Last-Event-ID"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def authorization(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def client_session(token: str, timeout_s: float | None = None) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=timeout_s),
        headers=authorization(token),
    )


def error_response(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"error": message}, status=status, headers=headers)


def _unauthorized() -> web.Response:
    return error_response(401, "this service answers the live run that it belongs to", {"WWW-Authenticate": "Bearer"})


def make_application(
    token: str | None, *, unauthorized: Callable[[], web.Response] = _unauthorized, **options: Any
) -> web.Application:
    """An application that answers `unauthorized` unless a request has the token, if there is one, and all other HTTP errors as JSON.

    `options` are those of `web.Application`.
    """
    expected = None if token is None else authorization(token)["Authorization"].encode()

    @web.middleware
    async def check_token(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").encode(errors="surrogateescape")
        if expected is not None and not hmac.compare_digest(given, expected):
            return unauthorized()
        try:
            return await handler(request)
        except web.HTTPError as error:
            allowed = {name: error.headers[name] for name in ("Allow",) if name in error.headers}
            return error_response(error.status, error.text or error.reason, allowed)
        except web.RequestPayloadError:
            return error_response(400, "the body is not in the coding that it is said to be in")

    return web.Application(middlewares=[check_token], **options)


async def read_object(request: web.Request) -> dict[str, Any]:
    """The JSON object in a request's body.

    Raises:
        HTTPBadRequest, HTTPRequestEntityTooLarge: there is none.
    """
    try:
        given = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise web.HTTPBadRequest(text="the body is not JSON") from None
    if not isinstance(given, dict):
        raise web.HTTPBadRequest(text="the body is not a JSON object")
    return given


def read_number(given: dict[str, Any], name: str, below: int) -> int:
    """A whole number from 0.

    Raises:
        HTTPBadRequest: the object has none of that name, or one out of range.
    """
    number = given.get(name)
    if type(number) is not int or not 0 <= number < below:
        raise web.HTTPBadRequest(text=f"{name} must be a whole number from 0 to {below - 1}")
    return number


def read_job(given: dict[str, Any], jobs: int) -> int:
    """The number of one of the run's `jobs`.

    Raises:
        HTTPBadRequest: the object has no whole number `job`.
        HTTPNotFound: there is no such job.
    """
    job = given.get("job")
    if type(job) is not int:
        raise web.HTTPBadRequest(text="job must be a whole number")
    if not 0 <= job < jobs:
        raise web.HTTPNotFound(text="the run has no such job")
    return job


async def serve(
    app: web.Application, listener: socket.socket | None, *, notices_leavers: bool = False
) -> web.AppRunner:
    assert listener is not None  # noqa: S101  a process that serves has one
    runner = web.AppRunner(
        app, access_log=None, handler_cancellation=notices_leavers, shutdown_timeout=SHUTDOWN_GRACE_S
    )
    await runner.setup()
    await web.SockSite(runner, listener, backlog=BACKLOG).start()
    return runner

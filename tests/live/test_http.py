"""What every loopback service of a live run shares: only the run's own clients are answered, and no request can break a service."""

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from simulator.live.system.http import authorization, make_application, read_object
from tests.live.fakes_clients import TOKEN, serving


def ask(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> tuple[int, Any, dict[str, str]]:
    async def echo(request: web.Request) -> web.Response:
        return web.json_response(await read_object(request))

    async def run() -> tuple[int, Any, dict[str, str]]:
        app = make_application(TOKEN, client_max_size=20_000)
        app.router.add_post("/echo", echo)
        async with (
            serving(app) as address,
            aiohttp.ClientSession() as session,
            session.request(method, address + path, data=body, headers=headers) as response,
        ):
            return response.status, await response.json(), dict(response.headers)

    return asyncio.run(run())


@pytest.mark.parametrize(
    "given",
    [None, "", TOKEN, "Bearer", "Bearer ", f"bearer {TOKEN}", f"Bearer  {TOKEN}", f"Bearer {TOKEN}x", "Bearer é\udcff"],
)
@pytest.mark.parametrize("path", ["/echo", "/elsewhere"])
def test_a_request_without_the_token_of_the_run_is_401(given: str | None, path: str) -> None:
    status, body, headers = ask("POST", path, {} if given is None else {"Authorization": given}, b"{}")
    assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
    assert set(body) == {"error"}


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b"[]", 400), (b'{"a": "' + b"x" * 30_000 + b'"}', 413)])
def test_a_body_that_is_no_object_is_an_error_in_json(body: bytes, status: int) -> None:
    answer = ask("POST", "/echo", authorization(TOKEN), body)
    assert (answer[0], set(answer[1])) == (status, {"error"})
    assert ask("POST", "/echo", authorization(TOKEN), b'{"job": 1}')[:2] == (200, {"job": 1})


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/echo", 405), ("POST", "/elsewhere", 404)])
def test_other_methods_and_paths_are_errors_in_json(method: str, path: str, status: int) -> None:
    answer = ask(method, path, authorization(TOKEN))
    assert (answer[0], set(answer[1])) == (status, {"error"})
    assert status != 405 or answer[2]["Allow"] == "POST"

"""Requests that no service of a live run may be harmed by."""

import asyncio
import json
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp

from simulator.live.system.http import authorization
from tests.live.fakes_clients import TOKEN

NO_NUMBERS: list[Any] = [
    None,
    True,
    "0",
    "",
    0.5,
    -1,
    -(2**63),
    2**15,
    2**31,
    2**63,
    10**300,
    float("nan"),
    float("inf"),
    [],
    {},
    [0],
]
NO_OBJECTS = [
    b"",
    b"{",
    b"job=1",
    b"\xff\xfe\x00",
    b"\x00",
    b"null",
    b"0",
    b"[]",
    b'"\\ud800"',
    b"[" * 30_000,
    b'{"a":' * 9_000,
    b"1" * 5_000,
]


class Request(NamedTuple):
    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = authorization(TOKEN)


def bad_requests(path: str, good: dict[str, Any], numbers: list[str]) -> list[Request]:
    """Requests about the POST of a `good` object to `path`, each with something wrong in it; `numbers` are the object's whole numbers."""
    body = json.dumps(good).encode()
    bodies = [*NO_OBJECTS, json.dumps([good]).encode(), b" " * 2**23 + body]
    for name in numbers:
        bodies.append(json.dumps({key: value for key, value in good.items() if key != name}).encode())
        bodies += [json.dumps(good | {name: value}).encode() for value in NO_NUMBERS]
    return [
        *(Request("POST", path, given) for given in bodies),
        *(Request(method, path, body) for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW")),
        *(Request("POST", other, body) for other in ("/", f"{path}/", f"{path}/0", "/%00", "/%ff", "/" + "x" * 3_000)),
        *(Request("POST", path, body, headers) for headers in ({}, authorization("other"), {"Authorization": TOKEN})),
        Request("POST", path, body, authorization(TOKEN) | {"Content-Encoding": "gzip"}),
    ]


async def statuses_of(address: str, requests: list[Request]) -> list[int]:
    statuses = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        for request in requests:
            async with session.request(
                request.method, address + request.path, data=request.body, headers=request.headers
            ) as response:
                await response.read()
                statuses.append(response.status)
    url = urlsplit(address)
    for raw in (b"\x16\x03\x01\x00\xa5\x01\r\n\r\n", b"POST /jobs HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"):
        _, writer = await asyncio.open_connection(url.hostname, url.port)
        writer.write(raw)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    return statuses

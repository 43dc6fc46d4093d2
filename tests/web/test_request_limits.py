"""Bodies that are too long are neither kept nor waited for, whether or not they say how long they are."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from django.core.asgi import get_asgi_application
from django.db import connections
from django.urls import reverse

from advisor.decisions.models import Decision
from advisor.web import request_limits
from advisor.web.request_limits import LimitedBodies, LimitedBody
from tests.conftest import local_client

LIMIT = 1_000


class Client:
    """Sends chunks, then goes on or goes away."""

    def __init__(self, chunks: Iterable[bytes], stays: bool = False) -> None:
        self.chunks = list(chunks)
        self.stays = stays
        self.sent = 0

    async def receive(self) -> dict[str, Any]:
        if self.sent < len(self.chunks):
            self.sent += 1
            more = self.stays or self.sent < len(self.chunks)
            return {"type": "http.request", "body": self.chunks[self.sent - 1], "more_body": more}
        if self.stays:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}


def read(client: Client, headers: list[tuple[bytes, bytes]], linger_s: float = 5) -> tuple[bytes, dict[bytes, bytes]]:
    """What the site is given of it: the body and the headers."""
    body = LimitedBody(headers, client.receive, LIMIT, linger_s)

    async def all_of_it() -> bytes:
        received = b""
        while True:
            message = await body.receive()
            received += message["body"]
            if not message["more_body"]:
                return received

    return asyncio.run(all_of_it()), dict(headers)


@pytest.mark.parametrize("announced", [[], [(b"content-length", b"1000")]])
def test_what_is_within_the_limit_passes_whole_and_has_a_length(announced: list[tuple[bytes, bytes]]) -> None:
    assert read(Client([b"x" * 400, b"y" * 600]), announced) == (b"x" * 400 + b"y" * 600, {b"content-length": b"1000"})


def test_what_turns_out_too_long_is_cut_there_and_the_rest_is_dropped() -> None:
    client = Client([b"x" * 600] * 5)
    received, headers = read(client, [])
    assert (len(received), client.sent) == (600, 5)
    assert int(headers[b"content-length"]) > LIMIT


def test_what_announces_too_much_is_dropped_from_the_start() -> None:
    client = Client([b"x" * 600] * 2)
    assert read(client, [(b"content-length", b"1200")]) == (b"", {b"content-length": b"1200"})


def test_a_client_that_expects_100_is_not_told_to_continue() -> None:
    client = Client([b"x" * 600] * 2)
    read(client, [(b"content-length", b"1200"), (b"expect", b"100-continue")])
    assert client.sent == 0


def test_a_client_that_never_ends_is_not_waited_for() -> None:
    assert read(Client([b"x" * 1_001], stays=True), [], linger_s=0)[0] == b""


def test_after_the_end_comes_only_that_the_client_has_gone() -> None:
    client = Client([b"x" * 1_001, b"y"])
    body = LimitedBody([], client.receive, LIMIT, 0)

    async def beyond() -> str:
        await body.receive()
        return str((await body.receive())["type"])

    assert asyncio.run(beyond()) == "http.disconnect"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("announced", [True, False])
def test_the_page_that_it_was_sent_to_refuses_it(
    decision: Decision, announced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_limits, "TRACE_BYTES", LIMIT)
    token = b"t" * 32
    let_in = local_client().cookies.output(header="", sep=";").split(";")[0].strip().encode()
    chunks = [b"--x\r\n", b"z" * 100_000]
    headers = [(b"host", b"localhost"), (b"content-type", b"multipart/form-data; boundary=x"),
               (b"cookie", b"csrftoken=" + token + b"; " + let_in), (b"x-csrftoken", token)]  # fmt: skip
    length = [(b"content-length", str(sum(map(len, chunks))).encode())] if announced else []
    scope = {
        "type": "http", "method": "POST", "path": reverse("upload-trace", args=[decision.pk]), "query_string": b"",
        "headers": headers + length, "client": ["127.0.0.1", 1], "server": ["127.0.0.1", 80], "scheme": "http",
    }  # fmt: skip
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    client = Client(chunks, stays=True)
    asyncio.run(
        LimitedBodies(get_asgi_application(), LIMIT + request_limits.FORM_BYTES, 0)(scope, client.receive, send)
    )
    connections.close_all()
    assert sent[0]["status"] == 413
    assert b"over the limit" in b"".join(message.get("body", b"") for message in sent)

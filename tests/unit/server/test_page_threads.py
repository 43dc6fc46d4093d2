"""The handler of pages: few threads that stay, a response from one of them; slow clients hold none, and quick pages have their own."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core import signals
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import path

from advisor.server.page_threads import PageHandler, quick_page

THREADS: list[int] = []
ADVISED = threading.Event()


def answer(request: HttpRequest) -> HttpResponse:
    THREADS.append(threading.get_ident())
    return HttpResponse(request.body)


def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(iter([b"one, ", b"two"]))


def wait_for_advice(request: HttpRequest) -> HttpResponse:
    assert ADVISED.wait(20)
    return HttpResponse("advised")


@quick_page
def quick(request: HttpRequest) -> HttpResponse:
    return HttpResponse("quick")


urlpatterns = [
    path("answer", answer),
    path("stream", stream),
    path("advice", wait_for_advice),
    path("quick", quick),
]


@pytest.fixture
def handler() -> Iterator[PageHandler]:
    THREADS.clear()
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=["django.middleware.common.CommonMiddleware"]):
        yield PageHandler(threads=1, quick_threads=1)


def scope(at: str) -> dict[str, Any]:
    return {
        "type": "http", "method": "POST", "path": at, "query_string": b"", "headers": [(b"host", b"localhost")],
        "client": ["127.0.0.1", 1], "server": ["127.0.0.1", 80], "scheme": "http",
    }  # fmt: skip


async def ask(handler: PageHandler, at: str, body: bytes = b"", sent: asyncio.Event | None = None) -> tuple[int, bytes]:
    """Status and body; the request's body comes once `sent` is set."""
    messages: list[Any] = []

    async def receive() -> dict[str, Any]:
        if sent is not None:
            await sent.wait()
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        messages.append(message)

    await handler(scope(at), receive, send)
    return messages[0]["status"], b"".join(message.get("body", b"") for message in messages)


def test_requests_take_turns_in_threads_that_stay(handler: PageHandler) -> None:
    async def ask_three() -> list[tuple[int, bytes]]:
        return [await ask(handler, "/answer", body) for body in (b"a", b"b", b"c")]

    assert asyncio.run(ask_three()) == [(200, b"a"), (200, b"b"), (200, b"c")]
    assert len(set(THREADS)) == 1 and THREADS[0] != threading.get_ident()


def test_a_client_that_sends_slowly_holds_no_thread(handler: PageHandler) -> None:
    async def ask_both() -> list[tuple[int, bytes]]:
        sent = asyncio.Event()
        slow = asyncio.create_task(ask(handler, "/answer", b"slow", sent))
        quick = await asyncio.wait_for(ask(handler, "/answer", b"quick"), 10)
        sent.set()
        return [quick, await slow]

    assert asyncio.run(ask_both()) == [(200, b"quick"), (200, b"slow")]


def test_a_page_that_waits_for_advice_holds_up_no_quick_one(handler: PageHandler) -> None:
    async def ask_all() -> list[tuple[int, bytes]]:
        waiting = asyncio.create_task(ask(handler, "/advice"))
        await asyncio.sleep(0)
        try:
            quick = [await asyncio.wait_for(ask(handler, at), 10) for at in ("/quick", "/quick")]
        finally:
            ADVISED.set()
        return [*quick, await waiting]

    assert asyncio.run(ask_all()) == [(200, b"quick"), (200, b"quick"), (200, b"advised")]


def test_an_address_without_a_page_is_answered(handler: PageHandler) -> None:
    assert asyncio.run(ask(handler, "/nothing"))[0] == 404


def test_a_stream_is_sent_whole_and_connections_are_looked_after_in_its_thread(handler: PageHandler) -> None:
    finished: list[str] = []

    def note(**kwargs: object) -> None:
        finished.append(threading.current_thread().name)

    signals.request_finished.connect(note)
    try:
        assert asyncio.run(ask(handler, "/stream")) == (200, b"one, two")
    finally:
        signals.request_finished.disconnect(note)
    assert [name.startswith("page") for name in finished] == [True]

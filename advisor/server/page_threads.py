"""Django's ASGI handler, with all of a request in one thread of a few that stay.

Django's own takes a new thread for each request, so that each opens a connection to the database, and goes from the thread to the event loop and
back for each middleware that is not asynchronous. Bodies are still read, and answers sent, by the event loop: a slow client holds no thread.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, cast

from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.http import HttpResponseBase
from django.urls import set_script_prefix

PAGE_THREADS = 32
"""Each has a connection to the database while it is used. Some wait: for advice, for a report."""


class PageHandler(ASGIHandler):
    def __init__(self, threads: int = PAGE_THREADS) -> None:
        super().__init__()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="page")

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        loop = asyncio.get_running_loop()
        response = await loop.run_in_executor(self._threads, copy_context().run, self._answer, scope, body)
        await self.send_response(response, send)

    def _answer(self, scope: Any, body: Any) -> HttpResponseBase:
        """The response, closed: its parts are in memory."""
        with body:
            set_script_prefix(get_script_prefix(scope))
            signals.request_started.send(sender=type(self), scope=scope)
            request, refused = self.create_request(scope, body)
            response = cast("Any", self.get_response(request) if request is not None else refused)
            response._handler_class = type(self)
            if response.streaming:
                parts = list(response)
                response.close()
                response.streaming_content = _in_turn(parts)
            else:
                response.close()
            return cast("HttpResponseBase", response)


async def _in_turn(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part

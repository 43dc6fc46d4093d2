"""Django's ASGI handler, with all of a request in one thread of a few that stay.

Django's own takes a new thread for each request, so that each opens a connection to the database, and goes from the thread to the event loop and
back for each middleware that is not asynchronous. Bodies are still read, and answers sent, by the event loop: a slow client holds no thread.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import lru_cache
from typing import Any, TypeVar, cast

from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.http import HttpResponseBase
from django.urls import Resolver404, resolve, set_script_prefix

PAGE_THREADS = 32
"""Each has a connection to the database while it is used. Some wait: for advice, for a report."""
QUICK_THREADS = 3
"""They share one interpreter. With 32, a page took twice as much processor time: each thread that waits for it asks for it every 5 ms."""
_QUICK: set[Callable[..., Any]] = set()

_View = TypeVar("_View", bound=Callable[..., HttpResponseBase])


def quick_page(view: _View) -> _View:
    """Mark a view that is asked for often and waits for nothing but the database: it has threads of its own."""
    _QUICK.add(view)
    return view


class PageHandler(ASGIHandler):
    def __init__(self, threads: int = PAGE_THREADS, quick_threads: int = QUICK_THREADS) -> None:
        super().__init__()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="page")
        self._quick_threads = ThreadPoolExecutor(quick_threads, thread_name_prefix="quick page")

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        loop = asyncio.get_running_loop()
        threads = self._quick_threads if _is_quick(scope["path"]) else self._threads
        response = await loop.run_in_executor(threads, copy_context().run, self._answer, scope, body)
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


@lru_cache(maxsize=4096)
def _is_quick(path: str) -> bool:
    try:
        return resolve(path).func in _QUICK
    except Resolver404:
        return False


async def _in_turn(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part

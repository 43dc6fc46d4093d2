"""A limit on the body of every request, enforced before anything reads it.

Django's ASGI handler writes a whole body to disk before a middleware or a view sees the request, and takes one without an announced length for
empty. Around it, this reads on only as far as the largest upload may go. What is longer is cut, with a `Content-Length` over the limit: the
page that it was sent to then refuses it in its own words.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest

from advisor.decisions.errors import UploadTooLarge
from advisor.decisions.limits import TRACE_BYTES

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LINGER_S = 2.0
"""The rest of a body that was cut is read and dropped for so long: a client that still sends when the connection ends may not see the answer."""


class LimitedBodies:
    def __init__(self, app: App, limit_bytes: int, linger_s: float = LINGER_S) -> None:
        self.app = app
        self.limit_bytes = limit_bytes
        self.linger_s = linger_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = list(scope["headers"])
            scope = {**scope, "headers": headers}
            receive = LimitedBody(headers, receive, self.limit_bytes, self.linger_s).receive
        await self.app(scope, receive, send)


class LimitedBody:
    """The body of one request; its Content-Length is set before the last part is passed on."""

    def __init__(self, headers: list[tuple[bytes, bytes]], receive: Receive, limit_bytes: int, linger_s: float) -> None:
        self.headers = headers
        self.limit_bytes = limit_bytes
        self.linger_s = linger_s
        self.seen = 0
        self.ended = False
        self._receive = receive

    async def receive(self) -> Message:
        """The next message; after the last part of the body, the client's disconnect."""
        if self.ended:
            return await self._after_the_end()
        if self._announced() > self.limit_bytes:
            return await self._cut(self._announced())
        message = await self._receive()
        if message["type"] == "http.request":
            self.seen += len(message.get("body", b""))
            if self.seen > self.limit_bytes:
                return await self._cut(self.seen)
            if not message.get("more_body", False):
                self._end(self.seen)
        return message

    def _announced(self) -> int:
        given = dict(self.headers).get(b"content-length", b"")
        return int(given) if given.isdigit() else 0

    async def _cut(self, length: int) -> Message:
        self._end(length)
        if b"expect" not in dict(self.headers):  # a client that waits for "100 Continue" has sent nothing yet
            try:
                async with asyncio.timeout(self.linger_s):
                    while (await self._receive()).get("more_body", False):
                        pass
            except TimeoutError:
                pass
        return {"type": "http.request", "body": b"", "more_body": False}

    def _end(self, length: int) -> None:
        self.ended = True
        self.headers[:] = [(name, value) for name, value in self.headers if name != b"content-length"]
        self.headers.append((b"content-length", str(length).encode()))

    async def _after_the_end(self) -> Message:
        while (message := await self._receive())["type"] == "http.request":
            pass
        return message


FORM_BYTES = 1 << 16
"""For the other fields and the headings of the parts."""
LARGEST_BODY_BYTES = TRACE_BYTES + FORM_BYTES
"""No page accepts more."""


class LimitedUpload(FileUploadHandler):
    """Stop parsing once the announced or the received size is over the limit."""

    def __init__(self, request: HttpRequest, limit_bytes: int) -> None:
        super().__init__(request)
        self.limit_bytes = limit_bytes
        self.seen = 0

    def handle_raw_input(
        self,
        input_data: Any,
        meta: Mapping[str, Any],
        content_length: int,
        boundary: str,
        encoding: str | None = None,
    ) -> None:
        if content_length > self.limit_bytes + FORM_BYTES:
            raise UploadTooLarge(self.limit_bytes)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        self.seen += len(raw_data)
        if self.seen > self.limit_bytes:
            raise UploadTooLarge(self.limit_bytes)
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Another handler keeps the file."""


def limit_upload(request: HttpRequest, limit_bytes: int | None = None) -> None:
    """Set the limit (a recording's, unless given) on a request that has not been read yet."""
    request.upload_handlers.insert(0, LimitedUpload(request, TRACE_BYTES if limit_bytes is None else limit_bytes))

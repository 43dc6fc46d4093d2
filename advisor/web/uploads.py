"""A limit on what an upload may bring, kept while it is read."""

from collections.abc import Mapping
from typing import Any

from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest

from advisor.decisions.errors import UploadTooLarge
from advisor.decisions.limits import TRACE_BYTES

FORM_BYTES = 1 << 16
"""What the other fields and the headings of the parts may take."""
LARGEST_BODY_BYTES = TRACE_BYTES + FORM_BYTES
"""No page takes more."""


class Limited(FileUploadHandler):
    """Stops the parsing as soon as the request says, or turns out, to be larger than allowed."""

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
        """Refuses by the announced size.

        Raises:
            UploadTooLarge: if that is over the limit.
        """
        if content_length > self.limit_bytes + FORM_BYTES:
            raise UploadTooLarge(self.limit_bytes)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Passes the chunk on to the next handler.

        Raises:
            UploadTooLarge: once all chunks together are over the limit.
        """
        self.seen += len(raw_data)
        if self.seen > self.limit_bytes:
            raise UploadTooLarge(self.limit_bytes)
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Another handler keeps the file."""


def limit_upload(request: HttpRequest, limit_bytes: int | None = None) -> None:
    """Lays the limit (a trace's, unless given) on a request of which nothing has been read yet."""
    request.upload_handlers.insert(0, Limited(request, TRACE_BYTES if limit_bytes is None else limit_bytes))

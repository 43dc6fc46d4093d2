"""Responses put together from parts of which most were compressed before (RFC 1951, RFC 1952).

Each part is compressed by itself and ends at a byte, so that parts follow each other in one gzip stream. What differs each time, such as a CSRF
token, is not compressed at all: the length of a page says nothing about it, whatever text an attacker has put elsewhere on the page.
"""

import re
import zlib
from collections.abc import Iterable

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

LEVEL = 6
_ACCEPTS_GZIP = re.compile(r"\bgzip\b")
_HEAD = b"\x1f\x8b\x08" + bytes(6) + b"\xff"
_LAST_BLOCK = b"\x03\x00"
_LONGEST_STORED = 0xFFFF
_ZEROS = memoryview(bytes(1 << 20))


class Part:
    """Text of which only the compressed form is kept: it takes an eighth of the memory, and few browsers ask for the other."""

    def __init__(self, plain: bytes) -> None:
        self.deflated = self._deflate(plain)
        self.length = len(plain)
        self._checksum = zlib.crc32(plain) ^ _checksum_after_zeros(0, self.length)

    @staticmethod
    def _deflate(plain: bytes) -> bytes:
        compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        return compressor.compress(plain) + compressor.flush(zlib.Z_FULL_FLUSH)

    @property
    def plain(self) -> bytes:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(self.deflated)

    def checksum_after(self, checksum: int) -> int:
        """The CRC-32 of this part's text after another one's, given that of the other one: it is linear in its input."""
        return _checksum_after_zeros(checksum, self.length) ^ self._checksum


class SecretPart(Part):
    @staticmethod
    def _deflate(plain: bytes) -> bytes:
        """As it is, in a block of its own; of 65,535 bytes at most."""
        length = len(plain)
        return b"\x00" + length.to_bytes(2, "little") + (_LONGEST_STORED - length).to_bytes(2, "little") + plain


def _checksum_after_zeros(checksum: int, length: int) -> int:
    while length > len(_ZEROS):
        checksum, length = zlib.crc32(_ZEROS, checksum), length - len(_ZEROS)
    return zlib.crc32(_ZEROS[:length], checksum)


def response_of_parts(request: HttpRequest, parts: Iterable[Part], content_type: str | None = None) -> HttpResponse:
    parts = list(parts)
    if not _ACCEPTS_GZIP.search(request.headers.get("Accept-Encoding", "")):
        response = HttpResponse(b"".join(part.plain for part in parts), content_type=content_type)
    else:
        checksum = length = 0
        for part in parts:
            checksum, length = part.checksum_after(checksum), length + part.length
        end = checksum.to_bytes(4, "little") + (length & 0xFFFFFFFF).to_bytes(4, "little")
        body = b"".join([_HEAD, *(part.deflated for part in parts), _LAST_BLOCK, end])
        response = HttpResponse(body, content_type=content_type, headers={"Content-Encoding": "gzip"})
    patch_vary_headers(response, ("Accept-Encoding",))
    return response

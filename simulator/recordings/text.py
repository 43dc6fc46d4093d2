"""Bytes of a file, compressed or not and in any encoding, as UTF-8 blocks that end where a record ends."""

import bz2
import codecs
import gzip
import io
import lzma
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, cast

from charset_normalizer import from_bytes

from simulator.recordings.understanding import fail

BLOCK_BYTES = 4 << 20
LONGEST_RECORD_BYTES = 64 << 20
LONGEST_LINE_BYTES = 1 << 16
LARGEST_UNPACKED_BYTES = 4 << 30
"""Of a compressed file: a small one may unpack to any size."""
SAMPLE_BYTES = 1 << 16
_COMPRESSIONS: dict[bytes, tuple[str, Callable[[Any], Any]]] = {
    b"\x1f\x8b": ("gzip", gzip.open),
    b"BZh": ("bzip2", bz2.open),
    b"\xfd7zXZ": ("xz", lzma.open),
}
_MAGIC = {
    b"PK\x03\x04": "a zip archive or an Excel workbook; unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; save the sheet as CSV",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; unpack it, or compress it with gzip",
    b"%PDF": "a PDF; save the table as CSV",
    b"PAR1": "a Parquet file; save it as CSV or JSON lines",
    b"SQLite": "a database; export the table as CSV",
    b"<": "HTML or XML; save the table as CSV",
}
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NATIONAL = ["cp1252", "cp1250", "cp1251", "cp932", "gb18030", "big5", "euc_kr", "euc_jp", "cp1253", "cp1254"]


class RecordedText:
    """A file's text: `head` is its first block, which is not taken from the blocks."""

    def __init__(self, stream: BinaryIO) -> None:
        start = stream.read(8)
        self._stream: BinaryIO = cast(BinaryIO, _Rejoined(start, stream))
        self._unpacked_bytes = 0
        self.compression = ""
        for magic, (name, opened) in _COMPRESSIONS.items():
            if start.startswith(magic):
                self.compression = name
                self._stream = cast(BinaryIO, opened(self._stream))
        sample = self._read(BLOCK_BYTES)
        if not sample:
            fail(None, "the file is empty")
        for magic, what in _MAGIC.items():
            if sample.lstrip().startswith(magic):
                fail(1, f"the file is {what}")
        bom, self.encoding = next(((bom, name) for bom, name in _BOMS if sample.startswith(bom)), (b"", ""))
        self.encoding = self.encoding or _encoding_of(sample)
        self._decoder = codecs.getincrementaldecoder(self.encoding)(errors="strict")
        self.head = self._utf8(sample[len(bom) :], first_line=1)
        self._has_only_cr = b"\n" not in self.head and b"\r" in self.head
        if self._has_only_cr:
            self.head = self.head.replace(b"\r", b"\n")
        if len(sample) < BLOCK_BYTES and not self.head.endswith(b"\n"):
            self.head += b"\n"

    def records(self, *, quote: bytes = b"") -> Iterator[tuple[int, bytes]]:
        """Blocks of whole records, each with the number of its first line, from 1. A newline within quotes ends none."""
        while not _record_end(self.head, quote) and len(self.head) < LONGEST_RECORD_BYTES and (more := self._next(1)):
            self.head += more
        line, rest, block = 1, b"", self.head
        while block:
            rest += block
            cut = _record_end(rest, quote)
            if cut:
                yield line, rest[:cut]
                line, rest = line + rest.count(b"\n", 0, cut), rest[cut:]
            elif len(rest) > LONGEST_RECORD_BYTES:
                fail(line, f"a row is longer than {LONGEST_RECORD_BYTES >> 20} MB: is a quote left open?")
            block = self._next(line + rest.count(b"\n"))
        if rest:
            if quote and rest.count(quote) % 2:
                fail(
                    line + rest.count(b"\n", 0, rest.rfind(quote)),
                    "a quote is opened and not closed: the row is not CSV",
                )
            yield line, rest

    def whole(self, most_bytes: int) -> bytes:
        parts, size = [self.head], len(self.head)
        while block := self._next(1):
            parts.append(block)
            size += len(block)
            if size > most_bytes:
                fail(None, f"a JSON document of more than {most_bytes >> 20} MB; write a JSON object a line instead")
        return b"".join(parts)

    def _next(self, line: int) -> bytes:
        while data := self._read(BLOCK_BYTES):
            if text := self._utf8(data, line):
                return text.replace(b"\r", b"\n") if self._has_only_cr else text
        return b""

    def _read(self, size: int) -> bytes:
        parts: list[bytes] = []
        try:
            while size > 0 and (data := self._stream.read(size)):
                parts.append(data)
                size -= len(data)
        except (EOFError, gzip.BadGzipFile, lzma.LZMAError, OSError) as error:
            if not self.compression:
                raise
            fail(None, f"the {self.compression} file is damaged or cut off: {error}")
        self._unpacked_bytes += sum(map(len, parts))
        if self.compression and self._unpacked_bytes > LARGEST_UNPACKED_BYTES:
            fail(
                None,
                f"the {self.compression} file unpacks to more than {LARGEST_UNPACKED_BYTES >> 30} GB; cut out the busiest part",
            )
        return b"".join(parts)

    def _utf8(self, data: bytes, first_line: int) -> bytes:
        if (place := data.find(b"\0")) >= 0 and not self.encoding.startswith(("utf-16", "utf-32")):
            fail(first_line + data.count(b"\n", 0, place), "there is a NUL byte: this is not text")
        try:
            return self._decoder.decode(data).encode()
        except UnicodeDecodeError as error:
            row = first_line + data.count(b"\n", 0, error.start)
            fail(row, f"the text is not {self.encoding.upper()} here; save the file in UTF-8")


class _Rejoined(io.RawIOBase):
    """A stream from which the start was read already."""

    def __init__(self, start: bytes, stream: BinaryIO) -> None:
        self._start, self._stream = start, stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._start:
            start, self._start = self._start[:size], self._start[size:]
            return start
        return self._stream.read(size)


def _record_end(block: bytes, quote: bytes) -> int:
    cut = block.rfind(b"\n") + 1
    if not quote:
        return cut
    quotes = block.count(quote, 0, cut)
    while cut and quotes % 2:
        earlier = block.rfind(b"\n", 0, cut - 1) + 1
        quotes -= block.count(quote, earlier, cut)
        cut = earlier
    return cut


def _encoding_of(sample: bytes) -> str:
    start = sample[:SAMPLE_BYTES]
    if start.count(b"\0") > len(start) // 4:
        return "utf-16-le" if start[1::2].count(b"\0") > start[::2].count(b"\0") else "utf-16-be"
    if b"\0" in start:
        return "utf-8"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError as error:
        near = sample[max(0, error.start - SAMPLE_BYTES // 2) : error.start + SAMPLE_BYTES // 2]
        best = from_bytes(near, cp_isolation=_NATIONAL).best()
        return best.encoding if best else "cp1252"
    return "utf-8"

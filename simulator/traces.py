"""Recorded arrivals, and how they are read from CSV: chunk by chunk, in bounded memory, with the row of the first fault."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidInput, Problem
from simulator.trace_columns import (
    CellError,
    Cells,
    Floats,
    Layout,
    amounts,
    date_times,
    durations_layout,
    is_time,
    layout_of,
    numeric_times,
)

CHUNK_BYTES = 1 << 20
LONGEST_LINE_BYTES = 1 << 16
MOST_COLUMNS = 200
MOST_ROWS = 1_000_000
ROWS_A_WRITE = 10_000
EPOCHS_S = (1e8, 1e11)
"""Seconds that are taken for an epoch: the years 1973 to 5138."""
_MAGIC = {
    b"PK\x03\x04": "a zip archive (or a spreadsheet)",
    b"\x1f\x8b": "compressed with gzip",
    b"%PDF": "a PDF",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"PAR1": "a Parquet file",
    b"SQLite": "a database",
}


class TraceError(InvalidInput):
    """A trace file that cannot be read; each problem carries its row in the file (the first line is 1)."""


@dataclass(frozen=True, eq=False)
class Trace:
    """Arrival instants in seconds, sorted, the first at 0; and each request's columns, if the file has them."""

    arrivals_s: Floats
    input_tokens: Floats | None = None
    output_tokens: Floats | None = None
    service_s: Floats | None = None
    name: str = "trace"
    first: str = ""
    """The first instant by the file's clock, ISO 8601 in UTC or seconds; empty if that is not known."""
    last: str = ""

    @property
    def requests(self) -> int:
        return len(self.arrivals_s)

    @property
    def span_s(self) -> float:
        return float(self.arrivals_s[-1])

    @property
    def mean_rate_per_s(self) -> float:
        """Requests by the span; a single instant counts as a second."""
        return self.requests / (self.span_s or 1.0)

    @cached_property
    def interarrival_cv2(self) -> float:
        gaps = np.diff(self.arrivals_s)
        return float(gaps.var() / gaps.mean() ** 2)

    def counts(self, window_s: float) -> NDArray[np.int64]:
        windows = max(1, int(self.span_s / window_s))
        places = (self.arrivals_s / window_s).astype(np.int64)
        return np.bincount(places[places < windows], minlength=windows)

    def dispersion(self, window_s: float) -> float:
        """Variance by mean of the counts in windows of `window_s`: 1 for Poisson at every scale."""
        counts = self.counts(window_s)
        return float(counts.var() / counts.mean()) if counts.any() else 0.0

    def busiest(self, window_s: float) -> float:
        counts = self.counts(window_s)
        return float(counts.max() / (self.mean_rate_per_s * window_s))


def fail(row: int | None, reason: str) -> NoReturn:
    raise TraceError([Problem("trace", reason, row)])


def read_trace(stream: BinaryIO, name: str = "trace", max_rows: int = MOST_ROWS) -> Trace:
    """Read a CSV: a sorted time column (ISO dates, or epoch seconds or milliseconds), and the other columns that it knows.

    Raises:
        TraceError: its problems carry the row at fault as `line` (the file's first line is 1).
    """
    reader = _Reader(max_rows)
    for first_row, lines in _chunks(stream):
        reader.take(first_row, lines)
    return reader.trace(name)


def read_durations(stream: BinaryIO, max_rows: int = MOST_ROWS) -> Floats:
    """Read the durations of `service: {distribution: empirical, path}`, in seconds: a CSV's duration column, or its only one.

    Raises:
        TraceError: its problems carry the row at fault.
    """
    reader = _DurationReader(max_rows)
    for first_row, lines in _chunks(stream):
        reader.take(first_row, lines)
    if not reader.rows:
        fail(None, "there is no duration in it")
    return np.concatenate(reader.parts["service_s"])


def write_trace(trace: Trace, stream: BinaryIO) -> None:
    """Write a CSV that `read_trace` reads as the same numbers; the first arrival is at 0."""
    columns = {
        "time_s": trace.arrivals_s,
        "input_tokens": trace.input_tokens,
        "output_tokens": trace.output_tokens,
        "service_s": trace.service_s,
    }
    kept = {name: values for name, values in columns.items() if values is not None}
    stream.write(f"{','.join(kept)}\n".encode())
    for start in range(0, trace.requests, ROWS_A_WRITE):
        cells = [map(repr, values[start : start + ROWS_A_WRITE].tolist()) for values in kept.values()]
        stream.write("".join(f"{','.join(row)}\n" for row in zip(*cells, strict=True)).encode())


def _chunks(stream: BinaryIO) -> Iterator[tuple[int, list[str]]]:
    row, rest, first = 1, b"", True
    while block := stream.read(CHUNK_BYTES):
        if first:
            block, first = _checked_start(block), False
        rest += block
        cut = rest.rfind(b"\n") + 1
        if not cut and b"\r" in rest and len(rest) > LONGEST_LINE_BYTES:
            cut = rest.rfind(b"\r") + 1
        if len(rest) - cut > LONGEST_LINE_BYTES:
            fail(
                row + rest.count(b"\n"),
                f"the line is longer than {LONGEST_LINE_BYTES // 1024} kB: this is no CSV of arrivals",
            )
        if cut:
            lines = _text(rest[:cut], row)
            yield row, lines
            row, rest = row + len(lines), rest[cut:]
    if first:
        fail(None, "the file is empty")
    if rest:
        yield row, _text(rest, row)


def _checked_start(block: bytes) -> bytes:
    for magic, what in _MAGIC.items():
        if block.startswith(magic):
            fail(1, f"the file is {what}; save it as CSV in UTF-8")
    return block.removeprefix(b"\xef\xbb\xbf")


def _text(block: bytes, row: int) -> list[str]:
    """The block's lines. Only CR LF, LF and CR end a line, so that rows count as an editor counts them."""
    if (place := block.find(b"\0")) >= 0:
        fail(row + block.count(b"\n", 0, place), "there is a NUL byte: this is not text")
    try:
        text = block.decode("utf-8")
    except UnicodeDecodeError as error:
        fail(row + block.count(b"\n", 0, error.start), "the text is not UTF-8")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


class _Reader:
    def __init__(self, max_rows: int) -> None:
        self.max_rows = max_rows
        self.rows = 0
        self.layout: Layout | None = None
        self.separator = ","
        self.dated = False
        self.unit_s = 1.0
        self.first: float | np.int64 = 0.0
        self.last_s = 0.0
        self.parts: dict[str, list[Floats]] = {
            "arrivals_s": [],
            "input_tokens": [],
            "output_tokens": [],
            "service_s": [],
        }

    def take(self, first_row: int, lines: list[str]) -> None:
        numbers = [first_row + place for place, line in enumerate(lines) if line.strip()]
        kept = [line for line in lines if line.strip()]
        if not kept:
            return
        if self.layout is None:
            kept, numbers = self._begin(kept, numbers)
            if not kept:
                return
        cells = self._split(kept, numbers)
        self.rows += len(cells[0])
        try:
            self._keep(cells, numbers)
        except CellError as error:
            fail(numbers[error.place], error.reason)
        if self.rows > self.max_rows:
            fail(numbers[len(numbers) - (self.rows - self.max_rows)], f"there are more than {self.max_rows:,} rows")

    def _begin(self, lines: list[str], numbers: list[int]) -> tuple[list[str], list[int]]:
        self.separator = max(",;\t", key=lines[0].count)
        header = self._row(lines[0], numbers[0])
        if len(header) > MOST_COLUMNS:
            fail(numbers[0], f"there are {len(header)} columns, more than {MOST_COLUMNS}")
        try:
            layout = self._layout_of(header)
        except CellError as error:
            fail(numbers[0], error.reason)
        self.layout = layout or Layout(columns=len(header), time=0, time_unit_s=None)
        return (lines, numbers) if layout is None else (lines[1:], numbers[1:])

    def _layout_of(self, header: Cells) -> Layout | None:
        return None if is_time(header[0]) else layout_of(header)

    def _row(self, line: str, number: int) -> list[str]:
        try:
            return next(csv.reader([line], delimiter=self.separator, strict=True))
        except csv.Error as error:
            fail(number, f"the row is not CSV: {error}")

    def _split(self, lines: list[str], numbers: list[int]) -> list[Cells]:
        assert self.layout is not None  # noqa: S101  take() has read the first row
        if not any('"' in line for line in lines):
            rows = [line.split(self.separator) for line in lines]
        else:
            rows = [self._row(line, number) for line, number in zip(lines, numbers, strict=True)]
        wanted = self.layout.columns
        for row, number in zip(rows, numbers, strict=True):
            if len(row) != wanted:
                fail(number, f"the row has {len(row)} cells where the first row has {wanted}")
        return list(zip(*rows, strict=True))

    def _keep(self, cells: list[Cells], numbers: list[int]) -> None:
        layout = self.layout
        assert layout is not None  # noqa: S101
        self._keep_times(self._times_s(cells[layout.time], numbers), numbers)
        for name, place, what, unit in (
            ("input_tokens", layout.input_tokens, "the number of input tokens", 1.0),
            ("output_tokens", layout.output_tokens, "the number of output tokens", 1.0),
            ("service_s", layout.service, "the duration", layout.service_unit_s),
        ):
            if place is not None:
                self.parts[name].append(amounts(cells[place], what, unit))

    def _times_s(self, cells: Cells, numbers: list[int]) -> Floats:
        assert self.layout is not None  # noqa: S101
        opening = not self.parts["arrivals_s"]
        if opening:
            self.dated = "-" in cells[0].strip()[1:] and not cells[0].strip().lower().count("e-")
        if self.dated:
            stamps = date_times(cells)
            if opening:
                self.first = stamps[0]
            return np.asarray((stamps - self.first) / 1e9, dtype=np.float64)
        values = numeric_times(cells)
        if opening:
            self.first = float(values[0])
            self.unit_s = self.layout.time_unit_s or _unit_of(float(values[0]))
        return np.asarray((values - self.first) * self.unit_s, dtype=np.float64)

    def _keep_times(self, times: NDArray[np.float64], numbers: list[int]) -> None:
        gaps = np.diff(times, prepend=self.last_s)
        back = np.flatnonzero(gaps < 0)
        if len(back):
            place = int(back[0])
            fail(numbers[place], f"the arrival is {-gaps[place]:.6g} s before the one above it: sort the file by time")
        if times[-1] > 1e9:
            fail(numbers[int(np.argmax(times > 1e9))], "the arrival is over thirty years after the first")
        self.parts["arrivals_s"].append(times)
        self.last_s = float(times[-1])

    def trace(self, name: str) -> Trace:
        if self.rows == 0:
            fail(
                None if self.layout is None else 1,
                "there is nothing in it" if self.layout is None else "there is a header and no row",
            )
        whole = {name: np.concatenate(parts) if parts else None for name, parts in self.parts.items()}
        arrivals = whole["arrivals_s"]
        assert arrivals is not None  # noqa: S101  rows > 0
        first_s = float(self.first) * (1e-9 if self.dated else self.unit_s)
        instants = (_instant(first_s, self.dated), _instant(first_s + self.last_s, self.dated))
        return Trace(arrivals, whole["input_tokens"], whole["output_tokens"], whole["service_s"], name, *instants)


class _DurationReader(_Reader):
    def _layout_of(self, header: Cells) -> Layout | None:
        return durations_layout(header)

    def _keep(self, cells: list[Cells], numbers: list[int]) -> None:
        assert self.layout is not None  # noqa: S101
        self.parts["service_s"].append(amounts(cells[self.layout.time], "the duration", self.layout.service_unit_s))


def _instant(since_s: float, is_date: bool) -> str:
    """ISO 8601 in UTC for a date or an epoch, to the microsecond; seconds for any other clock."""
    if is_date or EPOCHS_S[0] <= since_s < EPOCHS_S[1]:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=since_s)
        return moment.isoformat().replace("+00:00", "Z")
    return f"{since_s:.6f}".rstrip("0").rstrip(".") + " s"


def _unit_of(first: float) -> float:
    """Seconds, but for an epoch in milli-, micro- or nanoseconds, known by its size (1e11 s is the year 5138)."""
    for size, unit in ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3)):
        if first >= size:
            return unit
    return 1.0

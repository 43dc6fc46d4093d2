"""Recorded arrivals: a Trace, and what its shape says."""

from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from simulator.trace_file import TraceError, read_columns, read_durations_column

__all__ = ["MOST_ROWS", "Trace", "TraceError", "read_durations", "read_trace", "write_trace"]

Floats = NDArray[np.float64]
MOST_ROWS = 1_000_000
ROWS_A_WRITE = 10_000


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


def read_trace(stream: BinaryIO, name: str = "trace", max_rows: int = MOST_ROWS) -> Trace:
    """The trace in a CSV stream: a time column (ISO dates, or epoch seconds or milliseconds, sorted), and the columns it knows.

    Raises:
        TraceError: its problems carry the row at fault as `line` (the file's first line is 1).
    """
    columns = read_columns(stream, max_rows)
    return Trace(
        columns.arrivals_s,
        columns.input_tokens,
        columns.output_tokens,
        columns.service_s,
        name,
        columns.first,
        columns.last,
    )


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


def read_durations(stream: BinaryIO, max_rows: int = MOST_ROWS) -> Floats:
    """Durations in seconds to draw from (`service: {distribution: empirical, path}`): a CSV's duration column, or its only one.

    Raises:
        TraceError: its problems carry the row at fault.
    """
    return read_durations_column(stream, max_rows)

"""Recorded arrivals, and their figures."""

from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidInput
from simulator.trace_columns import Floats

ROWS_A_WRITE = 10_000


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
    interval_s: float = 0.0
    """Of a recording of counts: arrivals are spread within intervals of this length, so shorter bursts are not seen."""

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

    def following(self, window_s: float) -> NDArray[np.int64]:
        """Of each request: the number in the window that starts with it."""
        return np.searchsorted(self.arrivals_s, self.arrivals_s + window_s, side="left") - np.arange(self.requests)

    def dispersion(self, window_s: float) -> float:
        """Variance by mean of the counts in windows of `window_s`: 1 for Poisson at every scale."""
        counts = self.counts(window_s)
        return float(counts.var() / counts.mean()) if counts.any() else 0.0

    def busiest(self, window_s: float) -> float:
        """The most requests in any window of that length, wherever it starts, by the mean: at least 1."""
        return max(1.0, float(self.following(window_s).max() / (self.mean_rate_per_s * window_s)))


def write_trace(trace: Trace, stream: BinaryIO) -> None:
    """Write a CSV that `read_recording` reads as the same numbers; the first arrival is at 0."""
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

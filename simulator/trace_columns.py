"""What each column of a trace file means, and its cells as numbers: whole chunks at once, and cell by cell to find the one at fault."""

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Cells = Sequence[str]

TIME_NAMES = {
    "timestamp", "time", "t", "ts", "datetime", "date", "arrival", "arrivals", "arrival_time", "arrived_at", "arrival_timestamp",
    "created_at", "request_time", "start_time", "starttimestamp", "epoch",
}  # fmt: skip
INPUT_NAMES = {
    "contexttokens", "context_tokens", "input_tokens", "inputtokens", "prompt_tokens", "prompttokens",
    "request_tokens", "input_length", "num_prefill_tokens",
}  # fmt: skip
OUTPUT_NAMES = {
    "generatedtokens", "generated_tokens", "output_tokens", "outputtokens", "completion_tokens", "completiontokens",
    "response_tokens", "output_length",
    "num_decode_tokens",
}  # fmt: skip
DURATION_NAMES = {
    "duration", "service", "service_time", "processing", "processing_time", "latency", "elapsed", "elapsed_time", "response_time",
}  # fmt: skip

UNITS = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "millis": 1e-3, "milliseconds": 1e-3, "us": 1e-6, "ns": 1e-9}
LARGEST_AMOUNT = 1e9
"""The longest duration and the most tokens that a row may state."""

_PLAIN = re.compile(r"[0-9.eE+\-]*", re.ASCII)
_DATES = re.compile(r"[0-9TZ:. +\-]*", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class CellError(ValueError):
    """A cell that cannot be read: its place in the chunk (from 0), and why."""

    def __init__(self, place: int, reason: str) -> None:
        super().__init__(reason)
        self.place, self.reason = place, reason


@dataclass(frozen=True)
class Layout:
    columns: int
    time: int
    time_unit_s: float | None
    input_tokens: int | None = None
    output_tokens: int | None = None
    service: int | None = None
    service_unit_s: float = 1.0


def layout_of(header: Cells) -> Layout:
    """The layout that a header names.

    Raises:
        CellError: it names no time column.
    """
    names = [_split_unit(name) for name in header]
    time = _first(names, TIME_NAMES)
    if time is None:
        raise CellError(
            0,
            f"the header has no time column; name one of its columns timestamp, time or arrival (it has: {_listed(header)})",
        )
    service = _first(names, DURATION_NAMES)
    return Layout(
        columns=len(header),
        time=time,
        time_unit_s=names[time][1],
        input_tokens=_first(names, INPUT_NAMES),
        output_tokens=_first(names, OUTPUT_NAMES),
        service=service,
        service_unit_s=(names[service][1] or 1.0) if service is not None else 1.0,
    )


def durations_layout(header: Cells) -> Layout | None:
    """The layout of a file of durations: its duration column, or the only one; None where the first row is no header but a duration."""
    if len(header) == 1 and _NUMBER.fullmatch(header[0].strip()):
        return None
    names = [_split_unit(name) for name in header]
    place = 0 if len(header) == 1 else _first(names, DURATION_NAMES)
    if place is None:
        raise CellError(
            0, f"the header has no duration column; name one duration_s or service_s (it has: {_listed(header)})"
        )
    return Layout(
        columns=len(header), time=place, time_unit_s=None, service=place, service_unit_s=names[place][1] or 1.0
    )


def is_time(cell: str) -> bool:
    return bool(_NUMBER.fullmatch(cell.strip()) or _DATE.fullmatch(cell.strip()))


def _split_unit(name: str) -> tuple[str, float | None]:
    plain = re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")
    stem, _, unit = plain.rpartition("_")
    return (stem, UNITS[unit]) if stem and unit in UNITS else (plain, None)


def _first(names: Sequence[tuple[str, float | None]], wanted: set[str]) -> int | None:
    return next((place for place, (name, _) in enumerate(names) if name in wanted), None)


def _listed(header: Cells) -> str:
    return ", ".join(ascii(name)[1:-1][:20] for name in header[:6]) or "nothing"


def amounts(cells: Cells, what: str, unit: float = 1.0) -> Floats:
    """A column of amounts that are neither negative nor beyond measure.

    Raises:
        CellError: at the first cell that is none.
    """
    values = _numbers(cells, what) * unit
    bad = np.flatnonzero(~((values >= 0) & (values <= LARGEST_AMOUNT)))
    if len(bad):
        place = int(bad[0])
        raise CellError(place, f"{what} must be between 0 and {LARGEST_AMOUNT:,.0f}, not {_quoted(cells[place])}")
    return values


def numeric_times(cells: Cells) -> Floats:
    """A time column of numbers, as they are.

    Raises:
        CellError: at the first cell that is no number, or is negative.
    """
    values = _numbers(cells, "the time")
    bad = np.flatnonzero(~((values >= 0) & (values < 1e19)))
    if len(bad):
        place = int(bad[0])
        raise CellError(
            place, f"the time {_quoted(cells[place])} {'is negative' if values[place] < 0 else 'is beyond measure'}"
        )
    return values


def date_times(cells: Cells) -> NDArray[np.int64]:
    """A time column of ISO dates, as nanoseconds since 1970 UTC; a date without an offset is taken as UTC.

    Raises:
        CellError: at the first cell that is no date.
    """
    if _DATES.fullmatch("".join(cells)) and all(
        len(cell) > 15 and cell[-1] != "Z" and cell[-6] not in "+-" for cell in cells
    ):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                values = np.array(cells, dtype="datetime64[ns]")
        except (ValueError, OverflowError, UserWarning):
            return _cell_by_cell(cells, _date_ns)
        return values.astype(np.int64)
    return _cell_by_cell(cells, _date_ns)


def _numbers(cells: Cells, what: str) -> Floats:
    if _PLAIN.fullmatch("".join(cells)):
        try:
            return np.array(list(map(float, cells)))
        except ValueError:
            pass  # an empty or malformed cell: the slow way says which
    for place, cell in enumerate(cells):
        if not _NUMBER.fullmatch(cell.strip()):
            raise CellError(
                place, f"{what} is empty" if not cell.strip() else f"{what} {_quoted(cell)} is not a number"
            )
    return np.array([float(cell) for cell in cells])


def _cell_by_cell(cells: Cells, read: Callable[[str], int]) -> NDArray[np.int64]:
    values = np.empty(len(cells), dtype=np.int64)
    for place, cell in enumerate(cells):
        try:
            values[place] = read(cell)
        except (ValueError, OverflowError) as error:
            reason = (
                "the time is empty"
                if not cell.strip()
                else f"the time {_quoted(cell)} is neither an ISO date nor a number"
            )
            raise CellError(place, reason) from error
    return values


def _date_ns(cell: str) -> int:
    text = cell.strip()
    match = _DATE.fullmatch(text)
    if not match:
        raise ValueError(text)
    fraction = match[2] or ""
    moment = datetime.fromisoformat(text.replace(fraction, "", 1) if fraction else text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    whole = int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    nanoseconds = whole * 10**9 + int(fraction[1:10].ljust(9, "0") if fraction else 0)
    if not -(2**63) <= nanoseconds < 2**63:
        raise OverflowError(text)
    return nanoseconds


def _quoted(cell: str) -> str:
    text = ascii(cell.strip())[1:-1]
    return f"'{text[:29]}…'" if len(text) > 30 else f"'{text}'"

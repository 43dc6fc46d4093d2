"""Reads a file of recorded requests by what it was understood to be, a block at a time."""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.numbers import count as count_words
from core.numbers import duration
from simulator.recordings.amounts import present, read_durations_s, read_numbers
from simulator.recordings.counts import SEED, read_counter, spread_counts
from simulator.recordings.failures import ABANDONED, PERMANENT, SUCCESS, TRANSIENT, read_outcomes
from simulator.recordings.instants import EXAMPLES, NANOSECONDS, UNREADABLE, clock_set_back
from simulator.recordings.tables import CellBlock, CellTable, open_table
from simulator.recordings.text import RecordedText
from simulator.recordings.understand import (
    EPOCHS_S,
    TOTAL_WORDS,
    in_seconds,
    joined_cells,
    quoted,
    read_instants,
    understand,
)
from simulator.recordings.understanding import (
    UNITS_S,
    AmountColumn,
    Choice,
    Corrections,
    LeftOut,
    ReadRecording,
    RecordedFailures,
    RecordingQuestion,
    Understanding,
    fail,
)
from simulator.trace_columns import DURATION_NAMES, Floats, first_named, unit_of_name
from simulator.traces import Trace

MOST_ROWS = 1_000_000
MOST_ROWS_IN_FILE = 10_000_000
MOST_ROWS_SEEN = 10 * MOST_ROWS_IN_FILE
"""With rows that are no requests: load tests write ten rows a request, and a compressed file may be nothing but empty lines."""
LARGEST_AMOUNT = 1e9
"""The longest duration in seconds and the most tokens that a row may state."""
LONGEST_SPAN_S = 1e9
WINDOWS_S = (3600.0, 900.0, 300.0, 60.0, 10.0, 1.0)
"""Lengths of the busiest part that is offered of a file with too many requests."""
AMOUNTS = (("service_s", "duration"), ("input_tokens", "input_tokens"), ("output_tokens", "output_tokens"))


@dataclass
class _Columns:
    """The rows so far: instants in the file's own numbers, the rest in seconds and tokens."""

    instants: list[NDArray[np.float64] | NDArray[np.int64]]
    amounts: dict[str, list[Floats]]
    counts: list[Floats]
    rows: int = 0
    rows_seen: int = 0
    """Those left out included."""
    outcomes: list[NDArray[np.int8]] = dataclasses.field(default_factory=list)
    """By `failures`, if the file has a status."""
    usual: float | None = None
    """The middle of the first times, in the file's own numbers."""


def read_recording(
    stream: BinaryIO, name: str = "trace", max_rows: int = MOST_ROWS, corrections: Corrections | None = None
) -> ReadRecording:
    """Understand a file, and read it.

    Raises:
        RecordingQuestion: it can be read in several ways; the exception has the choices.
        TraceError: it cannot be read; its problems carry the line at fault, from 1.
    """
    table = open_table(RecordedText(stream))
    return read_by(table, understand(table, corrections or Corrections()), name, max_rows)


def columns_in(stream: BinaryIO) -> tuple[str, ...]:
    """Raise TraceError if it is no table."""
    return open_table(RecordedText(stream)).layout.columns


def read_durations(stream: BinaryIO, max_rows: int = MOST_ROWS) -> Floats:
    """Read the durations of `service: {distribution: empirical, path}`, in seconds: a file's duration column, or its only one.

    Raises:
        TraceError: its problems carry the line at fault.
    """
    table = open_table(RecordedText(stream))
    columns = table.layout.columns
    column = columns[0] if len(columns) == 1 else first_named(columns, DURATION_NAMES, is_suffix_enough=True)
    if column is None:
        names = ", ".join(columns[:12])
        fail(
            table.layout.first_line,
            f"the header has no duration column; name one duration_s or service_s (it has: {names})",
        )
    unit_s, parts = UNITS_S[unit_of_name(column) or "s"], []
    rows = 0
    for block in table.frames((column,)):
        cells = present(block.frame[column])
        values = read_durations_s(cells, unit_s)
        is_value = ~cells.str.to_lowercase().is_in([column.lower(), *TOTAL_WORDS]).fill_null(False).to_numpy()
        values = _checked(block, values, cells, column, "the duration", is_value)
        parts.append(values[~np.isnan(values)])
        rows += len(parts[-1])
        if rows > max_rows:
            fail(None, f"there are more than {max_rows:,} durations")
    if not rows:
        fail(None, "there is no duration in it")
    return np.concatenate(parts)


def read_by(table: CellTable, understanding: Understanding, name: str, max_rows: int) -> ReadRecording:
    """Read a file as it was understood; the result's understanding has the rows, instants and notes of the whole file."""
    left_out: Counter[str] = Counter()
    lines: dict[str, int | None] = {}
    columns = _Columns([], {field: [] for field, role in AMOUNTS if getattr(understanding, role)}, [])
    for block in table.frames(_wanted(understanding)):
        _take(block, understanding, columns, left_out, lines)
        columns.rows_seen += len(block.frame)
        if columns.rows > MOST_ROWS_IN_FILE or columns.rows_seen > MOST_ROWS_SEEN:
            fail(None, f"there are more than {MOST_ROWS_IN_FILE:,} rows; cut the file to the hours that matter")
    if not columns.rows:
        reason = (
            f"no row is a request; {sum(left_out.values())} were left out"
            if left_out
            else "there is a header and no row"
        )
        fail(table.layout.first_line, reason)
    instants = _joined(columns.instants)
    notes = list(understanding.notes)
    instants = _with_clock_set_back(instants, understanding, notes)
    origin = instants.min()
    scale = 1 / NANOSECONDS if understanding.time.kind == "dates" else understanding.time.unit_s
    arrivals = np.asarray((instants - origin) * scale, dtype=np.float64)
    outcomes = _joined(columns.outcomes) if columns.outcomes else None
    amounts = {field: _joined(parts) for field, parts in columns.amounts.items()}
    own_s = amounts.get("service_s")
    failures = _failures_of(outcomes, own_s)
    known = _known_amounts(amounts, outcomes, notes) if amounts else {}
    first_s = float(origin) * scale
    if understanding.rows != "requests":
        counts = np.concatenate(columns.counts) if columns.counts else np.ones(columns.rows)
        trace, shift_s = _spread(arrivals, counts, understanding, max_rows, notes)
    else:
        if understanding.time.is_end and own_s is not None and "service_s" in known:
            arrivals = arrivals - np.where(np.isnan(own_s), known["service_s"], own_s)
            notes.append("Times are those of the end: a request starts at its time minus its duration.")
        trace, shift_s = _sorted(arrivals, known, notes)
        if trace.span_s > LONGEST_SPAN_S:
            fail(None, "the last request is over thirty years after the first: are the times in another unit?")
        trace, cut_s = _within_limit(trace, understanding, max_rows, notes)
        shift_s += cut_s
    first_s += shift_s
    has_year = understanding.time.shape not in ("time of day", "date without a year")
    is_calendar = (
        understanding.time.kind == "serial_days"
        or (understanding.time.kind == "dates" and has_year)
        or (understanding.time.kind == "epoch" and EPOCHS_S[0] <= first_s < EPOCHS_S[1])
    )
    if understanding.time.kind == "serial_days":
        first_s -= 25_569 * 86_400
    first, last = (_instant(at, is_calendar=is_calendar) for at in (first_s, first_s + trace.span_s))
    trace = replace(trace, name=name, first=first, last=last)
    rows = {
        "rows_used": columns.rows,
        "rows_failed": failures.transient + failures.permanent + failures.abandoned if failures else 0,
        "failures": failures,
        "left_out": tuple(
            LeftOut(reason=reason, rows=count, first_line=lines[reason]) for reason, count in left_out.items()
        ),
        "first": first,
        "last": last,
        "interval_s": trace.interval_s,
        "notes": tuple(notes),
    }
    return ReadRecording(trace, understanding.model_copy(update=rows))


def _joined(parts: list[Any]) -> Any:
    """One array of all parts, which are let go: a file of ten million rows is held once, not twice."""
    whole = np.concatenate(parts)
    parts.clear()
    return whole


def _wanted(understanding: Understanding) -> list[str]:
    columns = [*understanding.time.columns]
    for amount in (understanding.duration, understanding.input_tokens, understanding.output_tokens):
        if amount:
            columns += [*amount.columns, *(amount.end.columns if amount.end else ())]
    columns += [name for name in (understanding.count, understanding.status) if name]
    return columns + ([understanding.only[0]] if understanding.only else [])


def _take(
    block: CellBlock,
    understanding: Understanding,
    columns: _Columns,
    left_out: Counter[str],
    lines: dict[str, int | None],
) -> None:
    frame, time = block.frame, understanding.time
    keep = np.ones(len(frame), dtype=np.bool_)

    def leave_out(rows: NDArray[np.bool_], reason: str) -> None:
        rows &= keep
        if rows.any():
            if reason not in lines:
                lines[reason] = block.line_of(int(rows.argmax()))
            left_out[reason] += int(rows.sum())
            keep[rows] = False

    cells = joined_cells(frame, time.columns)
    for rows, reason in _not_requests(frame, cells, understanding, is_start=not columns.rows):
        leave_out(rows, reason)
    values = _read_times(block, cells, keep, understanding)
    _require_near(block, cells, values, keep, columns, understanding)
    if understanding.count:
        raw_counts = present(frame[understanding.count])
        leave_out(raw_counts.is_null().to_numpy(), f"{understanding.count} is empty")
        counts = read_numbers(raw_counts, decimal_comma=understanding.decimal_comma)
        bad = keep & ~(counts >= 0)
        if bad.any():
            row = int(bad.argmax())
            reason = f"the count {quoted(str(raw_counts[row]))} in the column {understanding.count} is not a number of requests, such as 120"
            fail(block.line_of(row), reason)
        columns.counts.append(counts[keep])
    for field, role in AMOUNTS:
        amount: AmountColumn | None = getattr(understanding, role)
        if amount:
            columns.amounts[field].append(_amount(block, amount, field, values, keep, understanding)[keep])
    if understanding.status:
        columns.outcomes.append(read_outcomes(frame[understanding.status], understanding.status)[keep])
    columns.instants.append(values[keep])
    columns.rows += int(keep.sum())


def _not_requests(
    frame: pl.DataFrame, cells: pl.Series, understanding: Understanding, *, is_start: bool
) -> Iterator[tuple[NDArray[np.bool_], str]]:
    """The rows that are no requests, with the reason."""
    name = understanding.time.columns[0]
    if understanding.only:
        column, value = understanding.only
        yield (present(frame[column]) != value).fill_null(True).to_numpy().copy(), f"{column} is not {value}"
    plain = frame[name].str.strip_chars(" :.*").str.to_lowercase()
    yield plain.is_in(TOTAL_WORDS).fill_null(False).to_numpy().copy(), "a total, not a request"
    yield plain.str.starts_with("#").fill_null(False).to_numpy().copy(), "a comment"
    yield (plain == name.lower()).fill_null(False).to_numpy().copy(), "the header again"
    yield cells.is_null().to_numpy().copy(), "the time is empty"
    if is_start:
        has_digit = cells.str.contains(r"\d").fill_null(False)
        yield (has_digit.cum_sum() == 0).to_numpy().copy(), "before the first time"


def _read_times(
    block: CellBlock, cells: pl.Series, keep: NDArray[np.bool_], understanding: Understanding
) -> NDArray[np.float64] | NDArray[np.int64]:
    time = understanding.time
    values = read_instants(cells, time, decimal_comma=understanding.decimal_comma)
    if time.kind == "dates":
        if (unread := keep & (values == UNREADABLE)).any():
            _refuse_time(block, cells, int(unread.argmax()), understanding)
        return values
    for is_bad, reason in (
        (np.isnan(values), ""),
        (values < 0, "is negative; times count up from 0"),
        (values >= 1e19, "is beyond measure"),
    ):
        if (rows := keep & is_bad).any():
            row = int(rows.argmax())
            if not reason:
                _refuse_time(block, cells, row, understanding)
            fail(block.line_of(row), f"the time {quoted(str(cells[row]))} in the column {time.columns[0]} {reason}")
    return values


def _require_near(
    block: CellBlock,
    cells: pl.Series,
    values: NDArray[np.float64] | NDArray[np.int64],
    keep: NDArray[np.bool_],
    columns: _Columns,
    understanding: Understanding,
) -> None:
    """Refuse a time that is over thirty years away from the others."""
    if not keep.any():
        return
    if columns.usual is None:
        columns.usual = float(np.median(values[keep]))
    time = understanding.time
    away_s = (values - columns.usual) * (1 / NANOSECONDS if time.kind == "dates" else time.unit_s)
    if (far := keep & (np.abs(away_s) > LONGEST_SPAN_S)).any():
        row = int(far.argmax())
        where = f"the time {quoted(str(cells[row]))} in the column {' + '.join(time.columns)}"
        side = "after" if away_s[row] > 0 else "before"
        fail(
            block.line_of(row),
            f"{where} is over thirty years {side} the others: is it missing, or in another unit? They are such as {quoted(time.example)}",
        )


def _refuse_time(block: CellBlock, cells: pl.Series, row: int, understanding: Understanding) -> None:
    time = understanding.time
    accepted = f"the other rows are such as {quoted(time.example)}" if time.example else f"accepted are {EXAMPLES}"
    what = "a date" if time.kind == "dates" else "a number"
    if time.kind == "dates" and time.shape == "numbers":
        what = "a date in the order " + ("day/month/year" if time.day_first else "month/day/year")
    fail(
        block.line_of(row),
        f"the time {quoted(str(cells[row]))} in the column {' + '.join(time.columns)} is not {what}; {accepted}",
    )


def _amount(
    block: CellBlock,
    amount: AmountColumn,
    field: str,
    instants: NDArray[np.float64] | NDArray[np.int64],
    keep: NDArray[np.bool_],
    understanding: Understanding,
) -> Floats:
    if amount.end:
        end = read_instants(
            joined_cells(block.frame, amount.end.columns), amount.end, decimal_comma=understanding.decimal_comma
        )
        if amount.end.kind == understanding.time.kind == "dates":
            lengths = np.where((end == UNREADABLE) | (instants == UNREADABLE), np.nan, (end - instants) / NANOSECONDS)
        elif amount.end.unit_s == understanding.time.unit_s:
            lengths = (end - instants) * understanding.time.unit_s
        else:
            lengths = in_seconds(end, amount.end) - in_seconds(instants, understanding.time)
        return np.where(lengths >= 0, lengths, np.nan)
    total = np.zeros(len(block.frame))
    for column in amount.columns:
        cells = present(block.frame[column])
        if field == "service_s":
            values = read_durations_s(cells, amount.unit_s, decimal_comma=understanding.decimal_comma)
            what = "the duration"
        else:
            values, what = (
                read_numbers(cells, decimal_comma=understanding.decimal_comma),
                f"the number of {field.replace('_', ' ')}",
            )
        if len(amount.columns) > 1:
            values = np.where(values < 0, np.nan, values)
        total += _checked(block, values, cells, column, what, keep)
    return total


def _checked(
    block: CellBlock, values: Floats, cells: pl.Series, column: str, what: str, keep: NDArray[np.bool_]
) -> Floats:
    """The values; refuses a cell that is no number, or no amount. Tools write -1 if there is none."""
    is_given = cells.is_not_null().to_numpy() & ~cells.str.contains(r"^-1(\.0*)?$").fill_null(False).to_numpy()
    values = np.where(is_given, values, np.nan)
    for is_bad, reason in (
        (is_given & np.isnan(values), "is not a number; accepted are 1.5, 250 ms or an empty cell"),
        ((values < 0) | (values > LARGEST_AMOUNT), f"must be between 0 and {LARGEST_AMOUNT:,.0f}"),
    ):
        if (rows := is_bad & keep).any():
            row = int(rows.argmax())
            fail(block.line_of(row), f"{what} {quoted(str(cells[row]))} in the column {column} {reason}")
    return values


def _known_amounts(
    amounts: dict[str, Floats], outcomes: NDArray[np.int8] | None, notes: list[str]
) -> dict[str, Floats]:
    """Those of requests that succeeded; any other request, and one without a value, takes that of one drawn at random.

    A column in which most have none is left out.
    """
    failed = np.zeros(len(next(iter(amounts.values()))), dtype=np.bool_) if outcomes is None else outcomes != SUCCESS
    if amounts and failed.any():
        rows = count_words(int(failed.sum()), "request")
        notes.append(
            f"{rows} failed or {'was' if failed.sum() == 1 else 'were'} given up: they arrive like the others, and take the time and tokens of"
            " requests that succeeded, drawn at random (seed 1)."
        )
    donors = np.random.default_rng(SEED).random(len(failed))
    known = {field: _filled(values, failed, donors, field, notes) for field, values in amounts.items()}
    return {field: values for field, values in known.items() if values is not None}


def _filled(values: Floats, failed: NDArray[np.bool_], donors: Floats, field: str, notes: list[str]) -> Floats | None:
    what = {"service_s": "duration"}.get(field, f"number of {field.replace('_', ' ')}")
    empty = np.isnan(values) & ~failed
    lacking = failed | empty
    if lacking.mean() > 0.5:
        succeeded = " of a request that succeeded" if failed.any() else ""
        notes.append(f"Most rows have no {what}{succeeded}: the column is left out.")
        return None
    if empty.any():
        rows = "1 row has" if empty.sum() == 1 else f"{empty.sum():,} rows have"
        notes.append(f"{rows} no {what}: those of other requests are taken, drawn at random (seed 1).")
    own = values[~lacking]
    values = values.copy()
    values[lacking] = own[(donors[lacking] * len(own)).astype(np.int64)]
    return values


def _failures_of(outcomes: NDArray[np.int8] | None, durations_s: Floats | None) -> RecordedFailures | None:
    if outcomes is None:
        return None
    transient, permanent, abandoned = (int((outcomes == kind).sum()) for kind in (TRANSIENT, PERMANENT, ABANDONED))
    times_s = np.empty(0) if durations_s is None else durations_s[(outcomes == TRANSIENT) | (outcomes == PERMANENT)]
    times_s = times_s[~np.isnan(times_s)]
    mean_s = float(times_s.mean()) if len(times_s) else None
    return RecordedFailures(transient=transient, permanent=permanent, abandoned=abandoned, mean_s=mean_s)


def _with_clock_set_back(
    instants: NDArray[np.float64] | NDArray[np.int64], understanding: Understanding, notes: list[str]
) -> NDArray[np.float64] | NDArray[np.int64]:
    time = understanding.time
    if time.kind != "dates":
        return instants
    if time.shape == "time of day" and (back := np.flatnonzero(np.diff(instants) < -12 * 3600 * NANOSECONDS)).size:
        days = np.zeros(len(instants), dtype=np.int64)
        days[back + 1] = 86_400 * NANOSECONDS
        notes.append(f"The time of day passes midnight {back.size} time{'s' if back.size > 1 else ''}.")
        return np.asarray(instants + np.cumsum(days), dtype=np.int64)
    if (
        not time.time_zone
        and time.example[-1:].isdigit()
        and (row := clock_set_back(np.asarray(instants, dtype=np.int64))) is not None
    ):
        notes.append(
            "The clock is set back by an hour within the file, as at the end of daylight saving: the rows after it are an hour later."
        )
        later = np.arange(len(instants)) >= row
        return np.asarray(instants + later * 3600 * NANOSECONDS, dtype=np.int64)
    return instants


def _sorted(arrivals: Floats, amounts: dict[str, Floats], notes: list[str]) -> tuple[Trace, float]:
    """The trace from its first arrival, and when that is after the first time of the file."""
    back = int((np.diff(arrivals) < 0).sum())
    if back:
        order = np.argsort(arrivals, kind="stable")
        arrivals = arrivals[order]
        amounts = {field: values[order] for field, values in amounts.items()}
        rows = "1 row is" if back == 1 else f"{back:,} rows are"
        notes.append(f"{rows} earlier than the one above: the rows were sorted by time.")
    shift_s = float(arrivals[0])
    tokens = amounts.get("input_tokens"), amounts.get("output_tokens")
    return Trace(arrivals - shift_s if shift_s else arrivals, *tokens, amounts.get("service_s")), shift_s


def _within_limit(trace: Trace, understanding: Understanding, max_rows: int, notes: list[str]) -> tuple[Trace, float]:
    if trace.requests <= max_rows:
        return trace, 0.0
    for window_s in WINDOWS_S:
        ends = np.searchsorted(trace.arrivals_s, trace.arrivals_s + window_s)
        start = int((ends - np.arange(trace.requests)).argmax())
        part = slice(start, int(ends[start]))
        if 1 < part.stop - part.start <= max_rows:
            break
    else:
        fail(None, f"there are {trace.requests:,} requests, more than {max_rows:,}, even in the busiest second")
    _require_busiest(understanding, trace.requests, part.stop - part.start, window_s, max_rows, notes)
    first_s = float(trace.arrivals_s[start])
    amounts = {field: values[part] for field, _ in AMOUNTS if (values := getattr(trace, field)) is not None}
    return Trace(trace.arrivals_s[part] - first_s, **amounts), first_s


def _require_busiest(
    understanding: Understanding, requests: int, kept: int, window_s: float, max_rows: int, notes: list[str]
) -> None:
    window = {3600.0: "hour", 60.0: "minute", 1.0: "second"}.get(window_s, duration(window_s))
    if not understanding.busiest_hour:
        raise RecordingQuestion(
            f"There are {requests:,} requests, more than the {max_rows:,} that a recording may have. It can be cut.",
            (
                Choice(
                    field="busiest_hour",
                    value="true",
                    text=f"only the busiest {window}, with {kept:,} requests",
                ),
            ),
        )
    notes.append(f"Only the busiest {window} is read: {kept:,} of {requests:,} requests.")


def _spread(
    starts: Floats, counts: Floats, understanding: Understanding, max_rows: int, notes: list[str]
) -> tuple[Trace, float]:
    """Arrivals within the intervals, from the first of them, and when that is after the first time of the file."""
    starts, places = np.unique(starts, return_inverse=True)
    if len(places) > len(starts):
        shared = len(places) - len(starts)
        notes.append(f"{count_words(shared, 'row')} at the time of another: their counts are added up.")
    gaps_s = np.diff(starts)
    interval_s = understanding.interval_s or (float(np.median(gaps_s)) if len(gaps_s) else 0.0)
    if not interval_s:
        fail(None, "the length of the intervals cannot be told from a single row; give it in seconds, such as 60")
    counts = np.asarray(np.bincount(places, weights=counts), dtype=np.float64)
    lengths_s = np.full(len(starts), interval_s) if understanding.interval_s else np.append(gaps_s, interval_s)
    if understanding.rows == "counter":
        starts, counts, lengths_s = starts[:-1], read_counter(counts, notes), gaps_s
    elif understanding.rows == "rates":
        counts = counts * lengths_s / understanding.rate_unit_s
    whole = np.diff(np.round(np.cumsum(counts)), prepend=0).astype(np.int64)
    total = int(whole.sum())
    if total == 0:
        fail(None, f"the column {understanding.count} counts no request")
    if total > max_rows:
        ends_at = np.concatenate([[0], np.cumsum(whole)])
        for window_s in WINDOWS_S:
            after = np.searchsorted(starts, starts + max(window_s, interval_s) - 1e-9)
            inside = ends_at[after] - ends_at[:-1]
            start = int(inside.argmax())
            if 0 < inside[start] <= max_rows:
                break
        else:
            fail(None, f"there are {total:,} requests, more than {max_rows:,}, even in the busiest interval")
        _require_busiest(understanding, total, int(inside[start]), max(window_s, interval_s), max_rows, notes)
        part = slice(start, int(after[start]))
        starts, whole = starts[part], whole[part]
        lengths_s = lengths_s[part]
    arrivals = spread_counts(starts, whole, lengths_s)
    length = duration(interval_s) if understanding.interval_s else f"about {duration(interval_s)}, up to the next row"
    notes.append(
        f"Each row is an interval of {length}. Its requests are spread within it at random, as Poisson arrivals (seed 1): "
        f"bursts shorter than {duration(interval_s)} cannot be seen."
    )
    trace, shift_s = _sorted(arrivals, {}, notes)
    return replace(trace, interval_s=interval_s), shift_s


def _instant(since_s: float, *, is_calendar: bool) -> str:
    """ISO 8601 in UTC for a date or an epoch, to the microsecond; seconds for any other clock."""
    if is_calendar:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=since_s)
        return moment.isoformat().replace("+00:00", "Z")
    return f"{since_s:.6f}".rstrip("0").rstrip(".") + " s"

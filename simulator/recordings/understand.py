"""Finds out what the columns of a file mean. What is not plain is asked, never guessed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.numbers import duration, rate
from simulator.recordings.amounts import has_decimal_comma, present, read_durations_s, read_numbers
from simulator.recordings.exports import KnownExport, column_named, known_export
from simulator.recordings.instants import (
    EXAMPLES,
    NANOSECONDS,
    SHAPES,
    UNREADABLE,
    is_time_zone,
    read_dates,
    shape_of,
    unknown_zones,
)
from simulator.recordings.tables import CellTable
from simulator.recordings.understanding import (
    NO_COLUMN,
    UNIT_TITLES,
    UNITS_S,
    AmountColumn,
    Choice,
    Corrections,
    RecordingQuestion,
    RowsAre,
    TimeColumn,
    TimeKind,
    Understanding,
    fail,
)
from simulator.trace_columns import (
    AT_END,
    COUNT_NAMES,
    COUNTER_WORDS,
    DURATION_NAMES,
    END_NAMES,
    ERROR_NAMES,
    HOUR_NAMES,
    INPUT_NAMES,
    LEVEL_NAMES,
    OUTPUT_NAMES,
    PER_MINUTE_NAMES,
    RATE_NAMES,
    STAMP_NAMES,
    START_NAMES,
    STATUS_NAMES,
    Floats,
    first_named,
    rank_of,
    unit_of_name,
    words_of,
)

SAMPLE_ROWS = 5_000
EPOCHS_S = (1e8, 1e11)
"""Seconds that are taken for an epoch: the years 1973 to 5138."""
EPOCH_SIZES = ((1e17, 1e20, "ns"), (1e14, 1e17, "us"), (1e11, 1e14, "ms"), (1e8, 1e11, "s"))
"""Epochs of our time by their size."""
SERIAL_DAYS = (25_000, 80_000)
"""Days that a spreadsheet counts from 1900: the years 1968 to 2119."""
HIGHEST_RATE_PER_S = 10_000.0
"""More requests a second than this, on average, are no recording but a wrong unit."""
LIKELY_PER_S = (1e-3, 1e3)
"""Rates that a unit is proposed for."""
FEWEST_FOR_A_RATE = 10
TOTAL_WORDS = (
    "total", "totals", "sum", "grand total", "average", "avg", "mean", "count", "summe", "gesamt", "summa", "totaal", "total général", "somme",
    "totale", "suma", "итого", "合計", "总计", "합계", "end", "end of report",
)  # fmt: skip
PLAIN_COUNTS = ("requests", "count", "request_count", "hits", "calls", "requests_total")
"""Names of columns that hold counts even if the times are not evenly spaced."""
NO_COUNTS = {
    "id",
    "tokens",
    "token",
    "size",
    "bytes",
    "cost",
    "price",
    "spend",
    "usd",
    "score",
    "temperature",
    "port",
    "note",
}
"""Words of columns of numbers that do not count requests."""
_NUMBER = re.compile(r"[-+]?[\d.,]+", re.ASCII)
_SCIENTIFIC = re.compile(r"[-+]?(\d+)[.,]?(\d*)e\+?(\d+)", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class _File:
    table: CellTable
    sample: pl.DataFrame
    """The first rows, all columns."""
    export: KnownExport | None
    corrections: Corrections

    @property
    def columns(self) -> tuple[str, ...]:
        return self.table.layout.columns

    @property
    def has_names(self) -> bool:
        return self.table.layout.has_header or self.table.layout.format != "csv"

    @property
    def header_line(self) -> int | None:
        return self.table.layout.first_line if self.table.layout.has_header else None

    def cells(self, column: str) -> pl.Series:
        return present(self.sample[column]).drop_nulls()


def understand(table: CellTable, corrections: Corrections) -> Understanding:
    """Find out what the columns mean, by the rows of the first block.

    Raises:
        RecordingQuestion: it can be read in several ways; the exception has the choices.
        TraceError: it cannot be read.
    """
    block = next(table.frames(table.layout.columns), None)
    if block is None or not len(block.frame):
        fail(table.layout.first_line, "there is a header and no row")
    export = known_export(table.layout.columns)
    only = export.only if export else None
    sample = block.frame
    if only and (column := next((name for name in sample.columns if name.lower() == only[0]), None)):
        only = (column, only[1])
        kept = sample.filter(present(sample[column]) == only[1])
        if len(kept):
            sample = kept
        else:
            only = None
    file = _File(table, sample.head(SAMPLE_ROWS), export, corrections)
    decimal_comma = table.layout.format == "csv" and has_decimal_comma(
        [cell for name in sample.columns[:20] for cell in file.cells(name).head(50)], table.layout.delimiter
    )
    notes: list[str] = []
    columns = _time_columns(file, notes)
    whole = _File(table, sample, export, corrections)
    time = _time_column(whole, columns, notes, decimal_comma=decimal_comma)
    rows, count, interval_s = _rows_are(whole, time, notes, decimal_comma=decimal_comma)
    shared = {
        "layout": table.layout,
        "tool": export.tool if export else table.layout.tool,
        "rows": rows,
        "time": time,
        "count": count,
        "interval_s": interval_s,
        "rate_unit_s": 60.0 if count and rank_of(count, PER_MINUTE_NAMES) is not None else 1.0,
        "only": only,
        "decimal_comma": decimal_comma,
        "busiest_hour": corrections.busiest_hour,
    }
    used = {*time.columns, count or time.columns[0]}
    amounts: dict[str, AmountColumn] = {}
    status = None
    if rows == "requests":
        if lengths := _duration(file, time, notes, decimal_comma=decimal_comma):
            amounts["duration"] = lengths
            used.update(lengths.columns)
            used.update(lengths.end.columns if lengths.end else ())
        left = tuple(name for name in file.columns if name not in used)
        for role, names in (("input_tokens", INPUT_NAMES), ("output_tokens", OUTPUT_NAMES)):
            column = first_named(left, names, is_suffix_enough=True)
            if column and _are_mostly_numbers(file.cells(column), decimal_comma=decimal_comma):
                amounts[role] = AmountColumn(columns=(column,))
                used.add(column)
        left = tuple(name for name in file.columns if name not in used)
        status = first_named(left, (*STATUS_NAMES, *ERROR_NAMES, *LEVEL_NAMES)) or column_named("status>code", left)
        used |= {status} if status else set()
    ignored = tuple(name for name in file.columns if name not in used and name != (only or ("",))[0])
    return Understanding(**shared, **amounts, status=status, ignored=ignored, notes=tuple(notes))


def _time_columns(file: _File, notes: list[str]) -> tuple[str, ...]:
    """The column with the time of a request, or two: the date and the time of day."""
    if file.corrections.column is not None:
        given = [name.strip() for name in file.corrections.column.split("+")]
        return tuple(chosen_column(name, file.columns, "the time") for name in given)
    known = file.export and column_named(file.export.time, file.columns)
    if known:
        return (known,)
    for names in (AT_END, START_NAMES, STAMP_NAMES, END_NAMES):
        ranked = [(rank, name) for name in file.columns if (rank := rank_of(name, names)) is not None]
        for _, name in sorted(ranked):
            if _looks_like_time(file, name):
                return _with_time_of_day(file, name)
    if len(file.columns) == 1:
        return file.columns
    by_content = [name for name in file.columns if _looks_like_time(file, name) and not _is_plain_number(file, name)]
    if len(by_content) > 1 and len(_with_time_of_day(file, by_content[0])) == 2:
        return _with_time_of_day(file, by_content[0])
    epochs = by_content or [
        name for name in file.columns if _is_epoch(file, name) and not set(words_of(name)) & NO_COUNTS
    ]
    if len(epochs) == 1:
        if file.has_names:
            notes.append(f"No column is named as a time; {epochs[0]} is the only one that holds times.")
        return _with_time_of_day(file, epochs[0])
    if not file.has_names and not epochs and _looks_like_time(file, file.columns[0]):
        return file.columns[:1]
    other = (*INPUT_NAMES, *OUTPUT_NAMES, *DURATION_NAMES, *COUNT_NAMES)
    numeric = [name for name in file.columns if rank_of(name, other, is_suffix_enough=True) is None]
    choices = epochs or [name for name in numeric if _looks_like_time(file, name)]
    named = f"it has: {_listed(file.columns)}"
    if not choices:
        fail(file.header_line, f"the header has no time column, and no column holds times such as {EXAMPLES} ({named})")
    raise RecordingQuestion(
        f"The header has no time column that is plain ({named}).",
        tuple(Choice(field="column", value=name, text=f"the time in the column {name}") for name in choices[:8]),
    )


def chosen_column(name: str, columns: tuple[str, ...], what: str) -> str:
    column = next((one for one in columns if one.casefold() == name.casefold()), None)
    if column is None:
        fail(None, f"there is no column {name!r} for {what}; the columns are {_listed(columns)}")
    return column


def _looks_like_time(file: _File, column: str) -> bool:
    cells = file.cells(column).head(200)
    if shape_of(cells.to_list()):
        return True
    numbers = read_numbers(cells, decimal_comma=cells.str.contains(",", literal=True).any())
    if not len(cells) or np.isnan(numbers).mean() > 0.5:
        return False
    is_duration_too = rank_of(column, DURATION_NAMES) is not None
    return not is_duration_too or _is_epoch(file, column)


def _is_plain_number(file: _File, column: str) -> bool:
    return shape_of(file.cells(column).head(200).to_list()) is None


def _is_epoch(file: _File, column: str) -> bool:
    numbers = read_numbers(file.cells(column).head(200))
    return len(numbers) > 0 and bool(np.nanmin(numbers, initial=np.inf) >= EPOCHS_S[0]) and not np.isnan(numbers).all()


def _with_time_of_day(file: _File, column: str) -> tuple[str, ...]:
    """The column, with the one next to it that has the time of day of its date, or the date of its time of day."""
    shape = shape_of(file.cells(column).head(200).to_list())
    if shape is None:
        return (column,)
    has_clock = any(":" in cell for cell in file.cells(column).head(20))
    if shape != "time of day" and has_clock:
        return (column,)
    wanted = "time of day" if shape != "time of day" else ""
    for other in file.columns:
        cells = file.cells(other).head(200)
        if wanted and rank_of(other, HOUR_NAMES) is not None and bool(cells.str.contains(r"^\d{1,2}$").all()):
            return (column, other)
        other_shape = shape_of(cells.to_list())
        if other != column and other_shape and (other_shape == wanted or (not wanted and other_shape != "time of day")):
            if not wanted and any(":" in cell for cell in cells.head(20)):
                continue
            return (column, other) if wanted else (other, column)
    return (column,)


def _time_column(file: _File, columns: tuple[str, ...], notes: list[str], *, decimal_comma: bool) -> TimeColumn:
    cells = joined_cells(file.sample, columns)
    kept = cells.drop_nulls()
    if not len(kept):
        fail(file.header_line, f"the column {columns[0]} is empty")
    end_names = (*END_NAMES, *AT_END)
    is_end = rank_of(columns[0], end_names) is not None or bool(file.export and file.export.is_end)
    if file.corrections.times_are:
        is_end = file.corrections.times_are == "end"
    elif rank_of(columns[0], ("time_local", "time_iso8601")) is not None and "request_time" in file.columns:
        notes.append(
            "Times are taken as they are; nginx writes them at the end of a request: say so to have the start."
        )
    head = kept.head(SAMPLE_ROWS).to_list()
    example = str(kept[0])
    numbers = read_numbers(kept, decimal_comma=decimal_comma)
    is_basic = all(
        re.fullmatch(r"(19|20)\d\d(0[1-9]|1[0-2])[0-3]\d([T_ -]?[0-2]\d[0-5]\d[0-6]\d)", cell.strip()) for cell in head
    )
    if len(columns) == 1 and not is_basic and np.isnan(numbers).mean() <= 0.5 and not _is_date(head[0]):
        example = str(kept[int((~np.isnan(numbers)).argmax())])
        unit, kind = _unit(file, columns[0], kept, numbers[np.isfinite(numbers)], notes)
        return TimeColumn(columns=columns, kind=kind, unit_s=UNITS_S[unit], is_end=is_end, example=example)
    shape = shape_of(head)
    example = next((cell for cell in head if shape and shape_of([cell]) == shape), example)
    if shape is None:
        bad = next(cell for cell in head if shape_of([cell]) is None)
        fail(
            _first_line(file, columns[0], bad),
            f"the time {quoted(bad)} in the column {columns[0]} is neither a date nor a number; accepted are {EXAMPLES}",
        )
    time_zone = file.corrections.time_zone or ""
    if time_zone and not is_time_zone(time_zone):
        fail(None, f"there is no time zone {time_zone!r}; name one as in UTC, +02:00 or Europe/Berlin")
    if zones := unknown_zones(kept, shape):
        fail(
            _first_line(file, columns[0], zones[0], is_part=True),
            f"the time zone {zones[0]} is the name of several zones, or of none; write an offset such as +02:00 in the file",
        )
    if shape == "date without a year":
        notes.append("The dates have no year; none of them is taken to be in another year.")
    day_first = _day_first(file, kept, shape, time_zone, notes)
    time = TimeColumn(
        columns=columns,
        kind="dates",
        shape=shape,
        day_first=day_first,
        time_zone=time_zone,
        is_end=is_end,
        example=example,
    )
    if not time_zone and not _have_zones(kept, shape):
        notes.append("The dates name no time zone: UTC is taken, without daylight saving.")
    return time


def _is_date(cell: str) -> bool:
    return shape_of([cell]) is not None and _NUMBER.fullmatch(cell.strip()) is None


def joined_cells(frame: pl.DataFrame, columns: tuple[str, ...]) -> pl.Series:
    """The cells of the time; a date and a time of day, or an hour, become one text."""
    cells = present(frame[columns[0]])
    for column in columns[1:]:
        date = cells.str.replace(r"[T ]00?:00(:00)?$", "")
        cells = date + " " + present(frame[column]).str.replace(r"^(\d{1,2})$", "${1}:00")
    return cells


def _have_zones(cells: pl.Series, shape: str) -> bool:
    if "?P<zone>" not in SHAPES[shape]:
        return False
    zones = cells.str.extract_groups(SHAPES[shape]).struct.field("zone")
    return zones.null_count() < len(zones)


def _day_first(file: _File, cells: pl.Series, shape: str, time_zone: str, notes: list[str]) -> bool:
    """Whether 12/05/2025 is in May: as a cell shows that can be read in one order only, or as the person says."""
    if shape != "numbers":
        return True
    if file.corrections.day_first is not None:
        return file.corrections.day_first
    as_day, as_month = (read_dates(cells, shape, day_first=first, time_zone=time_zone) for first in (True, False))
    unread_by_day, unread_by_month = ((values == UNREADABLE).sum() for values in (as_day, as_month))
    if unread_by_day != unread_by_month:
        return bool(unread_by_day < unread_by_month)
    example = str(cells[0])
    if np.array_equal(as_day - as_day.min(), as_month - as_month.min()):
        usual = not bool(cells.str.contains(r"(?i)[ap]m").any())
        order = "day/month/year" if usual else "month/day/year"
        if not np.array_equal(as_day, as_month):
            notes.append(
                f"The dates, such as {example}, are read as {order}; the other order would give the same arrivals on another day."
            )
        return usual
    if "." in example.split(" ", maxsplit=1)[0]:
        notes.append(f"The dates, such as {example}, are read as day.month.year.")
        return True
    raise RecordingQuestion(
        f"The dates, such as {quoted(example)} in the column {file.columns[0]}, can be read in two ways.",
        (
            Choice(field="day_first", value="true", text=f"day/month, {_span_words(as_day)}"),
            Choice(field="day_first", value="false", text=f"month/day, {_span_words(as_month)}"),
        ),
    )


def _span_words(nanoseconds: NDArray[np.int64]) -> str:
    read = np.sort(nanoseconds[nanoseconds != UNREADABLE])
    first, last = (np.datetime64(int(one), "ns").astype("M8[D]") for one in (read[0], read[-1]))
    return f"from {first} to {last}"


def _unit(file: _File, column: str, cells: pl.Series, numbers: Floats, notes: list[str]) -> tuple[str, TimeKind]:
    """The unit of a time column of numbers, and what it counts from."""
    _require_all_digits(file, column, cells)
    middle, span = float(np.median(numbers)), float(np.ptp(numbers))
    given = file.corrections.unit or (file.export.time_unit if file.export else "") or unit_of_name(column)
    if given:
        value_s = middle * UNITS_S[given]
        if given == "days" and SERIAL_DAYS[0] <= middle < SERIAL_DAYS[1]:
            return given, "serial_days"
        return given, "epoch" if EPOCHS_S[0] <= value_s < EPOCHS_S[1] else "elapsed"
    for low, high, unit in EPOCH_SIZES:
        if low <= middle < high and float(np.quantile(numbers, 0.25)) > 0.9 * middle:
            return unit, "epoch"
    has_fractions = bool((numbers % 1 != 0).mean() > 0.5)
    rate_per_s = len(numbers) / span if span > 0 else 0.0
    if SERIAL_DAYS[0] <= numbers.min() and numbers.max() < SERIAL_DAYS[1] and span < 4000:
        is_dense = len(numbers) >= 3 and has_fractions and rate_per_s > 1000
        days = np.diff(np.unique(numbers))
        is_daily = (
            not has_fractions
            and len(days) > 2
            and bool((days == 1).mean() > 0.8)
            and "dat" in column.lower() + "day" * ("day" in column.lower())
        )
        if is_dense or is_daily:
            notes.append("The times are a spreadsheet's days since 1900, such as 45789.41666667.")
            return "days", "serial_days"
        if has_fractions and rate_per_s > 1:
            raise _unit_question(file, column, cells, span, ("days", "s"))
    if len(numbers) >= FEWEST_FOR_A_RATE and span > 0:
        if rate_per_s < 0.1:
            likely = [
                unit
                for unit in ("ns", "us", "ms", "s")
                if LIKELY_PER_S[0] < rate_per_s / UNITS_S[unit] < LIKELY_PER_S[1]
            ]
            raise _unit_question(file, column, cells, span, likely or ["ms", "s"])
        if rate_per_s > HIGHEST_RATE_PER_S:
            raise _unit_question(file, column, cells, span, ("min", "h", "days", "s"))
    notes.append(f"The column {column} names no unit: seconds are taken.")
    return "s", "elapsed"


def _require_all_digits(file: _File, column: str, cells: pl.Series) -> None:
    for cell in cells.filter(cells.str.contains("(?i)e")):
        match = _SCIENTIFIC.fullmatch(cell.strip())
        digits = len((match[1] + match[2]).lstrip("0")) if match else 0
        if match and int(match[3]) >= 8 and int(match[3]) + 1 - digits > 0 and digits > 1:
            lost = 10 ** (int(match[3]) + 1 - digits)
            fail(
                _first_line(file, column, cell),
                f"the time {quoted(cell)} in the column {column} has lost its last digits (it is known to {lost:,} only): a spreadsheet has "
                "shortened it. Export the column again as text or as a whole number, such as 1747044000123",
            )


def _unit_question(file: _File, column: str, cells: pl.Series, span: float, units: Iterable[str]) -> RecordingQuestion:
    def words(unit: str) -> str:
        length_s = span * UNITS_S[unit]
        return f"{UNIT_TITLES[unit]}, {len(cells):,} requests in {duration(length_s)}, {rate(len(cells) / length_s)}"

    return RecordingQuestion(
        f"The times, such as {quoted(str(cells[0]))} and {quoted(str(cells[-1]))} in the column {column}, name no unit.",
        tuple(Choice(field="unit", value=unit, text=words(unit)) for unit in units),
    )


def read_instants(cells: pl.Series, time: TimeColumn, *, decimal_comma: bool) -> Floats | NDArray[np.int64]:
    """The times in nanoseconds since 1970 (dates), or as the numbers of the file; `UNREADABLE` or NaN for a cell that is none."""
    if time.kind == "dates":
        return read_dates(cells, time.shape, day_first=time.day_first, time_zone=time.time_zone)
    return read_numbers(cells, decimal_comma=decimal_comma)


def in_seconds(values: Floats | NDArray[np.int64], time: TimeColumn) -> Floats:
    if time.kind == "dates":
        return np.where(values == UNREADABLE, np.nan, values / NANOSECONDS)
    return np.asarray(values * time.unit_s, dtype=np.float64)


def _rows_are(
    file: _File, time: TimeColumn, notes: list[str], *, decimal_comma: bool
) -> tuple[RowsAre, str | None, float]:
    """Whether a row is a request or an interval; of intervals, the column with the count and the length in seconds."""
    corrections, export = file.corrections, file.export
    cells = joined_cells(file.sample, time.columns)
    instants = in_seconds(read_instants(cells, time, decimal_comma=decimal_comma), time)
    interval_s = corrections.interval_s or (export.interval_s if export else 0.0) or regular_interval_s(instants) or 0.0
    left = tuple(name for name in file.columns if name not in time.columns)
    is_known = export is not None and export.rows == "requests" and not corrections.rows
    if corrections.rows == "requests" or is_known:
        return "requests", None, 0.0
    column = _count_column(file, left)
    if corrections.rows or corrections.count_column or (export and column):
        rows: RowsAre = corrections.rows or (export.rows if export else "counts")
        if column is None:
            if rows != "counts":
                fail(file.header_line, f"which column has the count? The columns are {_listed(file.columns)}")
            notes.append("Each row is counted as one request within its interval.")
        return rows, column, interval_s
    if column is None:
        return _without_count(file, time, left, instants, interval_s, notes)
    values = read_numbers(present(file.sample[column]), decimal_comma=decimal_comma)
    kind = _count_kind(column, values, instants, interval_s)
    if kind == "counter":
        notes.append(f"The column {column} grows: it is a counter, and the requests are its differences.")
    return ("requests", None, 0.0) if kind == "requests" else (kind, column, interval_s)


def _count_kind(column: str, values: Floats, instants: Floats, interval_s: float) -> RowsAre:
    is_read = ~np.isnan(values) & ~np.isnan(instants)
    if (values[is_read] == 1).all():
        return "requests"
    _, places = np.unique(instants[is_read], return_inverse=True)
    values = np.asarray(np.bincount(places, weights=values[is_read]), dtype=np.float64)
    if not interval_s:
        if rank_of(column, PLAIN_COUNTS) is not None and len(values) > 1:
            raise _rows_question(f"The times are not evenly spaced, and the column {column} may be a count.", column)
        return "requests"
    if rank_of(column, (*RATE_NAMES, *PER_MINUTE_NAMES)) is not None:
        return "rates"
    falls = int((np.diff(values) < 0).sum())
    if len(values) >= 8 and falls <= len(values) / 20 and len(np.unique(values)) > len(values) / 2:
        if set(words_of(column)) & set(COUNTER_WORDS):
            return "counter"
        raise _rows_question(
            f"The column {column} hardly ever falls: it may be a counter, or the load grows.", column, "counter"
        )
    if (fractions := values[values % 1 != 0]).size:
        raise _rows_question(f"The column {column} has fractions, such as {fractions[0]:g}.", column, "rates")
    return "counts"


def _count_column(file: _File, left: tuple[str, ...]) -> str | None:
    if file.corrections.count_column:
        return chosen_column(file.corrections.count_column, file.columns, "the count")
    if file.export and file.export.count:
        return column_named(file.export.count, left)
    if any(first_named(left, names, is_suffix_enough=True) for names in (INPUT_NAMES, OUTPUT_NAMES)) or (
        first_named(left, DURATION_NAMES)
    ):
        names: tuple[tuple[str, ...], ...] = (
            RATE_NAMES,
            PER_MINUTE_NAMES,
            ("requests", "request_count", "num_requests", "number_of_requests", "total_requests"),
        )
    else:
        names = (RATE_NAMES, PER_MINUTE_NAMES, COUNT_NAMES)
    for some in names:
        column = first_named(left, some)
        if column and len(cells := file.cells(column)) and np.isnan(read_numbers(cells)).mean() < 0.2:
            return column
        if column:
            _refuse_units(file, column)
    return None


def _refuse_units(file: _File, column: str) -> None:
    cells = file.cells(column)
    if len(cells) and cells.str.contains(r"^[\d.,]+\s*[A-Za-z/]+\S*$").all():
        reason = f"the count {quoted(cells[0])} in the column {column} has a unit; export plain numbers, such as 120"
        fail(_first_line(file, column, cells[0]), reason)


def _without_count(
    file: _File, time: TimeColumn, left: tuple[str, ...], instants: Floats, interval_s: float, notes: list[str]
) -> tuple[RowsAre, str | None, float]:
    is_known = {*START_NAMES, *END_NAMES, *DURATION_NAMES, *INPUT_NAMES, *OUTPUT_NAMES, *STATUS_NAMES}
    unknown = [
        name
        for name in left
        if rank_of(name, tuple(is_known), is_suffix_enough=True) is None
        and not set(words_of(name)) & NO_COUNTS
        and _are_numbers(file.cells(name))
    ]
    known = [name for name in left if rank_of(name, tuple(is_known), is_suffix_enough=True) is not None]
    if interval_s >= 1 and not known and len(instants) > 3:
        for name in left:
            _refuse_units(file, name)
    if interval_s >= 1 and unknown and not known and len(instants) > 3 and len(unknown) == len(left):
        raise _rows_question(
            f"The times are {duration(interval_s)} apart throughout: each row may be an interval.", *unknown[:4]
        )
    if time.kind == "dates":
        read = instants[~np.isnan(instants)]
        if len(read) > 1 and bool((read % 86_400 == 0).all()) and not any(":" in cell for cell in time.example):
            fail(
                file.header_line,
                f"the column {time.columns[0]} has dates without a time of day, such as {time.example}, so that no arrival can be told; "
                "accepted are 2025-05-12T10:00:00Z, or one row a day with the number of its requests",
            )
        repeated = 1 - len(np.unique(read)) / max(1, len(read))
        if bool((read % 60 == 0).all()) and repeated > 0.3 and np.ptp(read) > 0:
            raise RecordingQuestion(
                f"The times are to the minute, such as {time.example}, and {repeated:.0%} of the requests share theirs with another.",
                (
                    Choice(field="rows", value="counts", text="the requests of a minute are spread within it"),
                    Choice(field="rows", value="requests", text="all requests of a minute arrive at its start"),
                ),
            )
    if interval_s >= 60 and len(instants) >= 10:
        notes.append(f"The times are {duration(interval_s)} apart throughout; each row is read as one request.")
    return "requests", None, 0.0


def _rows_question(reason: str, *columns: str) -> RecordingQuestion:
    kinds = [name for name in columns if name in ("counter", "rates")]
    named = [name for name in columns if name not in kinds]
    texts = {
        "counts": "the number of requests in each interval",
        "counter": "a counter that grows with each request",
        "rates": "requests per second in each interval",
        "requests": "one request a row",
    }
    counted = ("counts", *kinds) if len(named) == 1 else ()
    choices = [Choice(field="rows", value=kind, text=texts[kind]) for kind in (*counted, "requests")]
    if len(named) > 1:
        choices += [Choice(field="count_column", value=name, text=f"counts in the column {name}") for name in named]
    return RecordingQuestion(reason, tuple(choices))


def regular_interval_s(instants: Floats) -> float | None:
    """The gap, of a second or more, of which at least nine of ten gaps are whole multiples; None if there is none."""
    gaps = np.diff(np.unique(instants[~np.isnan(instants)]))
    if len(gaps) < 2:
        return None
    values, counts = np.unique(np.round(gaps, 3), return_counts=True)
    usual = float(values[counts.argmax()])
    if usual < 1 or counts.max() < len(gaps) / 2:
        return None
    multiples = gaps / usual
    return usual if (np.abs(multiples - np.round(multiples)) < 0.02).mean() >= 0.9 else None


def _duration(file: _File, time: TimeColumn, notes: list[str], *, decimal_comma: bool) -> AmountColumn | None:
    given = file.corrections.duration_column
    if given in ("", NO_COLUMN):
        return None
    left = tuple(name for name in file.columns if name not in time.columns)
    known = [column for name in (file.export.duration if file.export else ()) if (column := column_named(name, left))]
    if given:
        columns: tuple[str, ...] = (chosen_column(given, file.columns, "the duration"),)
    elif known:
        columns = tuple(known)
    else:
        columns = _by_name(file, left, decimal_comma=decimal_comma)
    if not columns:
        return None if time.is_end else _until_end(file, time, left, decimal_comma=decimal_comma)
    unit = (
        file.corrections.duration_unit
        or (file.export.duration_unit if file.export and known else "")
        or unit_of_name(columns[0])
    )
    return AmountColumn(
        columns=columns, unit_s=UNITS_S[unit or _duration_unit(file, columns[0], notes, decimal_comma=decimal_comma)]
    )


def _by_name(file: _File, left: tuple[str, ...], *, decimal_comma: bool) -> tuple[str, ...]:
    for is_suffix_enough in (False, True):
        named = tuple(
            name for name in left if rank_of(name, DURATION_NAMES, is_suffix_enough=is_suffix_enough) is not None
        )
        usable = tuple(name for name in named if _are_durations(file.cells(name), decimal_comma=decimal_comma))
        if column := first_named(usable, DURATION_NAMES, is_suffix_enough=is_suffix_enough):
            return (column,)
    return ()


def _until_end(file: _File, time: TimeColumn, left: tuple[str, ...], *, decimal_comma: bool) -> AmountColumn | None:
    for column in left:
        if rank_of(column, END_NAMES) is None or not _looks_like_time(file, column):
            continue
        end = _time_column(file, (column,), [], decimal_comma=decimal_comma)
        if end.kind == time.kind or {end.kind, time.kind} <= {"dates", "epoch"}:
            return AmountColumn(columns=(), end=end)
    return None


def _duration_unit(file: _File, column: str, notes: list[str], *, decimal_comma: bool) -> str:
    numbers = read_numbers(file.cells(column), decimal_comma=decimal_comma)
    numbers = numbers[~np.isnan(numbers)]
    if not len(numbers):
        return "s"
    middle = float(np.median(numbers))
    if middle >= 1000 or (middle >= 50 and not (numbers % 1).any()):
        raise RecordingQuestion(
            f"The durations in the column {column}, half of them {middle:g} or more, name no unit.",
            (
                Choice(
                    field="duration_unit",
                    value="ms",
                    text=f"milliseconds, half of the requests take {duration(middle / 1000)} or more",
                ),
                Choice(
                    field="duration_unit",
                    value="s",
                    text=f"seconds, half of the requests take {duration(middle)} or more",
                ),
            ),
        )
    notes.append(f"The durations in the column {column} name no unit: seconds are taken.")
    return "s"


def _are_numbers(cells: pl.Series, *, decimal_comma: bool = False) -> bool:
    return len(cells) > 0 and not np.isnan(read_numbers(cells, decimal_comma=decimal_comma)).any()


def _are_mostly_numbers(cells: pl.Series, *, decimal_comma: bool) -> bool:
    return len(cells) > 0 and float(np.isnan(read_numbers(cells, decimal_comma=decimal_comma)).mean()) <= 0.5


def _are_durations(cells: pl.Series, *, decimal_comma: bool) -> bool:
    return len(cells) > 0 and float(np.isnan(read_durations_s(cells, 1.0, decimal_comma=decimal_comma)).mean()) <= 0.5


def _first_line(file: _File, column: str, cell: str, *, is_part: bool = False) -> int | None:
    block = next(file.table.frames((column,)), None)
    if block is None:
        return None
    for row, other in enumerate(block.frame[column]):
        if other is not None and (other.strip() == cell or (is_part and cell in other)):
            return block.line_of(row)
    return None


def quoted(cell: str) -> str:
    text = ascii(cell.strip())[1:-1] if not cell.isprintable() else cell.strip()
    return f"'{text[:29]}…'" if len(text) > 30 else f"'{text}'"


def _listed(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(quoted(name) for name in listed[:12]) + (
        f" and {len(listed) - 12} more" if len(listed) > 12 else ""
    )

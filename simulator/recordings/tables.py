"""The cells of a file: its layout is told from the first block, and the rest is read by it, a block at a time."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from simulator.recordings.instants import is_instant
from simulator.recordings.log_lines import LOG_FORMATS
from simulator.recordings.text import LONGEST_LINE_BYTES, RecordedText
from simulator.recordings.understanding import TextLayout, fail

MOST_COLUMNS = 200
SAMPLE_LINES = 200
LARGEST_DOCUMENT_BYTES = 128 << 20
_NUMBER = re.compile(r"[-+]?[\d.,]+(e[-+]?\d+)?", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class CellTable:
    layout: TextLayout
    text: RecordedText
    records: pl.DataFrame | None = None
    """All rows of a JSON document, which is read at once."""

    def frames(self, columns: Iterable[str]) -> Iterator["CellBlock"]:
        """The cells of some columns as text, a block at a time."""
        wanted = [name for name in self.layout.columns if name in set(columns)]
        if self.records is not None:
            yield CellBlock(self.layout, 1, b"", self.records.select(wanted))
            return
        quote = self.layout.quote.encode() if self.layout.has_multiline_cells else b""
        skipped = self.layout.first_line - 1 + self.layout.has_header
        for line, block in self.text.records(quote=quote):
            while line <= skipped and block:
                end = (
                    _record_length(block, self.layout)
                    if line == skipped and self.layout.has_header
                    else block.find(b"\n") + 1
                )
                line, block = line + 1, block[end:] if end else b""
            if block.strip():
                yield CellBlock(self.layout, line, block, _frame(self.layout, block, wanted))


@dataclass(frozen=True)
class CellBlock:
    layout: TextLayout
    first_line: int
    block: bytes
    frame: pl.DataFrame

    def line_of(self, row: int) -> int | None:
        """The line in the file, from 1, at which a row ends; None in a JSON document."""
        if not self.block:
            return None
        if self.layout.format != "csv":
            return self.first_line + row
        reader = csv.reader(io.StringIO(self.block.decode(), newline=""), **_dialect(self.layout))
        for _ in range(row + 1):
            next(reader, None)
        return self.first_line + reader.line_num - 1


def open_table(text: RecordedText) -> CellTable:
    """Tell how the file is laid out.

    Raises:
        TraceError: it is no table.
    """
    base = {"compression": text.compression, "encoding": text.encoding.upper()}
    head = text.head.decode()
    if not head.strip():
        fail(None, "there is nothing in it")
    lines = head.split("\n", SAMPLE_LINES)[:SAMPLE_LINES]
    if log := _log_layout(lines, base):
        return CellTable(log, text)
    if head.lstrip()[0] in "[{":
        objects = _json_lines(head)
        if objects and "resourceSpans" not in objects[0]:
            return CellTable(TextLayout(format="json_lines", columns=_keys(objects), has_header=False, **base), text)
        records = _json_records(text.whole(LARGEST_DOCUMENT_BYTES))
        return CellTable(
            TextLayout(format="json", columns=tuple(records.columns), has_header=False, **base), text, records
        )
    for place, line in enumerate(lines, 1):
        if len(line) > LONGEST_LINE_BYTES:
            fail(place, f"the line is longer than {LONGEST_LINE_BYTES // 1024} kB: this is no table of arrivals")
    return CellTable(_csv_layout(lines, base), text)


def _dialect(layout: TextLayout) -> Mapping[str, Any]:
    quoting = csv.QUOTE_MINIMAL if layout.quote else csv.QUOTE_NONE
    return {"delimiter": layout.delimiter or "\x1f", "quotechar": layout.quote or None, "quoting": quoting}


def _record_length(block: bytes, layout: TextLayout) -> int:
    """Bytes of the block's first record, whose cells may hold newlines."""
    end = block.find(b"\n") + 1
    while end and layout.quote and block.count(layout.quote.encode(), 0, end) % 2:
        end = block.find(b"\n", end) + 1
    return end


def _frame(layout: TextLayout, block: bytes, wanted: list[str]) -> pl.DataFrame:
    if layout.format == "csv":
        places = [layout.columns.index(name) for name in wanted]
        try:
            frame = pl.read_csv(
                io.BytesIO(block),
                has_header=False,
                separator=layout.delimiter or "\x1f",
                quote_char=layout.quote or None,
                schema={str(place): pl.String for place in range(len(layout.columns))},
                columns=places,
                truncate_ragged_lines=True,
                missing_columns="insert",
                extra_columns="ignore",
            )
        except pl.exceptions.ComputeError:  # a quote within a cell: slower, but it is read
            rows = list(csv.reader(io.StringIO(block.decode(), newline=""), **_dialect(layout)))
            cells = {str(place): [row[place] if place < len(row) else None for row in rows] for place in places}
            frame = pl.DataFrame(cells, schema={str(place): pl.String for place in places})
        return frame.rename({str(place): name for place, name in zip(places, wanted, strict=True)}).select(wanted)
    lines = pl.Series("line", block.decode().removesuffix("\n").split("\n"))
    if layout.format == "json_lines":
        return pl.DataFrame({name: lines.str.json_path_match(name_path(name)) for name in wanted})
    groups = lines.str.strip_chars_end().str.extract_groups(layout.pattern).struct.unnest()
    return groups.select(wanted)


def name_path(name: str) -> str:
    return "$" + "".join(f"['{part}']" for part in name.split(PATH_MARK))


PATH_MARK = " > "
"""Between the names of a nested JSON value."""


def _json_lines(head: str) -> list[dict[str, Any]]:
    lines = [line for line in head.split("\n")[: SAMPLE_LINES + 1] if line.strip()]
    complete = lines[:-1] if len(lines) > 1 else lines
    try:
        objects = [json.loads(line) for line in complete[:SAMPLE_LINES]]
    except ValueError:
        return []
    if not objects or not all(isinstance(one, dict) for one in objects):
        return []
    is_document = len(objects) == 1 and any(isinstance(value, list | dict) for value in objects[0].values())
    return [] if is_document else objects


def _flat(value: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        if isinstance(inner, dict) and depth < 4:
            yield from _flat(inner, f"{prefix}{name}{PATH_MARK}", depth + 1)
        elif _is_attributes(inner):
            yield from ((f"{prefix}{one['key']}", _attribute(one["value"])) for one in inner)
        elif isinstance(inner, list) and inner and all(isinstance(one, dict) for one in inner) and depth < 4:
            yield from _added_up(inner, f"{prefix}{name}{PATH_MARK}", depth + 1)
        elif not isinstance(inner, list):
            yield prefix + name, inner


def _added_up(values: list[Mapping[str, Any]], prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    """The numbers of parts of a record, such as a model's share of an hour's requests, added up."""
    totals: dict[str, Any] = {}
    for value in values:
        for name, inner in _flat(value, prefix, depth):
            is_sum = isinstance(inner, int | float) and isinstance(totals.get(name), int | float)
            totals[name] = totals[name] + inner if is_sum else inner
    yield from totals.items()


def _is_attributes(value: Any) -> bool:
    """Whether it is a list of attributes of an OpenTelemetry span."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(one, dict) and {"key", "value"} <= set(one) for one in value)
    )


def _attribute(value: Any) -> Any:
    return next(iter(value.values()), None) if isinstance(value, dict) else value


def _keys(objects: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for one in objects for name, _ in _flat(one)))[:MOST_COLUMNS]


def _json_records(data: bytes) -> pl.DataFrame:
    try:
        is_lines = data.count(b"\n{") and data.lstrip().startswith(b"{")
        document = [json.loads(line) for line in data.splitlines() if line.strip()] if is_lines else json.loads(data)
    except ValueError as error:
        line = getattr(error, "lineno", None)
        fail(line, f"the file begins as JSON, but is none: {error}")
    rows = [dict(_flat(row)) for row in _rows_in(document)]
    if not rows:
        fail(
            None,
            'there is no list of requests in the JSON document; an example: [{"timestamp": "2025-05-12T10:00:00Z"}]',
        )
    columns = tuple(dict.fromkeys(name for row in rows[:SAMPLE_LINES] for name in row))[:MOST_COLUMNS]
    return pl.DataFrame(
        {name: pl.Series(name, [_cell(row.get(name)) for row in rows], dtype=pl.String) for name in columns}
    )


def _cell(value: Any) -> str | None:
    return None if value is None else json.dumps(value) if isinstance(value, bool) else str(value)


def _rows_in(document: Any) -> list[Mapping[str, Any]]:
    """The longest list of objects, of pairs (time and value) or of equal columns in a JSON document."""
    spans: list[Mapping[str, Any]] = [
        span for group in _values_at(document, "spans") for span in group if isinstance(span, dict)
    ]
    if spans:
        return spans
    lists = list(_lists_in(document))
    return max(lists, key=len, default=[])


def _values_at(value: Any, name: str) -> Iterator[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if isinstance(value, dict) and isinstance(value.get(name), list):
        yield value[name]
    for one in inner:
        yield from _values_at(one, name)


def _lists_in(value: Any) -> Iterator[list[Mapping[str, Any]]]:
    if isinstance(value, list):
        if value and all(isinstance(one, dict) for one in value):
            series = [one for one in value if isinstance(one.get("values"), list) and _are_pairs(one["values"])]
            if series:
                yield [{"time": at, "value": count} for one in series for at, count in one["values"]]
                return
            yield value
        elif _are_pairs(value):
            yield [{"time": at, "value": count} for at, count in value]
        elif value and all(isinstance(one, int | float | str) for one in value):
            yield [{"time": one} for one in value]
        for one in value:
            if isinstance(one, dict):
                yield from _lists_in(one)
    elif isinstance(value, dict):
        columns = {name: inner for name, inner in value.items() if isinstance(inner, list) and _are_scalars(inner)}
        longest = max(map(len, columns.values()), default=0)
        equal = {name: inner for name, inner in columns.items() if len(inner) == longest}
        if longest > 1 and len(equal) > 1:
            yield [dict(zip(equal, row, strict=True)) for row in zip(*equal.values(), strict=True)]
        if len(value) > 1 and all(isinstance(inner, dict) for inner in value.values()):
            yield list(value.values())
        for inner in value.values():
            yield from _lists_in(inner)


def _are_scalars(values: list[Any]) -> bool:
    return not any(isinstance(one, list | dict) for one in values)


def _are_pairs(values: list[Any]) -> bool:
    return bool(values) and all(isinstance(one, list) and len(one) == 2 and _are_scalars(one) for one in values)


def _log_layout(lines: list[str], base: Mapping[str, str]) -> TextLayout | None:
    present = [line.rstrip() for line in lines if line.strip() and not line.startswith("#")]
    if not present or is_instant(re.split(r"[;\t|]|,(?!\d)", present[0])[0]):
        return None
    for log in LOG_FORMATS:
        if log.matches(present[0]) and sum(map(log.matches, present)) >= 0.9 * len(present):
            columns = tuple(log.columns)
            return TextLayout(
                format="log", tool=log.tool, pattern=log.pattern, columns=columns, has_header=False, **base
            )
    return None


def _csv_layout(lines: list[str], base: Mapping[str, str]) -> TextLayout:
    first = 0
    delimiter = ""
    if lines[0].lower().strip('"').startswith("sep="):
        first, delimiter = 1, lines[0].strip().strip('"')[4:5]
    fields = [place for place, line in enumerate(lines) if line.startswith("#Fields:")]
    if fields:
        return _w3c_layout(lines, fields[0], base)
    quote = (
        '"'
        if any('"' in line for line in lines) or not any(re.search(r"(^|[,;\t|])'", line) for line in lines)
        else "'"
    )
    delimiter = delimiter or _delimiter(lines[first:], quote)
    sample = csv.reader(lines[first:], delimiter=delimiter or "\x1f", quotechar=quote)
    rows: list[tuple[int, list[str]]] = []
    line, has_multiline_cells = first + 1, False
    try:
        for row in sample:
            has_multiline_cells |= any("\n" in cell for cell in row) or first + sample.line_num > line
            if row and any(cell.strip() for cell in row) and not row[0].startswith("#"):
                rows.append((line, row))
            line = first + sample.line_num + 1
    except csv.Error as error:
        fail(line, f"the row is not CSV: {error}")
    if not rows:
        fail(None, "there is nothing in it")
    usual, _ = Counter(len(row) for _, row in rows).most_common(1)[0]
    start, header = next(((line, row) for line, row in rows if len(row) >= usual), rows[0])
    if len(header) > MOST_COLUMNS:
        fail(start, f"there are {len(header)} columns, more than {MOST_COLUMNS}")
    has_header = not any(is_instant(cell) or _NUMBER.fullmatch(cell.strip()) for cell in header)
    names = header if has_header else [""] * len(header)
    return TextLayout(
        format="csv",
        delimiter=delimiter,
        quote=quote,
        columns=_distinct(names),
        has_header=has_header,
        first_line=start,
        has_multiline_cells=has_multiline_cells,
        **base,
    )


def _w3c_layout(lines: list[str], place: int, base: Mapping[str, str]) -> TextLayout:
    """The extended log format of the W3C, of CloudFront and IIS: the columns are named in a comment."""
    rows = [line for line in lines[place + 1 :] if line.strip() and not line.startswith("#")]
    delimiter = "\t" if rows and "\t" in rows[0] else " "
    return TextLayout(
        format="csv", delimiter=delimiter, quote="", tool="W3C log", columns=_distinct(lines[place].split()[1:]),
        has_header=False, first_line=place + 2, **base,
    )  # fmt: skip


def _delimiter(lines: list[str], quote: str) -> str:
    """The delimiter that splits the rows into equally many cells; a decimal comma splits the rows, but not the header."""
    best, most = "", (0.0, 0)
    for delimiter in "\t;|,":
        rows = [
            row for row in csv.reader(lines, delimiter=delimiter, quotechar=quote) if row and not row[0].startswith("#")
        ]
        usual, count = Counter(map(len, rows)).most_common(1)[0] if rows else (1, 0)
        if usual < 2 or sum(len(row) > 1 for row in rows) < 0.5 * len(rows):
            continue
        first = next(row for row in rows if len(row) >= usual)
        is_decimal_comma = len(rows[0]) == 1 and all(_NUMBER.fullmatch(cell.strip()) for cell in first)
        score = (round(count / len(rows), 1), usual)
        if not is_decimal_comma and (not best or score > most):
            best, most = delimiter, score
    return best


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    distinct: list[str] = []
    for place, name in enumerate(names, 1):
        plain = " ".join(name.replace("\ufeff", "").split()) or f"column {place}"
        distinct.append(plain if plain not in distinct else f"{plain} ({place})")
    return tuple(distinct)

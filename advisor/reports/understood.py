"""What a recording was understood to be, in words: the same on the page and on standard error."""

from collections.abc import Iterator

from advisor.reports.wording import listed
from core.numbers import count, duration, number, rate
from simulator.benchmark_results import BenchmarkLevel
from simulator.recordings.understanding import UNIT_TITLES, UNITS_S, AmountColumn, TimeColumn, Understanding
from simulator.traces import Trace

_FORMATS = {"csv": "a table", "json_lines": "JSON lines", "json": "a JSON document", "log": "a log"}
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces", "": "one column"}
_ROWS = {
    "requests": "one request a row",
    "counts": "a number of requests per interval",
    "counter": "a counter that grows with each request",
    "rates": "requests per second in each interval",
}


def understood(understanding: Understanding, trace: Trace) -> Iterator[tuple[str, str]]:
    """Pairs of a title and what was understood, in the order in which a person checks them."""
    layout = understanding.layout
    form = _FORMATS[layout.format]
    if layout.format == "csv":
        form += f" with {_DELIMITERS.get(layout.delimiter, layout.delimiter)}"
    if layout.format == "log" and understanding.tool:
        form = ""  # the tool's name says it
    yield "File", ", ".join(part for part in (understanding.tool, form, layout.compression, layout.encoding) if part)
    yield "Rows", _rows(understanding)
    yield "Time", _time(understanding.time)
    yield "Requests", f"{count(trace.requests)}, from {trace.first} to {trace.last}, {_span(trace)}"
    if understanding.duration:
        yield "Duration", _amount(understanding.duration)
    tokens = [amount for amount in (understanding.input_tokens, understanding.output_tokens) if amount]
    if tokens:
        yield "Tokens", listed([_amount(amount) for amount in tokens])
    if understanding.status:
        yield "Status", f"column {understanding.status}: {_failures(understanding)}"
    yield "Used", f"{count(understanding.rows_used, 'row')}{_left_out(understanding)}"
    if understanding.ignored:
        yield (
            "Ignored",
            f"{'column' if len(understanding.ignored) == 1 else 'columns'} {listed(understanding.ignored[:12])}",
        )


def _span(trace: Trace) -> str:
    if trace.span_s <= 0:
        return "all at once"
    return f"{duration(trace.span_s)}, {rate(trace.mean_rate_per_s)}"


def _rows(understanding: Understanding) -> str:
    words = _ROWS[understanding.rows]
    if understanding.rows == "requests":
        return words
    column = f", column {understanding.count}" if understanding.count else ""
    every = f", every {duration(understanding.interval_s)}" if understanding.interval_s else ""
    return f"{words}{column}{every}"


def _time(time: TimeColumn) -> str:
    columns = f"column {' and '.join(time.columns)}, such as {time.example}"
    kinds = {
        "dates": f"dates{_order(time)}, {time.time_zone or 'UTC where they name no zone'}",
        "epoch": f"{_unit(time.unit_s)} since 1970",
        "elapsed": _unit(time.unit_s),
        "serial_days": "a spreadsheet's days",
    }
    return f"{columns}: {kinds[time.kind]}{', at the end of a request' if time.is_end else ''}"


def _order(time: TimeColumn) -> str:
    if time.shape != "numbers":
        return ""
    return " (day/month/year)" if time.day_first else " (month/day/year)"


def _unit(unit_s: float) -> str:
    return next(UNIT_TITLES[unit] for unit, length_s in UNITS_S.items() if length_s == unit_s)


def _amount(amount: AmountColumn) -> str:
    if amount.end:
        return f"up to {' and '.join(amount.end.columns)}"
    unit = f" in {_unit(amount.unit_s)}" if amount.unit_s != 1 else ""
    return f"column {' + '.join(amount.columns)}{unit}"


def _failures(understanding: Understanding) -> str:
    failures = understanding.failures
    if failures is None or not understanding.rows_failed:
        return f"{count(understanding.rows_failed)} failed" if understanding.rows_failed else "none failed"
    kinds = (
        (failures.transient, "failed and could be tried again"),
        (failures.permanent, "failed for good"),
        (failures.abandoned, "given up by the caller"),
    )
    return listed([f"{count(requests)} {words}" for requests, words in kinds if requests])


def _left_out(understanding: Understanding) -> str:
    if not understanding.left_out:
        return ", none left out"
    reasons = [
        f"{count(left.rows, 'row')} left out ({left.reason}{f'; line {left.first_line:,}' if left.first_line else ''})"
        for left in understanding.left_out
    ]
    return f", {listed(reasons)}"


def level_words(level: BenchmarkLevel) -> str:
    """What a benchmark measured at one load."""
    if level.in_flight is None:
        calls = "calls in flight not known"
    else:
        law = " (rate times mean time)" if level.is_by_littles_law else ""
        calls = f"{number(round(level.in_flight, 1))} {'call' if round(level.in_flight, 1) == 1 else 'calls'} in flight{law}"
    times = [
        f"{name} {duration(value)}"
        for name, value in (
            ("mean", level.times.mean_s),
            ("p50", level.times.p50_s),
            ("p95", level.times.p95_s),
            ("p99", level.times.p99_s),
            ("first token", level.first_token_s),
        )
        if value is not None
    ]
    return (
        f"{calls}: {count(level.requests, 'request')}, {count(level.failed)} failed; {', '.join(times) or 'no times'}"
    )

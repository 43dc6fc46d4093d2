"""What a file was understood to be, as a plain value, and what a person may correct of it."""

from dataclasses import dataclass
from typing import Literal, NoReturn

from pydantic import BaseModel, ConfigDict

from core.errors import Problem
from simulator.traces import Trace, TraceError

FileFormat = Literal["csv", "json_lines", "json", "log"]
RowsAre = Literal["requests", "counts", "counter", "rates"]
"""One request a row, a count per interval, a counter that grows, or requests per second in each interval."""
TimeKind = Literal["dates", "epoch", "elapsed", "serial_days"]
TimeUnit = Literal["ns", "us", "ms", "s", "min", "h", "days"]
UNITS_S: dict[str, float] = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "days": 86400.0}
UNIT_TITLES = {
    "ns": "nanoseconds",
    "us": "microseconds",
    "ms": "milliseconds",
    "s": "seconds",
    "min": "minutes",
    "h": "hours",
    "days": "days",
}


NO_COLUMN = "-"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Corrections(_Value):
    """What a person says of a file; whatever is None is found out from the file."""

    column: str | None = None
    unit: TimeUnit | None = None
    """Of a time column of numbers."""
    day_first: bool | None = None
    time_zone: str | None = None
    """Of dates that name none; UTC if it is not given."""
    times_are: Literal["start", "end"] | None = None
    rows: RowsAre | None = None
    count_column: str | None = None
    interval_s: float | None = None
    duration_column: str | None = None
    """Empty, or `NO_COLUMN`: no column is a duration."""
    duration_unit: TimeUnit | None = None
    busiest_hour: bool = False
    """Read the busiest hour, if the file has more requests than may be read."""


class TextLayout(_Value):
    """How the bytes of a file become cells."""

    format: FileFormat
    compression: str = ""
    encoding: str = "UTF-8"
    delimiter: str = ","
    quote: str = '"'
    has_multiline_cells: bool = False
    """Whether a newline within quotes is part of a cell."""
    pattern: str = ""
    """Of a log: a regular expression with a group a column."""
    tool: str = ""
    columns: tuple[str, ...]
    has_header: bool = True
    first_line: int = 1
    """The line of the first row, or of the header."""


class TimeColumn(_Value):
    columns: tuple[str, ...]
    """Two for a date and a time of day, which are joined by a space."""
    kind: TimeKind
    unit_s: float = 1.0
    shape: str = ""
    """Of dates: a name in `instants.SHAPES`."""
    day_first: bool = True
    time_zone: str = ""
    """Empty: each date has its own, or UTC is taken."""
    is_end: bool = False
    """The start of a request is this time minus its duration."""
    example: str = ""


class AmountColumn(_Value):
    columns: tuple[str, ...]
    """Several are added up."""
    unit_s: float = 1.0
    """Of a duration: the unit of its numbers."""
    end: TimeColumn | None = None
    """A duration that is the time from the start to this end."""


class LeftOut(_Value):
    reason: str
    rows: int
    first_line: int | None = None


class RecordedFailures(_Value):
    """Requests that failed, by what their status says."""

    transient: int = 0
    permanent: int = 0
    """Another try would fail as well."""
    abandoned: int = 0
    """Given up by their callers."""
    mean_s: float | None = None
    """How long a transient or permanent failure took; None if no duration of one is known."""


class Understanding(_Value):
    layout: TextLayout
    tool: str = ""
    """The name of the tool that wrote the file, if it is known by its columns."""
    rows: RowsAre = "requests"
    time: TimeColumn
    count: str | None = None
    interval_s: float = 0.0
    """Of counts. Arrivals within an interval are spread as Poisson arrivals, so shorter bursts are not seen."""
    rate_unit_s: float = 1.0
    """The seconds that a rate is per."""
    duration: AmountColumn | None = None
    input_tokens: AmountColumn | None = None
    output_tokens: AmountColumn | None = None
    status: str | None = None
    only: tuple[str, str] | None = None
    """A column and the value of the rows that are requests; others are left out."""
    decimal_comma: bool = False
    busiest_hour: bool = False
    rows_used: int = 0
    rows_failed: int = 0
    failures: RecordedFailures | None = None
    """None without a status, and in uploads of an older version."""
    left_out: tuple[LeftOut, ...] = ()
    ignored: tuple[str, ...] = ()
    first: str = ""
    last: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ReadRecording:
    trace: Trace
    understanding: Understanding


class Choice(_Value):
    field: str
    """A field of `Corrections`."""
    value: str
    text: str
    """What it says of the file, without a full stop."""


class RecordingQuestion(TraceError):
    """A file that can be read in several ways, none of which is plain: which one is meant?"""

    def __init__(self, question: str, choices: tuple[Choice, ...]) -> None:
        texts = [choice.text for choice in choices]
        super().__init__([Problem("", f"{question} Which is meant: {'; or '.join(texts)}?")])
        self.question, self.choices = question, choices


def fail(row: int | None, reason: str) -> NoReturn:
    raise TraceError([Problem("", reason, row)])

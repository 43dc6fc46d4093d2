"""What a person says of how a recording is to be read: fields of a form, and the corrections that they make."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import ValidationError

from core.errors import InvalidInput, Problem
from simulator.recordings.understanding import (
    NO_COLUMN,
    UNIT_TITLES,
    Choice,
    Corrections,
    RowsAre,
    TimeUnit,
    Understanding,
)

AS_UNDERSTOOD = ("", "As understood")
_ROWS = {
    "requests": "One request a row",
    "counts": "A count",
    "counter": "A growing counter",
    "rates": "Requests per second",
}
_UNITS = [(unit, UNIT_TITLES[unit].capitalize()) for unit in get_args(TimeUnit)]


@dataclass(frozen=True)
class RecordingField:
    name: str
    label: str
    value: str
    options: list[tuple[str, str]] | None = None
    """None: text is typed."""


def corrections_from_query(query: Mapping[str, Any]) -> Corrections:
    """Raise InvalidInput for a value that none of the choices has."""
    given = {name: value for name in Corrections.model_fields if (value := query.get(name))}
    try:
        return Corrections.model_validate(given)
    except ValidationError as error:
        problem = error.errors()[0]
        label = str(problem["loc"][0]).replace("_", " ")
        reason = (
            f"{label} cannot be {str(problem['input'])[:30]!r}; choose one of the list, or give a number such as 60"
        )
        raise InvalidInput([Problem("trace", reason)]) from error


def query_of(corrections: Corrections) -> dict[str, str]:
    given = corrections.model_dump(exclude_defaults=True)
    return {name: str(value).lower() if isinstance(value, bool) else f"{value}" for name, value in given.items()}


def recording_fields(
    corrections: Corrections, columns: tuple[str, ...], understanding: Understanding | None
) -> list[RecordingField]:
    """Those that make sense for a file with these columns."""
    given = query_of(corrections)
    named = [(name, name) for name in columns]
    options: dict[str, tuple[str, list[tuple[str, str]] | None]] = {
        "column": ("Time in the column", named),
        "unit": ("Unit of the times", _UNITS),
        "day_first": (
            "Dates such as 12/05/2025",
            [("true", "12 May: day first"), ("false", "5 December: month first")],
        ),
        "time_zone": ("Time zone of the dates, such as Europe/Berlin", None),
        "times_are": ("Times are of a request's", [("start", "Start"), ("end", "End")]),
        "rows": ("A row is", [(kind, _ROWS[kind]) for kind in get_args(RowsAre)]),
        "count_column": ("Count in the column", named),
        "interval_s": ("Length of the intervals, in seconds", None),
        "duration_column": ("Duration in the column", [(NO_COLUMN, "None is a duration"), *named]),
        "duration_unit": ("Unit of the durations", _UNITS),
    }
    is_dated = understanding is None or understanding.time.kind == "dates"
    left_out = {"unit"} if understanding is not None and is_dated and not corrections.unit else set()
    left_out |= set() if is_dated else {"day_first", "time_zone"}
    return [
        RecordingField(name, label, given.get(name, ""), [AS_UNDERSTOOD, *choices] if choices is not None else None)
        for name, (label, choices) in options.items()
        if name not in left_out
    ]


def query_with(corrections: Corrections, choice: Choice) -> dict[str, str]:
    return query_of(corrections) | {choice.field: choice.value}

"""Numbers as people read them, in the very words of the advice: pages, files and advice say them alike."""

from advisor.advice.numbers import (
    MINUS,
    MISSING,
    count,
    duration,
    interval,
    number,
    percent,
    plain,
    rate,
    share,
    share_interval,
    time_unit,
)

__all__ = [
    "MINUS",
    "MISSING",
    "count",
    "duration",
    "interval",
    "number",
    "percent",
    "plain",
    "rate",
    "share",
    "share_interval",
    "time_unit",
]

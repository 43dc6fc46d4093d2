"""Numbers as people read them, in the very words of the advice: pages, files and advice say them alike."""

from advisor.advice.numbers import (
    MINUS,
    MISSING,
    count,
    duration,
    exactly,
    interval,
    number,
    percent,
    plain,
    plural,
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
    "exactly",
    "interval",
    "number",
    "percent",
    "plain",
    "plural",
    "rate",
    "share",
    "share_interval",
    "time_unit",
]

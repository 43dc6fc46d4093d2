"""Numbers as people and tools write them: decimal commas, thousands, units and clock times, a column at once."""

import re

import numpy as np
import polars as pl

from simulator.recordings.understanding import UNITS_S
from simulator.trace_columns import Floats

MISSING = ("", "-", "–", "null", "none", "nan", "n/a", "na", "nil", "undefined", "\\n", "#n/a", "(null)")
"""What tools write into a cell without a value, in lower case."""
_WORDS = {
    "sec": "s",
    "secs": "s",
    "second": "s",
    "seconds": "s",
    "msec": "ms",
    "µs": "us",
    "μs": "us",
    "m": "min",
    "mins": "min",
    "hours": "h",
    "d": "days",
}
_WITH_UNIT = (
    r"^(?P<number>[-+]?[\d.,]+(?:e[-+]?\d+)?)\s*(?P<unit>ns|µs|μs|us|ms|msecs?|s|secs?|seconds?|m|mins?|h|hours?)$"
)
_CLOCK = r"^(?:(?P<hours>\d+):)?(?P<minutes>\d{1,3}):(?P<seconds>\d{1,2}(?:[.,]\d+)?)$"
_ISO = r"^PT(?:(?P<hours>[\d.]+)H)?(?:(?P<minutes>[\d.]+)M)?(?:(?P<seconds>[\d.]+)S)?$"


def present(cells: pl.Series) -> pl.Series:
    """The cells without surrounding space, null if nothing is said."""
    plain = cells.str.strip_chars()
    return plain.set(plain.str.to_lowercase().is_in(MISSING), None)


def has_decimal_comma(cells: list[str], delimiter: str) -> bool:
    """Whether a comma is the decimal mark: three digits after it may be thousands, unless the commas do not separate cells."""
    commas = [cell for cell in cells if re.fullmatch(r"[-+]?[\d.]*\d,\d+", cell)]
    thousands = [cell for cell in commas if re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+", cell)]
    return bool(commas) and (len(thousands) < len(commas) or delimiter in (";", "\t", "|"))


def read_numbers(cells: pl.Series, *, decimal_comma: bool = False) -> Floats:
    """The numbers; NaN for a cell that is none."""
    values = cells.cast(pl.Float64, strict=False)
    if values.null_count() > cells.null_count():
        plain = cells.str.replace_all(r"[\s'’\u00a0\u202f]", "")
        point = plain.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
        values = (point if decimal_comma else plain.str.replace_all(r",(\d{3})", "$1")).cast(pl.Float64, strict=False)
        if decimal_comma:
            values = (
                plain.set(plain.str.contains(",", literal=True), None).cast(pl.Float64, strict=False).fill_null(values)
            )
    return np.asarray(values.fill_null(np.nan).to_numpy(), dtype=np.float64)


def read_durations_s(cells: pl.Series, unit_s: float, *, decimal_comma: bool = False) -> Floats:
    """Seconds, of plain numbers in `unit_s`, of `250 ms`, of `0:00:03.5` and of `PT3.5S`; NaN for a cell that is none."""
    values = read_numbers(cells, decimal_comma=decimal_comma) * unit_s
    rest = np.isnan(values) & cells.is_not_null().to_numpy()
    if not rest.any():
        return values
    left = cells.filter(pl.Series(rest))
    groups = left.str.to_lowercase().str.extract_groups(_WITH_UNIT).struct.unnest()
    units = groups["unit"].replace(_WORDS).replace_strict(UNITS_S, default=None, return_dtype=pl.Float64)
    numbers = read_numbers(groups["number"], decimal_comma=decimal_comma) * units.fill_null(np.nan).to_numpy()
    for pattern in (_CLOCK, _ISO):
        parts = left.str.extract_groups(pattern).struct.unnest()
        clock = sum(
            parts[name].str.replace(",", ".", literal=True).cast(pl.Float64, strict=False).fill_null(0.0).to_numpy()
            * size
            for name, size in (("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0))
        )
        is_clock = ~(parts["hours"].is_null() & parts["minutes"].is_null() & parts["seconds"].is_null()).to_numpy()
        numbers = np.where(np.isnan(numbers) & is_clock, clock, numbers)
    values[rest] = numbers
    return values

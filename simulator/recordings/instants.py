"""Dates and times of day as people and tools write them, a column at once."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl
from numpy.typing import NDArray

NANOSECONDS = 10**9
UNREADABLE = np.iinfo(np.int64).min
"""In an array of nanoseconds: the cell is no date."""
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTHS_ELSEWHERE = {
    "janv": 1, "fév": 2, "fev": 2, "févr": 2, "mär": 3, "mrz": 3, "mars": 3, "abr": 4, "avr": 4, "mai": 5, "mag": 5, "juin": 6, "giu": 6,
    "juil": 7, "lug": 7, "ago": 8, "août": 8, "aoû": 8, "set": 9, "okt": 10, "ott": 10, "out": 10, "dez": 12, "déc": 12, "dic": 12, "gen": 1,
    "ene": 1,
}  # fmt: skip
_HOURS_OFFSET = {
    "Z": 0, "UTC": 0, "GMT": 0, "UCT": 0, "WET": 0, "WEST": 1, "BST": 1, "CET": 1, "CEST": 2, "MEZ": 1, "MESZ": 2, "EET": 2, "EEST": 3,
    "MSK": 3, "JST": 9, "KST": 9, "SGT": 8, "HKT": 8, "AEST": 10, "AEDT": 11, "EST": -5, "EDT": -4, "CDT": -5, "MST": -7, "MDT": -6,
    "PST": -8, "PDT": -7, "AKST": -9, "AKDT": -8, "HST": -10,
}  # fmt: skip
"""CST and IST are left out: each is the name of several zones."""

_CLOCK = (
    r"(?P<hour>\d{1,2})[:h](?P<minute>\d\d)(?:[:m](?P<second>\d\d)s?(?:[.,:](?P<fraction>\d{1,12}))?)?"
    r"(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?"
)
_ZONE = r"(?:\s*\(?(?P<zone>Z|z|(?:UTC|GMT)?[-+−]\d\d?:?(?:\d\d)?|[A-Za-z]+/[A-Za-z_/+-]+\d*|[A-Z]{3,5})\)?)?(?:\s*(?:\[[^\]]*\]|\([A-Za-z ]+\)))?"
_WEEKDAY = r"(?:\p{L}{2,9}\.?,?\s+)?"
_TIME = rf"(?:(?:[T_\s]+|\s*,\s*|\s*@\s*|\s+at\s+|:){_CLOCK}{_ZONE})?"
SHAPES: Mapping[str, str] = {
    "year-month-day": rf"^{_WEEKDAY}(?P<year>\d{{4}})[-/.年](?P<month>\d{{1,2}})[-/.月](?P<day>\d{{1,2}})日?{_TIME}$",
    "basic ISO": r"^(?P<year>(?:19|20)\d\d)(?P<month>\d\d)(?P<day>\d\d)[T_ -]?(?P<hour>\d\d):?(?P<minute>\d\d):?(?P<second>\d\d)"
    rf"(?:[.,](?P<fraction>\d{{1,12}}))?{_ZONE}$",
    "numbers": rf"^{_WEEKDAY}(?P<first>\d{{1,2}})(?P<mark>[-/.])\s?(?P<other>\d{{1,2}})[-/.]\s?(?P<year>\d{{4}}|\d\d){_TIME}$",
    "day month year": rf"^{_WEEKDAY}(?P<day>\d{{1,2}})\.?[-/ .](?:de )?(?P<name>\p{{L}}{{3,10}})\.?[-/ ,.]+(?:de )?(?P<year>\d{{4}}|\d\d){_TIME}$",
    "month day year": rf"^{_WEEKDAY}(?P<name>\p{{L}}{{3,10}})\.?[- ](?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?[- ](?P<year>\d{{4}}){_TIME}$",
    "date of C": rf"^\p{{L}}{{3}}\s+(?P<name>\p{{L}}{{3}})\s+(?P<day>\d{{1,2}})\s+{_CLOCK}\s+(?:(?P<zone>[A-Z]{{3,4}})\s+)?(?P<year>\d{{4}})$",
    "date without a year": rf"^(?P<name>\p{{L}}{{3}})\s+(?P<day>\d{{1,2}})\s+{_CLOCK}$",
    "time of day": rf"^{_CLOCK}{_ZONE}$",
}
_PYTHON = {name: re.compile(shape.replace(r"\p{L}", r"[^\W\d_]")) for name, shape in SHAPES.items()}
EXAMPLES = "2025-05-12T10:00:00Z, 12/05/2025 10:00:00 or 1747044000"


def shape_of(cells: list[str]) -> str | None:
    """The shape that most of the cells have; None if fewer than half of them have one."""
    counts = {name: sum(bool(shape.match(cell.strip())) for cell in cells) for name, shape in _PYTHON.items()}
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] and counts[best] >= len(cells) / 2 else None


def is_instant(cell: str) -> bool:
    return any(shape.match(cell.strip()) for shape in _PYTHON.values())


def unknown_zones(cells: pl.Series, shape: str) -> list[str]:
    """Names of zones that say nothing, or several things (CST)."""
    if "?P<zone>" not in SHAPES[shape]:
        return []
    zones = cells.str.strip_chars().str.extract_groups(SHAPES[shape]).struct.field("zone").unique().drop_nulls()
    return [zone for zone in zones if _offset_s(zone) is None and not _is_zone_name(zone)]


def read_dates(cells: pl.Series, shape: str, *, day_first: bool, time_zone: str = "") -> NDArray[np.int64]:
    """Nanoseconds since 1970 UTC, with `UNREADABLE` for a cell that is no date of the shape.

    A date without an offset is in `time_zone` (UTC if that is empty). Of an hour that comes twice, in autumn, the rows up to the first step back
    are the first one.
    """
    if shape == "year-month-day" and not time_zone and (plain := _plain_iso(cells)) is not None:
        return plain
    groups = cells.str.strip_chars().str.extract_groups(SHAPES[shape]).struct.unnest()
    parts = {name: groups[name] for name in groups.columns}
    rows = len(cells)

    def number(name: str, missing: int = 0) -> NDArray[np.int64]:
        if name not in parts:
            return np.full(rows, missing, dtype=np.int64)
        return parts[name].cast(pl.Int64, strict=False).fill_null(missing).to_numpy()

    year = number("year", 1970)
    year = np.where(year < 100, year + np.where(year < 70, 2000, 1900), year)
    if shape == "numbers":
        month, day = (number("other"), number("first")) if day_first else (number("first"), number("other"))
    elif "name" in parts:
        month, day = _months(parts["name"]), number("day")
    else:
        month, day = number("month", 1), number("day", 1)
    hour = number("hour")
    if "half" in parts and (half := parts["half"].str.to_lowercase()).null_count() < rows:
        is_twelve = half.is_not_null().to_numpy()
        hour = np.where(is_twelve, hour % 12 + np.where((half == "p").fill_null(False).to_numpy(), 12, 0), hour)
    minute, second = number("minute"), number("second")
    months = (year - 1970) * 12 + month - 1
    first_day = months.astype("M8[M]").astype("M8[D]").astype(np.int64)
    days_in_month = (months + 1).astype("M8[M]").astype("M8[D]").astype(np.int64) - first_day
    some = "hour" if "hour" in parts and shape == "time of day" else "year" if "year" in parts else "day"
    is_read = parts[some].is_not_null().to_numpy()
    is_read &= (month >= 1) & (month <= 12) & (day >= 1) & (day <= days_in_month)
    is_read &= (hour <= 24) & (minute < 60) & (second <= 60) & (year > 1677) & (year < 2262)
    seconds = (first_day + day - 1) * 86_400 + hour * 3600 + minute * 60 + second
    nanoseconds = seconds * NANOSECONDS + _fractions(parts.get("fraction"), rows)
    return np.where(is_read, _to_utc(nanoseconds, is_read, parts.get("zone"), time_zone), UNREADABLE)


def _plain_iso(cells: pl.Series) -> NDArray[np.int64] | None:
    """The nanoseconds of ISO dates without an offset, or all in UTC; None if there is any other date. Many times as fast as the patterns."""
    present = cells.drop_nulls()
    if not len(present):
        return None
    mark = "T" if "T" in present[0] else " "
    zone = "Z" if present[0].endswith("Z") else ""
    read = cells.str.to_datetime(f"%Y-%m-%d{mark}%H:%M:%S%.f{zone}", time_unit="ns", strict=False)
    if read.null_count() > cells.null_count():
        return None
    return np.asarray(read.dt.epoch("ns").fill_null(UNREADABLE).to_numpy())


def _fractions(digits: pl.Series | None, rows: int) -> NDArray[np.int64]:
    if digits is None or digits.null_count() == rows:
        return np.zeros(rows, dtype=np.int64)
    return digits.fill_null("0").str.slice(0, 9).str.pad_end(9, "0").cast(pl.Int64).to_numpy()


def _months(names: pl.Series) -> NDArray[np.int64]:
    lower = names.str.to_lowercase()
    known = {name: month for name in lower.unique().drop_nulls() if (month := _month(name))}
    return (
        lower.replace_strict(known, default=0, return_dtype=pl.Int64).fill_null(0).to_numpy()
        if known
        else np.zeros(len(names), np.int64)
    )


def _month(name: str) -> int:
    for length in (4, 3):
        if month := _MONTHS_ELSEWHERE.get(name[:length]):
            return month
    return _MONTHS.index(name[:3]) + 1 if name[:3] in _MONTHS else 0


def _to_utc(
    nanoseconds: NDArray[np.int64], is_read: NDArray[np.bool_], zones: pl.Series | None, time_zone: str
) -> NDArray[np.int64]:
    if zones is None or zones.null_count() == len(zones):
        return _in_zone(nanoseconds, is_read, time_zone) if time_zone else nanoseconds
    result = nanoseconds.copy()
    for zone in zones.unique():
        rows = (zones.is_null() if zone is None else zones == zone).fill_null(False).to_numpy()
        if zone is None:
            result[rows] = _in_zone(nanoseconds[rows], is_read[rows], time_zone) if time_zone else nanoseconds[rows]
        elif (offset := _offset_s(zone)) is not None:
            result[rows] -= offset * NANOSECONDS
        elif _is_zone_name(zone):
            result[rows] = _in_zone(nanoseconds[rows], is_read[rows], zone)
    return result


def _offset_s(zone: str) -> int | None:
    if zone.upper() in _HOURS_OFFSET:
        return _HOURS_OFFSET[zone.upper()] * 3600
    match = re.fullmatch(r"(?:UTC|GMT)?([-+−])(\d\d?):?(\d\d)?", zone)
    if not match:
        return None
    seconds = int(match[2]) * 3600 + int(match[3] or 0) * 60
    return seconds if match[1] == "+" else -seconds


def _is_zone_name(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def is_time_zone(name: str) -> bool:
    return _offset_s(name) is not None or _is_zone_name(name)


def _in_zone(nanoseconds: NDArray[np.int64], is_read: NDArray[np.bool_], zone: str) -> NDArray[np.int64]:
    if (offset := _offset_s(zone)) is not None:
        return nanoseconds - offset * NANOSECONDS
    local = pl.Series(np.where(is_read, nanoseconds, 0)).cast(pl.Datetime("ns"))

    def utc(which: str) -> NDArray[np.int64]:
        zoned = local.dt.replace_time_zone(zone, ambiguous=which, non_existent="null")  # type: ignore[arg-type]
        return zoned.dt.epoch("ns").fill_null(UNREADABLE).to_numpy()

    earliest, latest = utc("earliest"), utc("latest")
    back = np.flatnonzero(np.diff(nanoseconds) < 0)
    return np.where(np.arange(len(local)) > (back[0] if len(back) else len(local)), latest, earliest)


def clock_set_back(nanoseconds: NDArray[np.int64]) -> int | None:
    """The row at which the clock was set back by an hour: the only step back of dates without a zone, on a night when clocks are."""
    back = np.flatnonzero(np.diff(nanoseconds) < 0)
    if len(back) != 1:
        return None
    row = int(back[0]) + 1
    before, after = int(nanoseconds[row - 1]), int(nanoseconds[row])
    moment = datetime(1970, 1, 1) + timedelta(seconds=after // NANOSECONDS)  # noqa: DTZ001  by the file's own clock
    is_night = moment.weekday() == 6 and moment.hour <= 3 and moment.month in (3, 4, 9, 10, 11)
    return row if is_night and before - after <= 3600 * NANOSECONDS else None

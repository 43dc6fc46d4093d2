"""A chart's or a table's numbers as CSV, for a spreadsheet."""

import csv
import io
from collections.abc import Iterable

import numpy as np

from advisor.reports.charts.model import Chart, Line, Table
from core.numbers import plain

CSV_DIGITS = 9


def csv_of_chart(chart: Chart) -> str:
    """What is drawn: a row for each place on the x axis (time in seconds), a column for each line; or a row for each group of bars."""
    if chart.bars:
        headers = (chart.y.title, *(f"{bars.label} ({chart.x.unit})" for bars in chart.bars))
        return csv_of_rows(headers, zip(chart.groups, *(map(_figure, bars.values) for bars in chart.bars), strict=True))
    if not chart.lines:
        return csv_of_table(chart.table)
    scale = chart.scale_s or 1.0
    x = chart.x.title if chart.scale_s is None else "Time since the start (s)"
    columns = [_values(line, scale) for line in chart.lines]
    places = sorted(set().union(*columns))
    rows = ([_figure(place), *(_figure(column.get(place)) for column in columns)] for place in places)
    return csv_of_rows((x, *(f"{line.label}: {chart.y.title}" for line in chart.lines)), rows)


def csv_of_table(table: Table) -> str:
    return csv_of_rows(table.headers, table.rows)


def csv_of_rows(headers: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(headers)
    writer.writerows(rows)
    return text.getvalue()


def _values(line: Line, scale: float) -> dict[float, float]:
    known = np.isfinite(line.y)
    places = np.round(line.x[known] * scale, 6)
    return dict(zip(places.tolist(), line.y[known].tolist(), strict=True))


def _figure(value: float | None) -> str:
    return "" if value is None else plain(value, CSV_DIGITS).replace(",", "").replace("−", "-")

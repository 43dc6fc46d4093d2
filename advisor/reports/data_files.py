"""A run's tables as CSV and Parquet files, for pandas, polars and spreadsheets."""

import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.reports.zip_entries import zip_entry

if TYPE_CHECKING:
    import polars

DATA_ENDINGS = (".csv", ".parquet")
MAIN_TABLE, JOBS_TABLE = "figures", "jobs"


def data_files(tables: Mapping[str, "polars.DataFrame"], place: Path) -> Iterator[tuple[Path, bytes, int]]:
    """Places, contents and rows of all tables, the empty ones too: a program finds the same files after every run."""
    for name, table in tables.items():
        yield table_place(place, name), encode_table(table, place.suffix), len(table)


def table_place(place: Path, name: str) -> Path:
    """The figures are at `place`, each other table is next to it: `run.series.csv` for `run.csv`."""
    return place if name == MAIN_TABLE else place.with_suffix(f".{name}{place.suffix}")


def zip_of_tables(tables: Mapping[str, "polars.DataFrame"], ending: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        for name, table in tables.items():
            file.writestr(zip_entry(f"{name}{ending}"), encode_table(table, ending))
    return content.getvalue()


def encode_table(table: "polars.DataFrame", ending: str) -> bytes:
    content = io.BytesIO()
    if ending.lower() == ".parquet":
        table.write_parquet(content)
    else:
        table.write_csv(content)
    return content.getvalue()

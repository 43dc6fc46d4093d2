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
MAIN_TABLE = "figures"


def data_files(tables: Mapping[str, "polars.DataFrame"], place: Path) -> Iterator[tuple[Path, bytes, int]]:
    """Places, contents and rows: the figures at `place`, each other table that is not empty next to it (`run.series.csv` for `run.csv`)."""
    for name, table in tables.items():
        if not table.is_empty():
            file = place if name == MAIN_TABLE else place.with_suffix(f".{name}{place.suffix}")
            yield file, encode_table(table, place.suffix), len(table)


def zip_of_tables(tables: Mapping[str, "polars.DataFrame"], ending: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        for name, table in tables.items():
            if not table.is_empty():
                file.writestr(zip_entry(f"{name}{ending}"), encode_table(table, ending))
    return content.getvalue()


def encode_table(table: "polars.DataFrame", ending: str) -> bytes:
    content = io.BytesIO()
    if ending.lower() == ".parquet":
        table.write_parquet(content)
    else:
        table.write_csv(content)
    return content.getvalue()

"""Files that a command writes: each is written whole, or not at all."""

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from django.core.management.base import CommandError

from advisor.decisions.management.console import FAILURE, BadInput, Console
from advisor.reports.data_files import DATA_ENDINGS, JOBS_TABLE, data_files, table_place
from simulator.result import Result

if TYPE_CHECKING:
    import polars


def write_whole(place: Path, content: bytes) -> None:
    """Write next to the place, then move it there."""
    require_folder(place)
    fresh = place.with_name(f".{secrets.token_hex(8)}.part")
    try:
        fresh.write_bytes(content)
        fresh.replace(place)
    except OSError as error:
        raise CommandError(f"{place}: cannot be written: {error.strerror}", returncode=FAILURE) from error
    finally:
        fresh.unlink(missing_ok=True)


def require_folder(place: Path) -> None:
    if not place.parent.is_dir():
        raise BadInput(f"--to {place}: there is no folder {place.parent}")


def is_data_file(place: Path) -> bool:
    return place.suffix.lower() in DATA_ENDINGS


def write_tables(console: Console, result: Result, place: Path, jobs: "polars.DataFrame | None" = None) -> None:
    """Write a file a table, and report each with its number of rows."""
    from simulator.result_tables import tabulate  # it loads polars, which takes a while

    tables = tabulate(result) if jobs is None else tabulate(result) | {JOBS_TABLE: jobs}
    for file, content, rows in data_files(tables, place):
        write_whole(file, content)
        console.report(f"{file}: {rows:,} {'row' if rows == 1 else 'rows'}")
    earlier = table_place(place, JOBS_TABLE)
    if jobs is None and earlier.exists():
        console.report(f"{earlier}: is of an earlier run; --jobs writes it anew")

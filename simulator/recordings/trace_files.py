"""A file of recorded requests as a Trace, for the Python API."""

import warnings
from pathlib import Path
from typing import Literal

from simulator.recordings.reader import MOST_ROWS, read_recording
from simulator.recordings.understanding import Corrections, RowsAre, TimeUnit
from simulator.traces import Trace


def read_trace(
    path: str | Path,
    *,
    max_requests: int = MOST_ROWS,
    column: str | None = None,
    unit: TimeUnit | None = None,
    day_first: bool | None = None,
    time_zone: str | None = None,
    times_are: Literal["start", "end"] | None = None,
    rows: RowsAre | None = None,
    count_column: str | None = None,
    interval_s: float | None = None,
    duration_column: str | None = None,
    duration_unit: TimeUnit | None = None,
    busiest_hour: bool = False,
) -> Trace:
    """Read arrivals (seconds from the first one), durations and tokens from any file that Crossover understands.

    The keywords after `max_requests` correct how the file is understood, as the options of the command line do (`--day-first` is `day_first=True`).
    What was noticed about the file (times of the end, a clock that was set back, counts that were spread) is a warning each.

    Raises:
        RecordingQuestion: the file can be read in several ways; each of its `choices` names the keyword (`field`) and its value.
        TraceError: it cannot be read; its `problems` carry the line at fault.
        OSError: there is no such file.
    """
    corrections = Corrections(
        column=column,
        unit=unit,
        day_first=day_first,
        time_zone=time_zone,
        times_are=times_are,
        rows=rows,
        count_column=count_column,
        interval_s=interval_s,
        duration_column=duration_column,
        duration_unit=duration_unit,
        busiest_hour=busiest_hour,
    )
    with Path(path).open("rb") as stream:
        recording = read_recording(stream, Path(path).name, max_requests, corrections)
    for note in recording.understanding.notes:
        warnings.warn(f"{recording.trace.name}: {note}", stacklevel=2)
    return recording.trace

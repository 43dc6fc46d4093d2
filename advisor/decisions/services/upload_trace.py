"""Takes in an arrival trace: all of it, checked, or nothing."""

import gzip
import hashlib
import io
import math
import shutil
import tempfile
from collections.abc import Callable, Iterable
from typing import BinaryIO, cast

import numpy as np
from django.db import transaction

from advisor.decisions import limits
from advisor.decisions.errors import UploadTooLarge
from advisor.decisions.models import Trace, TraceData
from advisor.decisions.names import clean_file_name
from advisor.teams.access import require_editor
from advisor.teams.models import User, Workspace
from core.errors import InvalidInput, Problem
from simulator import arrivals

COLUMNS = ("arrivals_s", "input_tokens", "output_tokens", "service_s")
IN_MEMORY_BYTES = 1 << 20
WINDOWS_S = (1, 10, 60)
GZIP_LEVEL = 3
"""Higher ones take longer and save little of a CSV of numbers."""


def upload_trace(workspace: Workspace, user: User, name: str, chunks: Iterable[bytes]) -> Trace:
    """The trace in a CSV that arrives in chunks; the same file under the same name is the same trace.

    Raises:
        PermissionDenied: unless the user may edit in the workspace.
        InvalidInput: if the workspace has as many traces as it may have.
        UploadTooLarge: as soon as it is, without reading on.
        TraceError: with the row that is wrong.
    """
    require_editor(user, workspace)
    shown = clean_file_name(name, fallback="trace.csv")
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as file:
        sha256, size_bytes = _spool(chunks, cast(BinaryIO, file))
        existing = Trace.objects.filter(workspace=workspace, sha256=sha256, name=shown).first()
        if existing:
            return existing
        if Trace.objects.filter(workspace=workspace).count() >= limits.TRACES_CAP:
            reason = f"this workspace has {limits.TRACES_CAP} recordings already; delete one first, on the page of its recordings"
            raise InvalidInput([Problem("trace", reason)])
        recorded = arrivals.read_trace(cast(BinaryIO, file), shown, max_rows=limits.TRACE_ROWS)
        csv_gz = _compressed(cast(BinaryIO, file))
    values = {
        "size_bytes": size_bytes,
        "requests": recorded.requests,
        "span_s": recorded.span_s,
        "first_instant": recorded.first,
        "last_instant": recorded.last,
        "statistics": statistics_of(recorded),
        "created_by": user,
    }
    npz = packed(recorded)
    with transaction.atomic():
        trace, created = Trace.objects.get_or_create(workspace=workspace, sha256=sha256, name=shown, defaults=values)
        if created:
            TraceData.objects.create(trace=trace, npz=npz, csv_gz=csv_gz)
    return trace


def read_stored_trace(trace: Trace) -> arrivals.Trace:
    """The trace's arrays, as they were uploaded."""
    npz = bytes(TraceData.objects.values_list("npz", flat=True).get(trace=trace))
    with np.load(io.BytesIO(npz), allow_pickle=False) as columns:
        return arrivals.Trace(name=trace.name, **{column: columns[column] for column in columns.files})


def copy_file(trace: Trace, to: BinaryIO) -> None:
    """Writes the recording as a CSV: as it was uploaded, or with the very same numbers if the file was not kept (`TraceData.csv_gz`)."""
    csv_gz = TraceData.objects.values_list("csv_gz", flat=True).get(trace=trace)
    if csv_gz is None:
        arrivals.write_trace(read_stored_trace(trace), to)
        return
    with gzip.open(io.BytesIO(csv_gz)) as file:
        shutil.copyfileobj(file, to)


def _compressed(file: BinaryIO) -> bytes:
    file.seek(0)
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=GZIP_LEVEL, mtime=0) as to:
        shutil.copyfileobj(file, to)
    return buffer.getvalue()


def packed(trace: arrivals.Trace) -> bytes:
    """The trace's columns as a compressed npz; those that it lacks are left out."""
    columns = {column: getattr(trace, column) for column in COLUMNS}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{column: values for column, values in columns.items() if values is not None})
    return buffer.getvalue()


def statistics_of(trace: arrivals.Trace) -> dict[str, float | None]:
    """What the trace's shape says; null for a figure that has no meaning (all requests at one instant)."""
    figures: dict[str, Callable[[], float]] = {
        "mean_rate_per_s": lambda: trace.mean_rate_per_s,
        "interarrival_cv2": lambda: trace.interarrival_cv2,
        "busiest_10s": lambda: trace.busiest(10),
    } | {f"dispersion_{window}s": lambda window=window: trace.dispersion(window) for window in WINDOWS_S}
    return {name: _finite(figure) for name, figure in figures.items()}


def _finite(figure: Callable[[], float]) -> float | None:
    try:
        with np.errstate(all="ignore"):
            value = float(figure())
    except ZeroDivisionError:
        return None
    return value if math.isfinite(value) else None


def _spool(chunks: Iterable[bytes], file: BinaryIO) -> tuple[str, int]:
    """Writes the chunks to the file and rewinds it; the hash and the size of all."""
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        size += len(chunk)
        if size > limits.TRACE_BYTES:
            raise UploadTooLarge(limits.TRACE_BYTES)
        digest.update(chunk)
        file.write(chunk)
    file.seek(0)
    return digest.hexdigest(), size

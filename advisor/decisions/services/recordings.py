import gzip
import hashlib
import io
import json
import math
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, BinaryIO, cast
from uuid import UUID

import numpy as np
from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from advisor.advice.answers import Answers
from advisor.advice.proposed_answers import ProposedAnswers, propose_from_recording
from advisor.decisions import limits, stored
from advisor.decisions.cleaning import clean_file_name
from advisor.decisions.errors import UploadTooLarge
from advisor.decisions.models import Decision, RecordingUpload, Revision, Run, Sweep, Trace, TraceData
from advisor.decisions.models.trace import busiest_window_s
from advisor.reports.document.record import Recording
from advisor.reports.wording import listed
from advisor.teams.access import require_editor
from advisor.teams.models import User, Workspace
from core.errors import InvalidInput, Problem
from core.values import shown
from simulator import traces
from simulator.benchmark_results import BenchmarkLevel, is_benchmark, read_benchmark
from simulator.recordings.understanding import Corrections, ReadRecording, RecordedFailures

COLUMNS = ("arrivals_s", "input_tokens", "output_tokens", "service_s")
SPOOLED_BYTES = 1 << 20
DISPERSION_WINDOWS_S = (1, 10, 60)
GZIP_LEVEL = 3
"""Higher ones take longer and save little of a CSV of numbers."""
UNSTORED = "upload"
"""In place of the id of a recording that has none yet."""
TRACE_MARKER = '"trace":"'
"""Part of stored answers that name a trace."""


def keep_upload(workspace: Workspace, user: User, name: str, chunks: Iterable[bytes]) -> RecordingUpload:
    """Keep a file that arrives in chunks, for a person to check how it is understood. Earlier files that were left are deleted.

    Raises:
        PermissionDenied: unless the user may edit in the workspace.
        InvalidInput: the workspace has as many recordings as it may have.
        UploadTooLarge: as soon as it is, without reading on.
    """
    require_editor(user, workspace)
    shown = clean_file_name(name, fallback="trace.csv")
    with tempfile.SpooledTemporaryFile(max_size=SPOOLED_BYTES) as file:
        sha256, size_bytes = _spool(chunks, cast(BinaryIO, file))
        is_known = Trace.objects.filter(workspace=workspace, sha256=sha256, name=shown).exists()
        if not is_known and Trace.objects.filter(workspace=workspace).count() >= limits.TRACES_CAP:
            reason = f"this workspace has {limits.TRACES_CAP} recordings already; delete one first, on the page of its recordings"
            raise InvalidInput([Problem("trace", reason)])
        file_gz = _compressed(cast(BinaryIO, file))
    uploads = RecordingUpload.objects.filter(workspace=workspace)
    uploads.filter(Q(created_by=user) | Q(created_at__lt=timezone.now() - limits.UPLOADS_KEPT)).delete()
    return RecordingUpload.objects.create(
        workspace=workspace, created_by=user, name=shown, sha256=sha256, size_bytes=size_bytes, file_gz=file_gz
    )


def read_upload(upload: RecordingUpload, corrections: Corrections) -> ReadRecording:
    """Raise as `read_recording`."""
    from simulator.recordings.reader import read_recording  # it loads polars, which workers do not need

    with gzip.open(io.BytesIO(bytes(upload.file_gz))) as file:
        return read_recording(cast(BinaryIO, file), upload.name, limits.TRACE_ROWS, corrections)


def benchmark_of_upload(upload: RecordingUpload) -> list[BenchmarkLevel] | None:
    """The levels, if the file is the result of a benchmark. Raise InvalidInput if it is one and cannot be read."""
    data = gzip.decompress(bytes(upload.file_gz))
    return read_benchmark(data, upload.name) if is_benchmark(data) else None


def columns_of_upload(upload: RecordingUpload) -> tuple[str, ...]:
    """Raise TraceError if it is no table."""
    from simulator.recordings.reader import columns_in

    with gzip.open(io.BytesIO(bytes(upload.file_gz))) as file:
        return columns_in(cast(BinaryIO, file))


def propose_from_upload(upload: RecordingUpload, recording: ReadRecording, answers: Answers) -> ProposedAnswers:
    return propose_from_recording(recording.trace, recording.understanding.failures, answers, UNSTORED, upload.name)


def propose_from_stored(trace: Trace, answers: Answers) -> ProposedAnswers:
    failures = trace.understanding.get("failures")
    failures = RecordedFailures.model_validate(failures) if failures else None
    return propose_from_recording(read_stored_trace(trace), failures, answers, str(trace.pk), trace.name)


def accept_upload(upload: RecordingUpload, user: User, corrections: Corrections | None = None) -> Trace:
    """Make a recording of an upload. The same file under the same name, read in the same way, is the same recording.

    Raises as `read_recording`, and PermissionDenied unless the user may edit in the workspace.
    """
    require_editor(user, upload.workspace)
    corrections = corrections or Corrections()
    corrected = corrections.model_dump_json(exclude_defaults=True) if corrections != Corrections() else ""
    identity = {"sha256": upload.sha256, "name": upload.name, "corrections": corrected}
    existing = Trace.objects.filter(workspace=upload.workspace, **identity).first()
    recording = None if existing else read_upload(upload, corrections)
    with transaction.atomic():
        trace = existing or _store(upload, user, cast(ReadRecording, recording), identity)
        upload.delete()
    return trace


def _store(upload: RecordingUpload, user: User, recording: ReadRecording, identity: Mapping[str, str]) -> Trace:
    recorded = recording.trace
    values = {
        "size_bytes": upload.size_bytes,
        "requests": recorded.requests,
        "span_s": recorded.span_s,
        "first_instant": recorded.first,
        "last_instant": recorded.last,
        "statistics": statistics_of(recorded),
        "understanding": recording.understanding.model_dump(mode="json"),
        "created_by": user,
    }
    trace, created = Trace.objects.get_or_create(workspace=upload.workspace, **identity, defaults=values)
    if created:
        TraceData.objects.create(trace=trace, npz=_packed(recorded), csv_gz=upload.file_gz)
    return trace


def read_trace_if_any(trace: Trace | None) -> traces.Trace | None:
    return read_stored_trace(trace) if trace is not None else None


def read_stored_trace(trace: Trace) -> traces.Trace:
    npz = bytes(TraceData.objects.values_list("npz", flat=True).get(trace=trace))
    with np.load(io.BytesIO(npz), allow_pickle=False) as columns:
        interval_s = trace.understanding.get("interval_s", 0.0)
        return traces.Trace(
            name=trace.name, interval_s=interval_s, **{column: columns[column] for column in columns.files}
        )


def copy_file(trace: Trace, to: BinaryIO) -> None:
    """Write the recording as a CSV: as it was uploaded, or with equal numbers if the file was not kept or is read with corrections."""
    csv_gz = TraceData.objects.values_list("csv_gz", flat=True).get(trace=trace)
    if csv_gz is None or trace.corrections:
        traces.write_trace(read_stored_trace(trace), to)
        return
    with gzip.open(io.BytesIO(csv_gz)) as file:
        shutil.copyfileobj(file, to)


def _compressed(file: BinaryIO) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=GZIP_LEVEL, mtime=0) as to:
        shutil.copyfileobj(file, to)
    return buffer.getvalue()


def _packed(trace: traces.Trace) -> bytes:
    columns = {column: getattr(trace, column) for column in COLUMNS}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{column: values for column, values in columns.items() if values is not None})
    return buffer.getvalue()


def statistics_of(trace: traces.Trace) -> dict[str, float | None]:
    """Compute the trace's figures; null for one that has no meaning (all requests at one instant)."""
    figures: dict[str, Callable[[], float]] = {
        "mean_rate_per_s": lambda: trace.mean_rate_per_s,
        "interarrival_cv2": lambda: trace.interarrival_cv2,
        "busiest_10s": lambda: trace.busiest(busiest_window_s(trace.interval_s)),
    } | {f"dispersion_{window}s": lambda window=window: trace.dispersion(window) for window in DISPERSION_WINDOWS_S}
    return {name: _finite(figure) if trace.span_s > 0 else None for name, figure in figures.items()}


def _finite(figure: Callable[[], float]) -> float | None:
    try:
        with np.errstate(all="ignore"):
            value = float(figure())
    except ZeroDivisionError:
        return None
    return value if math.isfinite(value) else None


def _spool(chunks: Iterable[bytes], file: BinaryIO) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        size += len(chunk)
        if size > limits.TRACE_BYTES:
            raise UploadTooLarge(limits.TRACE_BYTES)
        digest.update(chunk)
        file.write(chunk)
    file.seek(0)
    return digest.hexdigest(), size


@dataclass
class RecordingUse:
    decision: Decision
    current: bool = False
    earlier: list[int] = field(default_factory=list)
    """Numbers of older revisions that used it."""
    simulations: int = 0
    """Runs, maps and searches that replayed it."""


@dataclass(frozen=True)
class RecordingUses:
    decisions: tuple[RecordingUse, ...] = ()

    @property
    def current_titles(self) -> list[str]:
        return [use.decision.title for use in self.decisions if use.current]

    @property
    def simulated_titles(self) -> list[str]:
        return [use.decision.title for use in self.decisions if use.simulations]


def find_recording_uses(traces: Iterable[Trace], workspace: Workspace) -> Mapping[UUID, RecordingUses]:
    """Return what uses each recording, by id, in five queries."""
    wanted = {trace.pk for trace in traces}
    uses: dict[tuple[UUID, UUID], RecordingUse] = {}
    decisions = Decision.objects.for_workspace(workspace).only("title").in_bulk()

    def use(trace: UUID, decision: UUID) -> RecordingUse:
        return uses.setdefault((trace, decision), RecordingUse(decisions[decision]))

    latest = set(Revision.objects.for_workspace(workspace).latest_only().values_list("pk", flat=True))
    naming = Revision.objects.for_workspace(workspace).filter(answers_json__contains=TRACE_MARKER).order_by("number")
    for pk, decision, number, answers in naming.values_list("pk", "decision_id", "number", "answers_json"):
        trace = _as_id(json.loads(answers).get("volume", {}).get("trace"))
        if trace in wanted and pk in latest:
            use(trace, decision).current = True
        elif trace in wanted:
            use(trace, decision).earlier.append(number)
    for rows in (Run.objects, Sweep.objects):
        counts = rows.filter(trace__in=wanted).order_by().values_list("trace", "revision__decision")
        for trace, decision, count in counts.annotate(Count("pk")):
            use(trace, decision).simulations += count
    return {trace: RecordingUses(_sorted(one for (of, _), one in uses.items() if of == trace)) for trace in wanted}


def _as_id(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def _sorted(uses: Iterable[RecordingUse]) -> tuple[RecordingUse, ...]:
    return tuple(sorted(uses, key=lambda use: (not use.current, use.decision.title)))


def delete_trace(trace: Trace, user: User) -> None:
    """Delete a trace that no simulation has replayed and no decision uses now.

    Answers of older revisions may still name it: they keep the rate and the peaks that were read from it.

    Raises:
        PermissionDenied: unless the user may edit in its workspace.
        InvalidInput: a simulation, or the current answers of a decision, refer to it.
        Trace.DoesNotExist: it has been deleted meanwhile.
    """
    require_editor(user, trace.workspace)
    with transaction.atomic():
        locked = Trace.objects.select_for_update().get(pk=trace.pk)
        uses = find_recording_uses([locked], trace.workspace)[locked.pk]
        if titles := uses.current_titles:
            raise InvalidInput([Problem("trace", f"is used by {listed(titles)}; remove the recording there first")])
        if titles := uses.simulated_titles:
            reason = f"has been simulated in {listed(titles)}; it can be deleted when no simulation uses it"
            raise InvalidInput([Problem("trace", reason)])
        locked.delete()


def require_known_trace(answers: Answers, workspace: Workspace) -> None:
    """Raise InvalidInput unless the answers' trace is an upload of the workspace: paths are for the command line only."""
    if answers.volume.trace is not None:
        find_trace(answers.volume.trace, workspace)


def lock_trace(answers: Answers, workspace: Workspace) -> None:
    """Keep the answers' trace from being deleted until the transaction ends. Raise InvalidInput if it is gone."""
    if answers.volume.trace is not None:
        held = Trace.objects.select_for_update().filter(pk=find_trace(answers.volume.trace, workspace).pk)
        if held.first() is None:
            raise _no_such_trace("volume.trace")


def find_trace(given: str, workspace: Workspace, path: str = "volume.trace") -> Trace:
    """Raise InvalidInput if the workspace has no such trace."""
    key = _as_id(given)
    trace = Trace.objects.for_workspace(workspace).filter(pk=key).first() if key else None
    if trace is None:
        raise _no_such_trace(path)
    return trace


def _no_such_trace(path: str) -> InvalidInput:
    return InvalidInput([Problem(path, "there is no such recording in this workspace; upload it first")])


@lru_cache(maxsize=512)
def _recording_id(answers_json: str) -> UUID | None:
    return _as_id(stored.load(Answers, answers_json).volume.trace)


def recording_of(revision: Revision) -> Trace | None:
    key = _recording_id(revision.answers_json)
    return Trace.objects.for_workspace(revision.decision.workspace).filter(pk=key).first() if key else None


def replace_recording_name(given: dict[str, Any], workspace: Workspace, own: Trace | None = None) -> None:
    """Replace a recording's file name, as reports have it, by the id of the workspace's recording of that name.

    If several have the name, the decision's `own` one is meant. A name that no recording has stays as it is.

    Raises InvalidInput if several have the name, and the decision uses none of them.
    """
    volume = given.get("volume")
    name = volume.get("trace") if isinstance(volume, dict) else None
    if not isinstance(volume, dict) or not isinstance(name, str):
        return
    traces = Trace.objects.for_workspace(workspace)
    named = [trace for trace in traces if name in (trace.name, describe_recording(trace).file)]
    if own is not None and own in named:
        named = [own]
    if len(named) > 1:
        several = f"{len(named)} recordings of this workspace are called {shown(name)}"
        reason = f"{several}; upload the one that is meant to this decision, then replace its answers"
        raise InvalidInput([Problem("volume.trace", reason)])
    if named:
        volume["trace"] = str(named[0].pk)
        sources = given.get("sources")
        for source in sources.values() if isinstance(sources, dict) else ():
            if isinstance(source, dict) and source.get("recording") == name:
                source["recording"] = volume["trace"]


def describe_recording(trace: Trace) -> Recording:
    return Recording(
        name=trace.name,
        requests=trace.requests,
        size_bytes=trace.size_bytes,
        sha256=trace.sha256,
        first=trace.first_instant,
        last=trace.last_instant,
        span_s=trace.span_s,
    )

"""Uploading a trace: all of it, checked, or nothing."""

import hashlib
import io
from collections.abc import Iterator

import numpy as np
import pytest
from django.core.exceptions import PermissionDenied

from advisor.decisions import limits
from advisor.decisions.errors import UploadTooLarge
from advisor.decisions.models import Trace, TraceData
from advisor.decisions.services.decisions import delete_decision
from advisor.decisions.services.recordings import copy_file, delete_trace, read_stored_trace
from advisor.teams.models import User, Workspace
from core.errors import InvalidInput
from simulator.traces import TraceError
from tests.rows import a_run, recordings, upload_trace

HEADER = b"TIMESTAMP,ContextTokens,GeneratedTokens\n"
ROWS = [b"2023-11-16 18:00:00.0,10,1\n", b"2023-11-16 18:00:02.5,20,2\n", b"2023-11-16 18:00:10.0,30,3\n"]
CSV = HEADER + b"".join(ROWS)


def in_chunks(data: bytes, size: int = 7) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def test_it_keeps_what_it_read(workspace: Workspace, bob: User) -> None:
    trace = upload_trace(workspace, bob, "hour.csv", in_chunks(CSV))
    stored = Trace.objects.get()
    assert (stored.requests, stored.span_s, stored.size_bytes, stored.created_by) == (3, 10.0, len(CSV), bob)
    assert stored.statistics["mean_rate_per_s"] == pytest.approx(0.3)
    arrays = read_stored_trace(trace)
    np.testing.assert_array_equal(arrays.arrivals_s, [0, 2.5, 10])
    np.testing.assert_array_equal(arrays.input_tokens, [10, 20, 30])
    assert (arrays.service_s, arrays.name) == (None, "hour.csv")
    assert (stored.first_instant, stored.last_instant) == ("2023-11-16T18:00:00Z", "2023-11-16T18:00:10Z")


def test_the_file_itself_is_kept_byte_for_byte(workspace: Workspace, bob: User) -> None:
    odd = b"\xef\xbb\xbftime;tokens\r\n\r\n1;2\r\n3;4"
    trace, copy = upload_trace(workspace, bob, "odd.csv", in_chunks(odd)), io.BytesIO()
    copy_file(trace, copy)
    assert copy.getvalue() == odd and hashlib.sha256(odd).hexdigest() == trace.sha256


def test_the_same_file_is_the_same_trace_and_in_another_workspace_another(
    workspace: Workspace, bob: User, charlie: User
) -> None:
    first = upload_trace(workspace, bob, "hour.csv", [CSV])
    assert upload_trace(workspace, bob, "hour.csv", in_chunks(CSV)) == first
    assert upload_trace(charlie.memberships.get().workspace, charlie, "hour.csv", [CSV]) != first
    assert TraceData.objects.count() == 2


def test_it_stops_reading_where_it_is_too_large(workspace: Workspace, bob: User) -> None:
    chunk = b"x" * (limits.TRACE_BYTES * 2 // 5)
    sent: list[int] = []

    def long() -> Iterator[bytes]:
        for _ in range(50):
            sent.append(len(chunk))
            yield chunk

    with pytest.raises(UploadTooLarge):
        upload_trace(workspace, bob, "hour.csv", long())
    assert sum(sent) == 3 * len(chunk)
    assert not Trace.objects.exists()


@pytest.mark.parametrize("data", [b"", HEADER, b"PK\x03\x04zip", HEADER + ROWS[0] + b"soon,1,1\n"])
def test_an_invalid_trace_stores_nothing(workspace: Workspace, bob: User, data: bytes) -> None:
    with pytest.raises(TraceError):
        upload_trace(workspace, bob, "hour.csv", [data])
    assert not Trace.objects.exists()
    assert not TraceData.objects.exists()


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\logs\\hour.csv", "hour.csv"),
        ("a\r\nb\x00.csv", "a b.csv"),
        ("\u202egnp.csv", "gnp.csv"),
        ("", "trace.csv"),
        ("/", "trace.csv"),
        ("\ud800", "trace.csv"),
        ("x" * 500, "x" * 120),
    ],
)
def test_its_name_is_shown_and_nothing_else(workspace: Workspace, bob: User, given: str, shown: str) -> None:
    assert upload_trace(workspace, bob, given, [CSV]).name == shown


def test_a_viewer_cannot_upload_or_delete_a_recording(
    workspace: Workspace, bob: User, vera: User, charlie: User
) -> None:
    for person in (vera, charlie):
        with pytest.raises(PermissionDenied):
            upload_trace(workspace, person, "hour.csv", [CSV])
    assert not Trace.objects.exists()
    trace = upload_trace(workspace, bob, "hour.csv", [CSV])
    for person in (vera, charlie):
        with pytest.raises(PermissionDenied):
            delete_trace(trace, person)
    assert Trace.objects.exists()


def test_a_workspace_has_room_for_a_limited_number(workspace: Workspace, bob: User) -> None:
    recordings(workspace, limits.TRACES_CAP - 1)
    first = upload_trace(workspace, bob, "a.csv", [CSV])
    with pytest.raises(InvalidInput, match="delete one first"):
        upload_trace(workspace, bob, "b.csv", [CSV])
    assert upload_trace(workspace, bob, "a.csv", [CSV]) == first
    delete_trace(first, bob)
    assert upload_trace(workspace, bob, "b.csv", [CSV]).requests == 3
    assert TraceData.objects.count() == 1


def test_a_recording_that_a_result_used_is_not_deleted(workspace: Workspace, bob: User) -> None:
    trace = upload_trace(workspace, bob, "a.csv", [CSV])
    run = a_run(workspace, trace=trace)
    with pytest.raises(InvalidInput, match="has been simulated"):
        delete_trace(trace, bob)
    delete_decision(run.revision.decision, bob)
    delete_trace(trace, bob)
    assert not Trace.objects.exists()

"""A recording of arrivals on a decision's page."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from advisor.decisions import limits
from advisor.decisions.models import Decision, Trace

ROWS = b"time\n" + b"".join(b"%d\n" % (1_700_000_000 + second + second // 60 * 50) for second in range(600))


def upload(client: Client, decision: Decision, content: bytes, name: str = "arrivals.csv") -> Any:
    file = SimpleUploadedFile(name, content, content_type="text/csv")
    data = {"version": str(decision.draft_version), "trace": file}
    return client.post(reverse("upload-trace", args=[decision.pk]), data)


def test_a_recording_says_what_was_read_and_the_advice_goes_by_it(htmx: Client, decision: Decision) -> None:
    page = upload(htmx, decision, ROWS).content.decode()
    volume = decision.latest().answers.volume
    assert "Arrivals come from arrivals.csv" in page
    assert "600" in page
    assert volume.trace == str(Trace.objects.get().pk)
    assert volume.mean_rate_per_s == pytest.approx(600 / 1049, rel=0.01)
    assert volume.peak_to_mean == pytest.approx(1.75, rel=0.02)


def test_a_recording_of_one_instant_has_no_rate_and_leaves_that_of_the_answers(
    htmx: Client, decision: Decision
) -> None:
    before = decision.latest().answers.volume.mean_rate_per_s
    page = upload(htmx, decision, b"time\n" + 1000 * b"0\n").content.decode()
    assert "a backlog to be worked off, which has no rate" in page
    assert decision.latest().answers.volume.mean_rate_per_s == before


def test_back_to_a_rate(htmx: Client, decision: Decision) -> None:
    upload(htmx, decision, ROWS)
    decision.refresh_from_db()
    answer = htmx.post(reverse("forget-trace", args=[decision.pk]), {"version": str(decision.draft_version)})
    assert answer.status_code == 200
    assert "Is there a recording of arrivals?" in answer.content.decode()
    assert decision.latest().answers.volume.trace is None


def test_the_row_that_is_wrong_is_named_next_to_the_field(htmx: Client, decision: Decision) -> None:
    answer = upload(htmx, decision, b"time\n10\n20\nsoon\n")
    assert answer.status_code == 422
    assert "Row 4" in answer.content.decode()
    assert not Trace.objects.exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"time\n", "time\n1\n2\n".encode("utf-16"), b"PK\x03\x04\x00\x00zip", b"time\n\x00\n", b"\xff\xfe\xff"],
)
def test_what_is_no_recording_is_refused(content: bytes, client: Client, decision: Decision) -> None:
    answer = upload(client, decision, content)
    assert answer.status_code == 422
    assert "field-volume-trace-error" in answer.content.decode()


def test_no_file_at_all_is_refused(client: Client, decision: Decision) -> None:
    answer = client.post(reverse("upload-trace", args=[decision.pk]), {"version": "1"})
    assert answer.status_code == 422
    assert "Choose a CSV file first" in answer.content.decode()


def test_an_upload_that_announces_too_much_is_refused_unread(client: Client, decision: Decision) -> None:
    url = reverse("upload-trace", args=[decision.pk])
    size = str(limits.TRACE_BYTES * 2)
    answer = client.post(url, b"--x\r\n", content_type="multipart/form-data; boundary=x", CONTENT_LENGTH=size)
    assert answer.status_code == 413
    assert "over the limit of 64 MB" in answer.content.decode()


def test_an_upload_that_turns_out_too_large_is_refused_while_it_is_read(client: Client, decision: Decision) -> None:
    answer = upload(client, decision, b"x" * (limits.TRACE_BYTES + 1))
    assert answer.status_code == 413
    assert not Trace.objects.exists()


def test_a_name_is_shown_as_text_and_never_as_a_path(htmx: Client, decision: Decision) -> None:
    page = upload(htmx, decision, ROWS, "../../<b>x</b>.csv").content.decode()
    assert "&lt;b&gt;" in page or "b&gt;.csv" in page
    assert "<b>x" not in page

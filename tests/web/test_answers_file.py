"""Answers as a file: taken away, pasted, uploaded."""

from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from advisor.decisions.models import Decision
from advisor.decisions.services.decisions import create_decision
from advisor.decisions.services.revisions import drop_trace, freeze_revision, use_trace
from advisor.teams.models import User, Workspace
from tests.rows import upload_trace


def replace(client: Client, decision: Decision, **fields: Any) -> Any:
    data = {"version": str(decision.draft_version)} | fields
    return client.post(reverse("replace-answers", args=[decision.pk]), data)


def upload(content: bytes, name: str = "answers.yaml") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


@pytest.mark.parametrize("extension", ["yaml", "json"])
def test_what_is_taken_away_and_pasted_elsewhere_is_the_same(
    extension: str, client: Client, user: User, workspace: Workspace, decision: Decision
) -> None:
    given = {"template": "speech_transcription", "processing": {"p95_s": {"low": 20, "high": 90}}, "name": "Calls: é"}
    other = create_decision(workspace, user, given)
    file = client.get(reverse("answers-file", args=[other.pk, extension]))
    assert file["Content-Disposition"] == f'attachment; filename="calls-e-answers.{extension}"'
    assert replace(client, decision, text=file.content.decode()).status_code == 302
    assert decision.latest().answers == other.latest().answers
    decision.refresh_from_db()
    assert decision.title == "Calls: é"


def test_a_file_takes_precedence_over_what_is_pasted(client: Client, decision: Decision) -> None:
    replace(client, decision, text="template: nothing", file=upload(b'{"template": "email_triage"}', "x.json"))
    assert decision.latest().answers.template == "email_triage"


def test_a_json_report_brings_its_answers_back(
    client: Client, user: User, workspace: Workspace, decision: Decision
) -> None:
    other = create_decision(workspace, user, {"template": "speech_transcription", "name": "Calls"})
    report = client.get(reverse("report", args=[other.pk, "json"])).content
    long = report.replace(b'"title"', b'"padding": "' + b"a" * 300_000 + b'", "title"', 1)
    assert replace(client, decision, file=upload(long, "report.json")).status_code == 302
    assert decision.latest().answers == other.latest().answers
    assert decision.latest().recommendation == other.latest().recommendation


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("template: email_triage\nprocessing:\n  p95_s: fast", "processing.p95_s (line 3): must be a number"),
        ("processing: {p97_s: 3}", "processing.p97_s (line 1): there is no such field"),
        ("a: &x 1\nb: *x", "(line 1): anchors are not allowed"),
        ("name: a\nname: b", "name (line 2): is given twice"),
        ("[1", "(line 1)"),
        ("arrivals: {process: poisson, rate_per_s: 1}", "holds a Scenario"),
        ("volume: {trace: /etc/passwd}", "there is no such recording"),
        ("name: <script>alert(1)</script>\nx: 1", "x (line 2): there is no such field"),
        ('{"name": "a", "name": "b"}', "given twice"),
    ],
)
def test_what_is_wrong_is_named_with_field_and_line_and_what_was_pasted_stays(
    text: str, words: str, client: Client, decision: Decision
) -> None:
    before = decision.latest().answers
    answer = replace(client, decision, text=text)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert words in page
    assert "<script>alert" not in page
    assert f">{text}</textarea>" in unescape(page).replace("\r\n", "\n")
    assert decision.latest().answers == before


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"name: \x00", b"a" * 300_000, b"[" * 5000])
def test_a_file_that_is_no_text_of_ours_is_refused(content: bytes, client: Client, decision: Decision) -> None:
    assert replace(client, decision, file=upload(content)).status_code == 422


def test_a_file_over_the_limit_is_read_no_further(client: Client, decision: Decision) -> None:
    answer = replace(client, decision, file=upload(b"#" * (5 << 20)))
    assert answer.status_code == 413
    assert "over the limit" in answer.content.decode()


def test_answers_that_were_changed_elsewhere_are_not_overwritten(client: Client, decision: Decision) -> None:
    answer = client.post(
        reverse("replace-answers", args=[decision.pk]), {"version": "7", "text": "template: email_triage"}
    )
    assert answer.status_code == 409
    assert "template: email_triage" in answer.content.decode()
    assert decision.latest().answers.template == "document_extraction"


@pytest.mark.parametrize("text", ["", "  \n", "# nothing"])
def test_nothing_given_replaces_nothing(text: str, client: Client, decision: Decision) -> None:
    before = decision.latest().answers
    answer = replace(client, decision, text=text)
    assert answer.status_code == 422
    assert "holds no answers" in answer.content.decode()
    assert decision.latest().answers == before


def test_no_other_kind_of_file_is_offered(client: Client, decision: Decision) -> None:
    assert client.get(reverse("answers-file", args=[decision.pk, "exe"])).status_code == 404


@pytest.fixture
def recorded(decision: Decision, user: User) -> Decision:
    """A decision that goes by a recording."""
    trace = upload_trace(decision.workspace, user, "bursty hour.csv", [b"time_s\n0\n1\n5\n9\n"])
    use_trace(decision, trace, user, decision.draft_version)
    return decision


@pytest.mark.parametrize("extension", ["yaml", "json"])
def test_a_recording_is_named_by_its_file_and_used_again(extension: str, client: Client, recorded: Decision) -> None:
    before = recorded.latest().answers
    file = client.get(reverse("answers-file", args=[recorded.pk, extension])).content.decode()
    assert "bursty-hour.csv" in file and str(before.volume.trace) not in file
    assert replace(client, recorded, text=file).status_code == 302
    assert recorded.latest().answers == before


def test_of_two_recordings_of_one_name_the_one_in_use_is_taken(client: Client, user: User, recorded: Decision) -> None:
    own = recorded.latest().answers.volume.trace
    upload_trace(recorded.workspace, user, "bursty hour.csv", [b"time_s\n0\n2\n"])
    assert replace(client, recorded, text="volume: {trace: bursty hour.csv}").status_code == 302
    assert recorded.latest().answers.volume.trace == own
    other = create_decision(recorded.workspace, user, {"template": "email_triage"})
    answer = replace(client, other, text="name: x\nvolume:\n  trace: bursty-hour.csv")
    assert answer.status_code == 422
    assert "2 recordings of this workspace are called" in unescape(answer.content.decode())


def test_a_revision_shows_its_recording_by_name(client: Client, user: User, recorded: Decision) -> None:
    freeze_revision(recorded.latest())
    drop_trace(recorded, user, recorded.draft_version)
    shown = client.get(reverse("revision", args=[recorded.pk, 1])).content.decode()
    assert "bursty hour.csv" in shown
    compared = client.get(reverse("compare-revisions", args=[recorded.pk])).content.decode()
    assert "bursty hour.csv" in compared

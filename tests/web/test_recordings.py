"""A workspace's recordings: seen with what uses them, and deleted where nothing does."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from advisor.decisions import limits
from advisor.decisions.models import Decision, Trace
from advisor.decisions.services.revisions import drop_trace, use_trace
from advisor.decisions.services.runs import request_run
from advisor.teams.models import User, Workspace
from tests.rows import recordings, upload_trace


@pytest.fixture
def recording(workspace: Workspace, user: User) -> Trace:
    rows = b"".join(b"%d\n" % second for second in range(0, 901, 3))
    return upload_trace(workspace, user, "a busy morning.csv", [b"time_s\n", rows])


def page(client: Client, workspace: Workspace) -> str:
    return " ".join(client.get(reverse("recordings", args=[workspace.pk])).content.decode().split())


def delete(client: Client, recording: Trace) -> tuple[int, str]:
    answer = client.post(reverse("delete-recording", args=[recording.workspace_id, recording.pk]))
    return answer.status_code, " ".join(answer.content.decode().split())


def test_a_workspace_without_any_says_where_one_comes_from(client: Client, workspace: Workspace) -> None:
    assert "None yet." in page(client, workspace)


def test_one_that_nothing_uses_is_deleted(client: Client, workspace: Workspace, recording: Trace) -> None:
    shown = page(client, workspace)
    assert "a busy morning.csv" in shown and "301 requests in 15 min" in shown and "Nothing uses it." in shown
    assert delete(client, recording)[0] == 302
    assert not Trace.objects.exists()
    assert delete(client, recording)[0] == 404


def test_the_uses_of_a_recording_are_listed_and_prevent_its_deletion(
    client: Client, workspace: Workspace, user: User, decision: Decision, recording: Trace
) -> None:
    revision = use_trace(decision, recording, user, decision.draft_version)
    request_run(revision, user, "a-key")
    shown = page(client, workspace)
    assert f"{decision.title}</a> uses it and replayed it in 1 simulation" in shown
    assert "Delete the recording" not in shown
    status, refused = delete(client, recording)
    assert status == 422 and f"is used by {decision.title}" in refused
    decision.refresh_from_db()
    drop_trace(decision, user, decision.draft_version)
    assert f"used it in revision {revision.number} and replayed it in 1 simulation" in page(client, workspace)
    status, refused = delete(client, recording)
    assert status == 422 and f"has been simulated in {decision.title}" in refused
    assert Trace.objects.get() == recording


def test_a_full_workspace_gets_a_link_to_where_recordings_are_deleted(
    client: Client, workspace: Workspace, decision: Decision, recording: Trace
) -> None:
    recordings(workspace, limits.TRACES_CAP - 1)
    file = SimpleUploadedFile("b.csv", b"time_s\n0\n1\n")
    answer = client.post(reverse("upload-trace", args=[decision.pk]), {"version": "1", "trace": file})
    shown = answer.content.decode()
    assert answer.status_code == 422 and f"{limits.TRACES_CAP} recordings already; delete one first" in shown
    assert reverse("recordings", args=[workspace.pk]) in shown

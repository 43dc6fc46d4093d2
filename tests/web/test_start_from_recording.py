"""*New decision* from a log file: the file is understood, checked, and its recording becomes answers."""

from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from advisor.decisions.models import Decision
from advisor.teams.models import Workspace

LOG = Path(__file__).resolve().parents[2] / "examples/access.log"
URL = "new-from-recording"


def chosen(content: bytes, template: str = "email_triage") -> dict[str, object]:
    return {"trace": SimpleUploadedFile("access.log", content), "template": template}


def test_a_log_file_begins_a_decision(client: Client, workspace: Workspace) -> None:
    page = client.get(reverse("new-decision")).content.decode()
    assert reverse(URL) in page
    answer = client.post(reverse(URL), chosen(LOG.read_bytes()), follow=True)
    decision = Decision.objects.get()
    assert "1,929" in answer.content.decode() and decision.latest().answers.template == "email_triage"
    used = client.post(answer.request["PATH_INFO"], {}, follow=True)
    assert used.status_code == 200
    volume = Decision.objects.get().latest().answers.volume
    assert volume.trace is not None and volume.mean_rate_per_s == pytest.approx(0.805, rel=0.01)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"template": "email_triage"}, "Choose a file and a template first."),
        (chosen(LOG.read_bytes(), "nothing"), "Choose a file and a template first."),
        (chosen(b"nothing to read\n"), 'id="template-error"'),
        (chosen(b""), 'id="template-error"'),
    ],
)
def test_what_cannot_be_read_makes_no_decision(
    client: Client, workspace: Workspace, given: dict[str, object], reason: str
) -> None:
    answer = client.post(reverse(URL), given)
    assert answer.status_code == 422 and reason in answer.content.decode()
    assert not Decision.objects.exists()


def test_a_file_over_the_limit_is_refused_unread(client: Client, workspace: Workspace) -> None:
    size = str(65 * 2**20)
    kind = "multipart/form-data; boundary=x"
    answer = client.post(reverse(URL), b"--x\r\n", content_type=kind, CONTENT_LENGTH=size)
    assert answer.status_code == 413 and "64 MB" in answer.content.decode()
    assert not Decision.objects.exists()

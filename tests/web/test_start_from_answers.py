"""*New decision* from an answer sheet."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from advisor.decisions.models import Decision
from advisor.teams.models import Workspace

URL = "new-from-answers"
SHEET = "template: email_triage\nname: Support inbox\nprocessing:\n  p95_s: 9\n"


def test_a_pasted_sheet_and_a_file_begin_a_decision(client: Client, workspace: Workspace) -> None:
    assert reverse(URL) in client.get(reverse("new-decision")).content.decode()
    for given in ({"text": SHEET}, {"file": SimpleUploadedFile("sheet.yaml", SHEET.encode())}):
        answer = client.post(reverse(URL), given, follow=True)
        assert answer.status_code == 200 and "Support inbox" in answer.content.decode()
    assert [decision.latest().answers.processing.p95_s for decision in Decision.objects.all()] == [9, 9]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "holds no answers"),
        ("template: email_triage\nprocessing: {p95_s: soon}", "processing.p95_s"),
        ("template: nothing", "template"),
        ("schema: crossover/scenario/1\narrivals: {mean_rate_per_s: 1}", "Answers are wanted here"),
    ],
)
def test_a_wrong_sheet_makes_no_decision_and_is_shown_again(
    client: Client, workspace: Workspace, text: str, reason: str
) -> None:
    answer = client.post(reverse(URL), {"text": text})
    page = answer.content.decode()
    assert (
        answer.status_code == 422
        and reason in page
        and text.splitlines()[-1:] == [line for line in text.splitlines()[-1:] if line in page]
    )
    assert not Decision.objects.exists()

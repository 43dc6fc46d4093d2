"""The list of decisions: searched, narrowed down, tagged, archived; and a decision that is duplicated."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from advisor.decisions.models import Decision, Revision
from advisor.decisions.services.decisions import create_decision, free_title, set_tags
from advisor.teams.models import User, Workspace
from tests.web.conftest import take_template

pytestmark = pytest.mark.django_db


@pytest.fixture
def decisions(workspace: Workspace, alice: User, bob: User) -> dict[str, Decision]:
    made = {
        "invoices": create_decision(workspace, alice, {"template": "document_extraction", "name": "Invoice inbox"}),
        "claims": create_decision(workspace, bob, {"template": "document_extraction", "name": "Claims"}),
        "forms": create_decision(workspace, alice, {"template": "form_classification", "name": "Form sorting"}),
    }
    set_tags(made["invoices"], alice, "finance, EU")
    set_tags(made["claims"], alice, "insurance")
    return made


def shown(client: Client, query: str = "") -> set[str]:
    page = client.get(f"{reverse('home')}{query}").content.decode()
    return set(re.findall(r'id="decision-[^>]*>([^<]+)</a>', page))


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("", {"Invoice inbox", "Claims", "Form sorting"}),
        ("?q=INVOICE", {"Invoice inbox"}),
        ("?q=inbox+fin", {"Invoice inbox"}),
        ("?q=insur", {"Claims"}),
        ("?q=bob", {"Claims"}),
        ("?q=nothing+like+it", set()),
        ("?style=synchronous", {"Form sorting"}),
        ("?style=event_driven&tag=finance", {"Invoice inbox"}),
        ("?tag=nobody's", set()),
        ("?q=cla%00ims&tag=insur%00ance", {"Claims"}),
        ("?status=accepted", set()),
        ("?archived=1", set()),
    ],
)
def test_the_list_shows_what_was_asked_for(
    client: Client, decisions: dict[str, Decision], query: str, titles: set[str]
) -> None:
    assert shown(client, query) == titles


@pytest.mark.parametrize("query", ["?style=both", "?status=perhaps"])
def test_a_choice_that_is_not_offered_is_named_and_nothing_is_hidden(
    client: Client, decisions: dict[str, Decision], query: str
) -> None:
    answer = client.get(f"{reverse('home')}{query}")
    assert answer.status_code == 422 and "here: choose" in answer.content.decode()
    assert len(shown(client, query)) == 3


def test_an_archived_decision_leaves_the_list_and_comes_back(client: Client, decisions: dict[str, Decision]) -> None:
    claims = decisions["claims"]
    changed_at = claims.updated_at
    client.post(reverse("archive-decision", args=[claims.pk]))
    assert shown(client) == {"Invoice inbox", "Form sorting"}
    assert shown(client, "?archived=1") == {"Claims"}
    assert "Restore to the list" in client.get(reverse("decision", args=[claims.pk])).content.decode()
    client.post(reverse("restore-decision", args=[claims.pk]))
    assert "Claims" in shown(client)
    claims.refresh_from_db()
    assert claims.updated_at == changed_at


def test_a_duplicate_has_the_answers_and_tags_under_a_title_of_its_own(
    client: Client, decisions: dict[str, Decision]
) -> None:
    original = decisions["invoices"]
    for number in (2, 3):
        client.post(reverse("duplicate-decision", args=[original.pk]))
        copy = Decision.objects.get(title=f"Invoice inbox ({number})")
        assert copy.latest().answers == original.latest().answers.model_copy(update={"name": copy.title})
        assert [tag.name for tag in copy.tags.all()] == ["EU", "finance"]


def test_a_decision_from_a_template_is_told_apart_from_one_of_that_name(client: Client, workspace: Workspace) -> None:
    for _ in range(2):
        take_template(client, "email_triage")
    assert shown(client) == {"Email triage", "Email triage (2)"}
    assert free_title(workspace, "Email triage (2)") == "Email triage (3)"
    assert len(free_title(workspace, "x" * 120)) == 120


def test_tags_are_kept_once_each_and_too_many_are_refused(client: Client, decisions: dict[str, Decision]) -> None:
    forms = decisions["forms"]
    address = reverse("decision-tags", args=[forms.pk])
    client.post(address, {"tags": " public , Public,, scans "})
    assert [tag.name for tag in forms.tags.all()] == ["public", "scans"]
    refused = client.post(address, {"tags": ",".join(map(str, range(30)))})
    assert refused.status_code == 422
    assert "at most 20, not 30" in refused.content.decode()
    assert [tag.name for tag in forms.tags.all()] == ["public", "scans"]


def test_who_may_only_read_changes_neither_tags_nor_the_list(
    client: Client, vera: User, decisions: dict[str, Decision]
) -> None:
    client.force_login(vera)
    for name in ("decision-tags", "duplicate-decision", "archive-decision", "restore-decision"):
        assert client.post(reverse(name, args=[decisions["forms"].pk])).status_code == 403
    assert Decision.objects.count() == 3 and not Decision.objects.exclude(archived_at=None).exists()


def test_the_style_shown_follows_the_answers(client: Client, decisions: dict[str, Decision]) -> None:
    revision = Revision.objects.get(decision=decisions["forms"])
    assert revision.shown_style == "synchronous"
    page = client.get(reverse("decision", args=[decisions["forms"].pk])).content.decode()
    version = re.search(r'name="version"[^>]+value="(\d+)"', page)
    assert version
    client.post(
        reverse("save-answers", args=[decisions["forms"].pk]),
        {"version": version[1], "subscribers.count": "6", "caller.kind": "nobody"},
    )
    revision.refresh_from_db()
    assert revision.shown_style == revision.recommendation.style


def test_the_list_says_what_this_is_until_there_is_a_decision_of_ones_own(client: Client, workspace: Workspace) -> None:
    create_decision(workspace, workspace.members.get(username="local"), {"template": "email_triage"}, is_demo=True)
    page = client.get(reverse("home")).content.decode()
    assert 'id="introduction-heading"' in page and "one-run" in page and "answer sheet" in page
    take_template(client, "email_triage")
    assert 'id="introduction-heading"' not in client.get(reverse("home")).content.decode()

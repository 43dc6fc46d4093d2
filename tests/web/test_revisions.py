"""The history of a decision as it is read, and what is said about it."""

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from advisor.configuration import Configuration
from advisor.decisions.models import Comment, Decision, Run, State, StatusChange
from advisor.decisions.services.decisions import change_status
from advisor.decisions.services.revisions import freeze_revision, save_answers, step_answers
from advisor.teams.models import User

SLOWER = {"caller": {"kind": "end_user", "deadline_s": 60}, "processing": {"p50_s": 0.2, "p95_s": 0.5}}


@pytest.fixture
def two(decision: Decision, user: User) -> Decision:
    """A decision whose second revision is of another style."""
    freeze_revision(decision.latest())
    given = {"template": "form_classification", "name": decision.title}
    save_answers(decision, given, user, decision.draft_version)
    return decision


def page(client: Client, name: str, *args: object, query: str = "") -> str:
    answer = client.get(reverse(name, args=args) + query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_list_says_what_each_revision_changed_and_who_did_it(client: Client, two: Decision, user: User) -> None:
    change_status(two, user, "proposed")
    shown = page(client, "revisions", two.pk)
    assert "the style changed to synchronous" in shown
    assert shown.index("Revision 2") < shown.index("Revision 1")
    assert "The first answers" in shown
    assert "<strong>proposed</strong>" in shown


def test_an_old_revision_shows_its_own_answers_advice_and_runs(
    client: Client, make_run: Callable[..., Run], two: Decision
) -> None:
    first = two.revisions.get(number=1)
    run = make_run(State.SUCCEEDED, revision=first)
    shown = page(client, "revision", two.pk, 1)
    assert "Event-driven" in shown.split('id="verdict"')[1][:600]
    assert reverse("run", args=[run.pk]) in shown
    assert "Simulate" not in shown and "<fieldset" not in shown
    assert reverse("run", args=[run.pk]) not in page(client, "revision", two.pk, 2)


def test_two_revisions_are_compared_with_both_values_in_words(client: Client, decision: Decision, user: User) -> None:
    freeze_revision(decision.latest())
    before = decision.latest().answers
    save_answers(
        decision,
        before.model_dump(mode="json") | {"processing": {"p50_s": 8, "p95_s": 100}},
        user,
        decision.draft_version,
    )
    shown = page(client, "compare-revisions", decision.pk, query="?from=1&to=2")
    row = shown.split("How long does the slowest one in twenty take?")[1][:300]
    assert f">{before.processing.p95_s:g}\u00a0s<" in row and "1\u00a0min\u00a040\u00a0s" in row
    swapped = page(client, "compare-revisions", decision.pk, query="?from=2&to=1")
    assert swapped.split("How long does the slowest one in twenty take?")[1].index("1\u00a0min") < 100
    assert "Every answer is the same" in page(client, "compare-revisions", decision.pk, query="?from=2&to=2")


@pytest.mark.parametrize("query", ["?from=0", "?to=9", "?from=x", "?from=-1", "?from=%D9%A1"])
def test_a_revision_that_is_not_there_is_refused_next_to_its_field(client: Client, two: Decision, query: str) -> None:
    answer = client.get(reverse("compare-revisions", args=[two.pk]) + query)
    assert answer.status_code == 422
    field = query[1:].partition("=")[0]
    assert re.search(
        rf'id="{field}-error"[^>]*>There is no such revision: choose one from 1 to 2', answer.content.decode()
    )


def test_a_comment_is_shown_literally_and_the_decision_counts_it(client: Client, decision: Decision) -> None:
    client.post(reverse("add-comment", args=[decision.pk]), {"text": "<script>x</script>\n{{ user }}"})
    shown = page(client, "comments", decision.pk)
    assert "&lt;script&gt;x&lt;/script&gt;\n{{ user }}" in shown
    assert "1 comment" in page(client, "decision", decision.pk)


def test_an_empty_comment_comes_back_with_the_reason(client: Client, decision: Decision) -> None:
    answer = client.post(reverse("add-comment", args=[decision.pk]), {"text": " "})
    assert answer.status_code == 422 and "It is required." in answer.content.decode()


def test_a_comment_of_another_decision_is_404(client: Client, decision: Decision, two: Decision) -> None:
    other = Decision.objects.create(workspace=decision.workspace, title="Other")
    comment = Comment.objects.create(decision=other, text="x")
    assert client.post(reverse("delete-comment", args=[decision.pk, comment.pk])).status_code == 404


SLOW = {"processing": {"p50_s": 8, "p95_s": 100}}


@pytest.fixture
def changed(decision: Decision, user: User) -> Decision:
    """A decision whose answers were changed after they were accepted."""
    change_status(decision, user, "accepted")
    save_answers(decision, SLOW, user, decision.draft_version)
    return decision


def test_a_decision_that_changed_after_it_was_accepted_says_so_everywhere(client: Client, changed: Decision) -> None:
    words = "Revision 1 accepted; revision 2 is a draft"
    for name in ("decision", "revisions"):
        assert words in page(client, name, changed.pk)
    assert words in page(client, "home")
    for extension in ("md", "html", "json"):
        assert words in page(client, "report", changed.pk, extension)


def test_the_status_next_to_the_answers_follows_the_first_change(htmx: Client, decision: Decision, user: User) -> None:
    change_status(decision, user, "accepted")
    answer = htmx.post(reverse("save-answers", args=[decision.pk]), {"version": "1", "processing.p95_s": "100"})
    shown = answer.content.decode()
    assert "Revision 1 accepted; revision 2 is a draft" in shown
    form = shown.split('id="status-form"')[1].split("</form>")[0]
    assert "Status of revision 2" in form and re.search(r'id="status-version"[^>]+value="2"', shown)
    assert 'name="csrfmiddlewaretoken"' in form


def status_form(shown: str) -> dict[str, str]:
    """The hidden fields of the form that sets a status, one of which is outside of it on the page with the answers."""
    form = shown.split('id="status-form"')[1].split("</form>")[0]
    fields = dict(re.findall(r'type="hidden" name="(revision|seen|version)" value="([^"]*)"', form))
    outside = re.search(r'name="version"[^>]+form="status-form"[^>]+value="([^"]*)"', shown)
    return fields | ({"version": outside[1]} if outside else {})


def test_what_was_seen_gets_the_status(client: Client, changed: Decision) -> None:
    fields = status_form(page(client, "decision", changed.pk))
    assert (
        client.post(reverse("decision-status", args=[changed.pk]), fields | {"status": "accepted"}).status_code == 302
    )
    assert "Accepted" in page(client, "decision", changed.pk)
    assert [one.status for one in changed.revisions.all()] == ["superseded", "accepted"]


@pytest.mark.parametrize("meanwhile", ["answers", "status", "undo"])
def test_what_is_no_longer_the_one_seen_gets_none(meanwhile: str, client: Client, changed: Decision, bob: User) -> None:
    fields = status_form(page(client, "decision", changed.pk))
    match meanwhile:
        case "answers":
            save_answers(changed, {"processing": {"p95_s": 44}}, bob, changed.draft_version)
        case "status":
            change_status(changed, bob, "proposed")
        case "undo":
            step_answers(changed, bob, changed.draft_version, "undo")
    before = StatusChange.objects.count()
    answer = client.post(reverse("decision-status", args=[changed.pk]), fields | {"status": "accepted"})
    assert answer.status_code == 409 and "Nothing was recorded" in answer.content.decode()
    assert StatusChange.objects.count() == before
    assert changed.revisions.get(number=1).status == "accepted"


def test_an_older_revision_has_a_status_of_its_own(client: Client, changed: Decision) -> None:
    shown = page(client, "revision", changed.pk, 1)
    assert "by You, <time" in shown
    fields = status_form(shown)
    assert fields == {"revision": "1", "seen": "accepted"}
    answer = client.post(reverse("decision-status", args=[changed.pk]), fields | {"status": "superseded"})
    assert answer["Location"] == reverse("revision", args=[changed.pk, 1])
    assert "Draft" in page(client, "home")
    assert client.post(reverse("delete-decision", args=[changed.pk])).status_code == 302


@pytest.mark.parametrize("fields", [{"revision": "9"}, {"revision": "x"}, {"revision": ""}, {"revision": "1\x00"}])
def test_a_status_of_a_revision_that_is_not_there_is_404(
    client: Client, changed: Decision, fields: dict[str, str]
) -> None:
    url = reverse("decision-status", args=[changed.pk])
    assert client.post(url, {"status": "accepted"} | fields).status_code == 404
    assert client.post(url, {"status": "accepted", "version": "x"}).status_code == 409


def test_a_viewer_sees_the_status_and_sets_none(
    client: Client, hosted: Configuration, vera: User, changed: Decision
) -> None:
    client.force_login(vera)
    assert "Set status" not in page(client, "revision", changed.pk, 1)
    url = reverse("decision-status", args=[changed.pk])
    assert client.post(url, {"status": "accepted", "revision": "2", "version": "2"}).status_code == 403

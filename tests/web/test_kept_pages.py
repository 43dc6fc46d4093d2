"""Pages that are kept show at once what has changed since, to whom it is shown alone, and nothing twice that is to differ."""

import gzip
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from advisor.decisions.models import Decision, Revision, Run
from advisor.decisions.services.decisions import (
    add_comment,
    change_status,
    create_decision,
    set_archived,
    set_tags,
)
from advisor.decisions.services.library import hide_entry
from advisor.decisions.services.revisions import save_answers
from advisor.decisions.services.runs import cancel_run
from advisor.teams.models import Membership, Role, User, Workspace
from advisor.teams.services.workspaces import create_workspace, rename_workspace
from advisor.web import kept_pages
from advisor.web.compressed_parts import Part
from advisor.web.decision_list import DECISIONS_PER_PAGE
from advisor.web.kept_pages import KeptPages, QueryWhileKept
from advisor.web.page_keys import key_of_decision, key_of_run
from advisor.web.views import decisions as views
from core.errors import InvalidInput, Problem
from tests.web.conftest import MakeRun

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("hosted", "unsimulated")]

VARYING = re.compile(r'name="(csrfmiddlewaretoken|idempotency_key)"\s+value="([^"]+)"')


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch) -> KeptPages:
    pages = KeptPages()
    monkeypatch.setattr(kept_pages, "PAGES", pages)
    return pages


@pytest.fixture
def looked_at(client: Client, alice: User, decision: Decision, run: Run) -> Callable[[], dict[str, str]]:
    """The list, the decision and its run, as Alice sees them."""
    client.force_login(alice)
    addresses = {
        "list": reverse("home"),
        "decision": reverse("decision", args=[decision.pk]),
        "run": reverse("run", args=[run.pk]),
    }
    return lambda: {name: client.get(address).content.decode() for name, address in addresses.items()}


def without_varying(pages: dict[str, str]) -> dict[str, str]:
    return {name: VARYING.sub(r'name="\1"', page) for name, page in pages.items()}


def test_a_page_is_kept_and_is_the_same_but_for_its_tokens(
    looked_at: Callable[[], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = looked_at()
    made: list[str] = []
    monkeypatch.setattr(kept_pages, "render_to_string", lambda template, *_: made.append(template) or "")
    again = looked_at()
    assert without_varying(again) == without_varying(first) and not made
    for name in first:
        tokens = dict(VARYING.findall(first[name]))["csrfmiddlewaretoken"]
        assert tokens != dict(VARYING.findall(again[name]))["csrfmiddlewaretoken"], name
        assert kept_pages.TOKEN_PLACE not in again[name] and kept_pages.KEY_PLACE not in again[name]
    keys = {dict(VARYING.findall(page))["idempotency_key"] for page in (first["decision"], again["decision"])}
    assert len(keys) == 2


def test_another_process_shows_what_one_has_made_with_tokens_of_its_own(
    looked_at: Callable[[], dict[str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(kept_pages, "PAGES", KeptPages(folder=tmp_path))
    first = looked_at()
    monkeypatch.setattr(kept_pages, "PAGES", KeptPages(folder=tmp_path))
    monkeypatch.setattr(kept_pages, "render_to_string", lambda *_: pytest.fail("made again"))
    again = looked_at()
    assert without_varying(again) == without_varying(first)
    for name in first:
        tokens = [dict(VARYING.findall(pages[name]))["csrfmiddlewaretoken"] for pages in (first, again)]
        assert tokens[0] != tokens[1] and not any(place in again[name] for place in kept_pages._PLACES)


def test_pages_are_shown_though_no_other_process_can_have_them(
    looked_at: Callable[[], dict[str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    taken = tmp_path / "taken"
    taken.write_text("in the place of the folder")
    monkeypatch.setattr(kept_pages, "PAGES", KeptPages(folder=taken))
    first = looked_at()
    monkeypatch.setattr(kept_pages, "render_to_string", lambda *_: pytest.fail("made again"))
    assert without_varying(looked_at()) == without_varying(first)


def test_the_browser_says_how_long_ago_something_was(
    looked_at: Callable[[], dict[str, str]], decision: Decision, run: Run
) -> None:
    """Otherwise each page would be made anew every minute."""
    pages = looked_at()
    for page, instant in (("list", decision.updated_at), ("run", run.created_at)):
        assert f'<time datetime="{instant.isoformat()}" data-since>' in pages[page]


def test_a_list_is_kept_while_a_worker_keeps_its_lease_and_shows_its_progress(
    looked_at: Callable[[], dict[str, str]], make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = Run.objects.filter(pk=make_run("running").pk)
    looked_at()
    made: list[str] = []
    original = kept_pages.render_to_string
    monkeypatch.setattr(
        kept_pages, "render_to_string", lambda template, *given: made.append(template) or original(template, *given)
    )
    running.update(lease_until=timezone.now() + timedelta(minutes=3), elapsed_s=7.0)
    assert 'hx-trigger="every 2s"' in looked_at()["list"] and not made
    running.update(progress_fraction=0.42)
    assert "Simulating, 42 %" in looked_at()["list"] and made == ["home/decisions.html"]


def rename(decision: Decision, alice: User) -> None:
    given = decision.latest().answers.model_dump() | {"name": "Renamed inbox"}
    save_answers(decision, given, alice, decision.draft_version)


def demote(decision: Decision, alice: User) -> None:
    Membership.objects.filter(user=alice).update(role=Role.VIEWER)


def test_progress_is_kept_for_pages_and_for_browsers_without_scripts_and_follows_its_row(
    client: Client, alice: User, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(alice)
    running = make_run("running")
    address = reverse("run-progress", args=[running.pk])

    def look(**headers: str) -> str:
        return client.get(address, headers=headers).content.decode()

    first = [look(**{"HX-Request": "true"}), look()]
    assert ["<title>" in one for one in first] == [True, False]
    Run.objects.filter(pk=running.pk).update(progress_fraction=0.42)
    changed = look()
    assert "42 %" in changed
    monkeypatch.setattr(kept_pages, "render_to_string", lambda *_: pytest.fail("made again"))
    assert look() == changed
    Run.objects.filter(pk=running.pk).update(progress_fraction=running.progress_fraction)
    assert [look(**{"HX-Request": "true"}), look()] == first
    cancel_run(running, alice)
    assert "cancelled" in look()


CHANGES: dict[str, tuple[Callable[[Decision, User], Any], dict[str, tuple[str, bool]]]] = {
    "renamed": (rename, dict.fromkeys(("list", "decision", "run"), ("Renamed inbox", True))),
    "commented": (lambda decision, alice: add_comment(decision, alice, "Why?"), {"decision": ("1 comment", True)}),
    "tagged": (
        lambda decision, alice: set_tags(decision, alice, "finance"),
        {"list": ('class="tag"', True), "decision": ('class="tag"', True)},
    ),
    "accepted": (
        lambda decision, alice: change_status(decision, alice, "accepted"),
        {"list": ("Accepted</span>", True), "decision": ("Accepted</span>", True)},
    ),
    "archived": (
        lambda decision, alice: set_archived(decision, alice, archived=True),
        {"list": ('id="decision-', False), "decision": ("Restore to the list", True)},
    ),
    "library edited": (
        lambda decision, alice: hide_entry(decision.workspace, alice, "hop", "aws_alb"),
        {"decision": ("AWS Application Load Balancer", False)},
    ),
    "workspace renamed": (
        lambda decision, alice: rename_workspace(decision.workspace, alice, "Platform 9"),
        {"list": ("Platform 9", True)},
    ),
    "only a viewer now": (
        demote,
        {"list": ("New decision", False), "decision": ("Set status", False), "run": ("Simulate</button>", False)},
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_shown_at_once(
    looked_at: Callable[[], dict[str, str]], decision: Decision, alice: User, change: str
) -> None:
    Membership.objects.filter(user=alice).update(role=Role.OWNER)
    before = looked_at()
    act, expected = CHANGES[change]
    act(Decision.objects.get(pk=decision.pk), alice)
    after = looked_at()
    for page, (text, is_there) in expected.items():
        assert (text in before[page], text in after[page]) == (not is_there, is_there), page


def test_a_change_and_its_reverse_show_what_is_stored(
    looked_at: Callable[[], dict[str, str]], decision: Decision, alice: User
) -> None:
    set_tags(decision, alice, "tag-one")
    first = without_varying(looked_at())
    set_tags(decision, alice, "tag-two")
    assert "tag-two" in looked_at()["decision"]
    set_tags(decision, alice, "tag-one")
    again = looked_at()
    assert "tag-one" in again["decision"] and "tag-two" not in again["decision"]
    assert without_varying(again)["run"] == first["run"]


def test_another_simulation_is_shown_at_once(
    looked_at: Callable[[], dict[str, str]], make_run: MakeRun, decision: Decision
) -> None:
    before = looked_at()
    newer = make_run("failed")
    after = looked_at()
    for page in ("list", "decision"):
        assert reverse("run", args=[newer.pk]) not in before[page]
        assert reverse("run", args=[newer.pk]) in after[page]


def test_whom_it_is_not_for_never_sees_a_kept_page(
    looked_at: Callable[[], dict[str, str]], client: Client, charlie: User, decision: Decision, run: Run
) -> None:
    looked_at()
    addresses = [reverse("decision", args=[decision.pk]), reverse("run", args=[run.pk])]
    client.post(reverse("logout"))
    assert [client.get(address).status_code for address in addresses] == [302, 302]
    assert decision.title not in client.get(reverse("home")).content.decode()
    client.force_login(charlie)
    assert [client.get(address).status_code for address in addresses] == [404, 404]
    assert decision.title not in client.get(reverse("home")).content.decode()


def test_an_administrator_has_the_menu_and_others_have_not(
    looked_at: Callable[[], dict[str, str]], client: Client, decision: Decision, admin_user: User
) -> None:
    assert all(reverse("operations") not in page for page in looked_at().values())
    client.force_login(admin_user)
    assert reverse("operations") in client.get(reverse("decision", args=[decision.pk])).content.decode()


def test_a_message_is_shown_on_the_next_page_alone(
    looked_at: Callable[[], dict[str, str]], client: Client, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at()
    monkeypatch.setattr("advisor.web.views.runs.jobs.start_again", refuse)
    client.post(reverse("run-again", args=[make_run("failed").pk]), {"idempotency_key": "k"})
    assert ["Not today." in page for page in looked_at().values()] == [True, False, False]
    assert not any("Not today." in page for page in looked_at().values())


def refuse(*args: object, **kwargs: object) -> None:
    raise InvalidInput([Problem("", "not today")])


@pytest.mark.parametrize("name", ["home", "decision", "run", "run-charts"])
def test_compressed_it_is_the_same(
    looked_at: Callable[[], dict[str, str]], client: Client, decision: Decision, run: Run, name: str
) -> None:
    looked_at()
    ids = {"home": [], "decision": [decision.pk]}.get(name, [run.pk])
    plain = client.get(reverse(name, args=ids))
    packed = client.get(reverse(name, args=ids), headers={"Accept-Encoding": "br, gzip"})
    assert "Content-Encoding" not in plain.headers and packed["Content-Encoding"] == "gzip"
    assert {"Accept-Encoding"} <= {each.strip() for each in packed["Vary"].split(",")} & {
        each.strip() for each in plain["Vary"].split(",")
    }
    texts = {"plain": plain.content.decode(), "packed": gzip.decompress(packed.content).decode()}
    assert len(set(without_varying(texts).values())) == 1 and len(packed.content) < len(plain.content) / 2


def test_a_page_in_the_making_looks_nothing_up(
    looked_at: Callable[[], dict[str, str]], decision: Decision, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_pages, "render_to_string", lambda *_: str(decision.tags.count()))
    with pytest.raises(QueryWhileKept):
        looked_at()


def test_users_get_a_page_that_looks_something_up_and_it_is_not_kept(
    looked_at: Callable[[], dict[str, str]], pages: KeptPages, decision: Decision, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = kept_pages.render_to_string
    monkeypatch.setattr(kept_pages, "render_to_string", lambda *given: original(*given) + str(decision.tags.count()))
    with pytest.warns(QueryWhileKept, match="A page to be kept looks up"):
        shown = looked_at()
    assert decision.title in shown["decision"] and not pages._pages


def test_the_least_recently_shown_pages_are_dropped() -> None:
    part = Part(b"x" * 100)
    pages, part = KeptPages(most_bytes=2 * len(part.deflated)), [part]
    pages.keep("a", part)
    pages.keep("b", part)
    assert pages.find("a")
    pages.keep("c", part)
    assert pages.find("a") and pages.find("c") and not pages.find("b")
    pages.keep("d", [Part(Random(1).randbytes(10_000))])
    assert not any(pages.find(key) for key in "abcd")


COLUMNS: dict[str, Any] = {
    "title": "Other", "draft_version": 9, "is_demo": True, "archived_at": timezone.now(), "updated_at": timezone.now(),
}  # fmt: skip


@pytest.mark.parametrize("column", COLUMNS)
def test_each_column_of_a_decision_counts(alice: User, decision: Decision, run: Run, column: str) -> None:
    before = key_of_decision(alice, decision.pk), key_of_run(alice, run.pk)
    Decision.objects.filter(pk=decision.pk).update(**{column: COLUMNS[column]})
    after = key_of_decision(alice, decision.pk), key_of_run(alice, run.pk)
    assert None not in before + after and before[0] != after[0] and before[1] != after[1]


@pytest.mark.parametrize("text", ["answers_json", "recommendation_json"])
def test_a_text_that_is_large_counts(alice: User, decision: Decision, text: str) -> None:
    before = key_of_decision(alice, decision.pk)
    latest = decision.latest()
    Revision.objects.filter(pk=latest.pk).update(**{text: getattr(latest, text) + " "})
    assert before != key_of_decision(alice, decision.pk)


def test_a_key_is_for_members_alone(alice: User, charlie: User, admin_user: User, decision: Decision, run: Run) -> None:
    assert key_of_decision(alice, decision.pk) and key_of_run(alice, run.pk)
    for outsider in (charlie, admin_user):
        assert key_of_decision(outsider, decision.pk) is None and key_of_run(outsider, run.pk) is None


def test_what_changed_while_a_page_was_made_is_not_kept_under_the_state_before(
    looked_at: Callable[[], dict[str, str]], decision: Decision, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that shows the second state must not be shown when the first one is back."""
    set_tags(decision, alice, "tag-one")
    original = views.decision_context

    def change_first(*given: Any, **named: Any) -> Any:
        set_tags(decision, alice, "tag-two")
        return original(*given, **named)

    monkeypatch.setattr(views, "decision_context", change_first)
    assert "tag-two" in looked_at()["decision"]
    monkeypatch.setattr(views, "decision_context", original)
    set_tags(decision, alice, "tag-one")
    again = looked_at()["decision"]
    assert "tag-one" in again and "tag-two" not in again


def test_a_list_follows_its_selection_page_and_workspace(
    looked_at: Callable[[], dict[str, str]], client: Client, decision: Decision, alice: User
) -> None:
    other = create_workspace(alice, "Research")
    theirs = create_decision(other, alice, {"template": "document_extraction", "name": "Papers"})
    set_tags(theirs, alice, "science")
    seen = {decision.title: "", "Papers": "?tag=science"}
    for _ in range(2):
        assert decision.title in looked_at()["list"] and "Papers" not in looked_at()["list"]
        client.post(reverse("switch-workspace", args=[other.pk]))
        for query, is_there in {seen["Papers"]: True, "": True, "?q=nothing": False, "?page=9": True}.items():
            assert ("Papers</a>" in client.get(reverse("home") + query).content.decode()) is is_there, query
        client.post(reverse("switch-workspace", args=[decision.workspace_id]))


def test_a_page_of_the_list_holds_its_own_decisions(client: Client, alice: User, workspace: Workspace) -> None:
    client.force_login(alice)
    for number in range(DECISIONS_PER_PAGE + 1):
        create_decision(workspace, alice, {"template": "form_classification", "name": f"Number {number}"})
    for _ in range(2):
        first, second = (client.get(f"{reverse('home')}?page={page}").content.decode() for page in (1, 2))
        assert "Number 20</a>" in first and "Number 0</a>" not in first and "Page 1 of 2" in first
        assert "Number 0</a>" in second and "Number 20</a>" not in second and ">Demo</span>" not in second
    Decision.objects.filter(title="Number 0").update(is_demo=True)
    assert ">Demo</span>" in client.get(f"{reverse('home')}?page=2").content.decode()


@pytest.mark.parametrize(("page", "most"), [("home", 10), ("decision", 7), ("run", 3)])
def test_a_kept_page_asks_little_of_the_database(
    looked_at: Callable[[], dict[str, str]],
    client: Client,
    decision: Decision,
    run: Run,
    page: str,
    most: int,
    django_assert_max_num_queries: Any,
) -> None:
    looked_at()
    looked_at()
    ids = {"home": [], "decision": [decision.pk], "run": [run.pk]}[page]
    with django_assert_max_num_queries(most):
        client.get(reverse(page, args=ids))


def test_kept_charts_are_as_before_and_the_run_is_looked_up_no_more(
    client: Client, alice: User, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(alice)
    address = reverse("run-charts", args=[run.pk])
    made = {theme: client.get(address, {"theme": theme}) for theme in ("light", "dark")}
    monkeypatch.setattr("advisor.web.views.runs.find_run", refuse)
    for theme, first in made.items():
        kept = client.get(address, {"theme": theme})
        assert kept.content == first.content
        assert {**kept.headers, "X-Request-ID": ""} == {**first.headers, "X-Request-ID": ""}
        assert kept.wsgi_request.audit_subject == first.wsgi_request.audit_subject  # type: ignore[attr-defined]
        assert kept.wsgi_request.audit_subject.title == run.revision.decision.title  # type: ignore[attr-defined]


def test_kept_charts_are_shown_to_those_alone_who_may_see_the_run(
    client: Client, alice: User, charlie: User, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    address = reverse("run-charts", args=[run.pk])
    client.force_login(alice)
    assert client.get(address).status_code == client.get(address).status_code == 200
    stranger, root = Client(SERVER_NAME="localhost"), Client(SERVER_NAME="localhost")
    assert stranger.get(address).status_code == 302
    stranger.force_login(charlie)
    assert stranger.get(address).status_code == 404
    root.force_login(User.objects.create_superuser("root"))
    with caplog.at_level("INFO"):
        assert root.get(address).status_code == 200
    assert f"read run {run.pk}" in caplog.text
    Membership.objects.filter(user=alice).delete()
    assert client.get(address).status_code in (403, 404)
    Membership.objects.create(user=alice, workspace=run.workspace, role=Role.VIEWER)
    assert client.get(address).status_code == 200
    run.delete()
    assert client.get(address).status_code == 404

"""The pages of the library."""

import re
from datetime import date

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from advisor.advice import library
from advisor.decisions.models import Decision, LibraryEntry
from advisor.decisions.services.library import hide_entry, save_entry
from advisor.teams.models import User

POSTED = {"title": "Our gateway", "limit_s": "2 min", "kind": "total", "source": "measured", "checked": "2026-11-24"}
EDIT = POSTED | {"limit_s": 45.0, "title": "Edge"}
POSTED_PLAIN = POSTED | {"limit_s": "45"}

pytestmark = pytest.mark.django_db


def test_every_hop_and_profile_is_listed_with_its_date(client: Client, decision: Decision) -> None:
    page = client.get(reverse("library")).content.decode()
    for fact in (*library.hops().values(), *library.profiles().values()):
        assert fact.title in page and fact.checked in page
    assert "Unchecked" in page


@pytest.mark.parametrize("name", ["library", "handbook"])
def test_an_entry_that_was_not_checked_shows_no_date_of_a_check(client: Client, decision: Decision, name: str) -> None:
    page = strip_tags(client.get(reverse(name)).content.decode())
    unchecked = [fact for fact in (*library.hops().values(), *library.profiles().values()) if fact.unchecked]
    for fact in unchecked:
        assert f"{fact.source}, not checked at the source" in page
    assert page.count("not checked at the source") == len(unchecked) > 0


@pytest.mark.parametrize("name", ["library", "handbook"])
def test_what_was_checked_long_ago_is_marked(
    client: Client, decision: Decision, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("advisor.web.views.library.localdate", lambda: date(2026, 11, 28))
    for title, checked in (("Fresh gateway", "2026-06-01"), ("Stale gateway", "2026-05-31")):
        save_entry(decision.workspace, decision.created_by, "hop", "", EDIT | {"title": title, "checked": checked})
    page = " ".join(strip_tags(client.get(reverse(name)).content.decode()).split())
    assert page.count("Check again") == page.count("more than 180 days ago") == 1
    assert re.search(r"Stale gateway.{0,60}Check again", page)
    assert "checked 2026-05-31, more than 180 days ago" in page


@pytest.mark.parametrize("name", ["library", "handbook"])
def test_every_address_of_a_source_is_a_link_and_nothing_else_is(client: Client, decision: Decision, name: str) -> None:
    source = 'see https://example.com/limits, "javascript:alert(1)" <b>'
    save_entry(decision.workspace, decision.created_by, "hop", "", EDIT | {"title": "Ours", "source": source})
    page = client.get(reverse(name)).content.decode()
    for fact in (*library.hops().values(), *library.profiles().values()):
        if fact.source.startswith("https://"):
            assert f'<a href="{fact.source}" rel="noopener noreferrer">' in page
    assert (
        '<a href="https://example.com/limits" rel="noopener noreferrer">https://example.com/limits</a>, &quot;java'
        in page
    )
    assert 'href="javascript' not in page and "<b>" not in page


def test_who_edits_what_was_never_checked_says_when_they_did(client: Client, decision: Decision) -> None:
    page = client.get(reverse("library-entry", args=["profile", "openai"])).content.decode()
    assert re.search(r'name="checked"\s+value=""', page)


def test_the_user_who_changed_added_or_hid_an_entry_is_shown(client: Client, decision: Decision, bob: User) -> None:
    save_entry(decision.workspace, bob, "hop", "nginx", EDIT)
    save_entry(decision.workspace, bob, "hop", "", EDIT | {"title": "Ours"})
    hide_entry(decision.workspace, bob, "profile", "openai")
    page = " ".join(client.get(reverse("library")).content.decode().split())
    for done in ("Changed", "Last changed", "Hidden"):
        assert f"{done} by bob, just now" in page
    bob.delete()
    assert "Changed by somebody who has left, just now" in " ".join(
        client.get(reverse("library")).content.decode().split()
    )


def test_a_new_hop_is_offered_by_the_questionnaire_and_stays_ticked(client: Client, decision: Decision) -> None:
    assert client.post(reverse("new-library-entry", args=["hop"]), POSTED).status_code == 302
    page = client.get(reverse("decision", args=[decision.pk])).content.decode()
    assert "Our gateway, 2 min" in page
    answers = {"version": decision.draft_version, "synchronous.hops": ["", "own_our_gateway"]}
    assert client.post(reverse("save-answers", args=[decision.pk]), answers).status_code == 302
    assert decision.latest().answers.synchronous.hops[0].limit_s == 120  # type: ignore[union-attr]
    page = client.get(reverse("decision", args=[decision.pk])).content.decode()
    assert page.count("Our gateway, 2 min") == 1


def test_what_is_refused_comes_back_as_typed_with_the_reason_next_to_it(client: Client, decision: Decision) -> None:
    answer = client.post(reverse("new-library-entry", args=["hop"]), POSTED | {"limit_s": "soon<b>", "source": "x"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="soon&lt;b&gt;"' in page and 'id="error-limit_s"' in page
    assert not LibraryEntry.objects.exists()


def test_an_edited_entry_shows_what_was_shipped_and_goes_back_to_it(client: Client, decision: Decision) -> None:
    client.post(reverse("library-entry", args=["hop", "nginx"]), POSTED_PLAIN | {"title": "nginx"})
    page = client.get(reverse("library")).content.decode()
    assert "As shipped: 60 s, idle" in page
    client.post(reverse("reset-library-entry", args=["hop", "nginx"]))
    assert "As shipped" not in client.get(reverse("library")).content.decode()


def test_answers_keep_what_the_library_hides_and_say_so(client: Client, decision: Decision) -> None:
    chosen = {"synchronous.hops": ["", "nginx"], "provider.profile": "self_hosted"}
    client.post(reverse("save-answers", args=[decision.pk]), chosen | {"version": decision.draft_version})
    client.post(reverse("hide-library-entry", args=["hop", "nginx"]))
    client.post(reverse("hide-library-entry", args=["profile", "self_hosted"]))
    page = client.get(reverse("decision", args=[decision.pk])).content.decode()
    assert "nginx, 60 s, hidden in the library" in page
    assert "Your own model server, hidden in the library" in page
    assert 'value="self_hosted" selected' in page
    decision.refresh_from_db()
    again = chosen | {"version": decision.draft_version, "name": "Again"}
    assert client.post(reverse("save-answers", args=[decision.pk]), again).status_code == 302
    answers = decision.latest().answers
    assert answers.synchronous.hops == ("nginx",) and answers.provider.profile == "self_hosted"


def test_a_deleted_profile_stays_chosen_with_its_last_limits(client: Client, decision: Decision) -> None:
    profile = {"title": "Our server", "requests_per_minute": "77", "source": "measured", "checked": "2026-11-24"}
    client.post(reverse("new-library-entry", args=["profile"]), profile)
    post = {"provider.profile": "own_our_server", "version": decision.draft_version}
    assert client.post(reverse("save-answers", args=[decision.pk]), post).status_code == 302
    client.post(reverse("hide-library-entry", args=["profile", "own_our_server"]))
    page = client.get(reverse("decision", args=[decision.pk])).content.decode()
    assert "our server, no longer in the library" in page
    assert decision.latest().answers.provider.requests_per_minute == 77


@pytest.mark.parametrize("address", ["/library/pipe/new", "/library/hop/unheard-of", "/library/pipe/nginx"])
def test_an_entry_that_does_not_exist_is_404(client: Client, decision: Decision, address: str) -> None:
    assert client.get(address).status_code == 404

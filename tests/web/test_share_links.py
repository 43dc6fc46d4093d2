"""Links that show one revision: what they show, for how long, and that a wrong one tells nothing."""

import re
from datetime import timedelta
from xml.etree import ElementTree

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from advisor.configuration import Configuration
from advisor.decisions.models import Decision, ShareLink
from advisor.decisions.services.revisions import save_answers
from advisor.teams.models import User

pytestmark = pytest.mark.django_db
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def link(hosted: Configuration, client: Client, alice: User, decision: Decision) -> str:
    """The address of a link to the first revision, as Alice is shown it."""
    client.force_login(alice)
    page = client.post(reverse("share", args=[decision.pk]), {"days": "7", "revision": "1"}).content.decode()
    shown = re.search(r'value="https?://[^/"]+(/shared/[^/"]+)"', page)
    assert shown
    return shown[1]


def test_who_has_the_link_reads_the_report_without_an_account(link: str, decision: Decision) -> None:
    answer = Client().get(link)
    page = answer.content.decode()
    assert answer.status_code == 200 and decision.title in page and "<form" not in page
    assert answer["Cache-Control"] == "no-store" and answer["Referrer-Policy"] == "no-referrer"
    assert "noindex" in answer["X-Robots-Tag"]
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert not answer.cookies


def test_in_local_mode_it_opens_in_any_browser_of_this_machine_and_nothing_else_does(
    client: Client, decision: Decision
) -> None:
    page = client.post(reverse("share", args=[decision.pk]), {"days": "7"}).content.decode()
    address = re.findall(r'value="https?://[^/"]+(/shared/[^/"]+)"', page)[0]
    stranger = Client(SERVER_NAME="127.0.0.1")
    answer = stranger.get(address)
    assert answer.status_code == 200 and decision.title in answer.content.decode()
    assert "<script" not in answer.content.decode(), "the page's policy lets none run"
    assert stranger.get(f"{address}x").status_code == 404
    assert stranger.get(reverse("decision", args=[decision.pk])).status_code == 403
    assert stranger.get(address, headers={"x-forwarded-for": "10.0.0.1"}).status_code == 403


def test_what_is_changed_later_is_not_shown(link: str, decision: Decision, alice: User) -> None:
    before = Client().get(link).content
    save_answers(decision, {"name": "Something else", "processing": {"p95_s": 77}}, alice, decision.draft_version)
    assert decision.latest().number == 2
    after = Client().get(link).content.decode()
    assert "Something else" not in after and "77 s" not in after
    assert re.findall(r"<h1>[^<]*</h1>", after) == re.findall(r"<h1>[^<]*</h1>", before.decode())


def test_the_verdict_is_a_picture_that_can_be_read_aloud(link: str, decision: Decision) -> None:
    answer = Client().get(f"{link}/verdict.svg")
    assert answer["Content-Type"] == "image/svg+xml" and answer["Cache-Control"] == "no-store"
    drawing = ElementTree.fromstring(answer.content)  # noqa: S314  # our own
    words = " ".join(text.text or "" for text in drawing.iter(f"{SVG}text"))
    assert decision.title in words and "Event-driven, clearly" in words and "Revision 1" in words
    assert "Event-driven, clearly" in drawing.attrib["aria-label"]
    assert not list(drawing.iter(f"{SVG}script"))


def test_a_title_with_markup_stays_text_in_the_picture(link: str, decision: Decision) -> None:
    answers = decision.latest().answers_json.replace(decision.title, "<script>alert(1)</script> & more")
    decision.revisions.update(answers_json=answers)
    drawing = ElementTree.fromstring(Client().get(f"{link}/verdict.svg").content)  # noqa: S314  # our own
    assert "<script>alert(1)</script> & more" in " ".join(text.text or "" for text in drawing.iter(f"{SVG}text"))


def test_wrong_expired_and_revoked_links_look_the_same(link: str, client: Client, decision: Decision) -> None:
    stranger = Client()
    wrong = stranger.get("/shared/this-one-was-never-made")
    ShareLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    expired = stranger.get(link)
    ShareLink.objects.update(expires_at=timezone.now() + timedelta(days=1))
    assert stranger.get(link).status_code == 200
    client.post(reverse("revoke-share-link", args=[decision.pk, ShareLink.objects.get().pk]))
    revoked = stranger.get(link)
    for refused in (wrong, expired, revoked):
        assert refused.status_code == 404
        assert re.sub(r"nonce-[^']+|[0-9a-f]{32}", "", str(sorted(refused.headers.items()))) == re.sub(
            r"nonce-[^']+|[0-9a-f]{32}", "", str(sorted(wrong.headers.items()))
        )
        assert refused.content == wrong.content


def test_a_link_is_shown_once_and_not_stored(link: str, client: Client, decision: Decision) -> None:
    token = link.rpartition("/")[2]
    assert token not in client.get(reverse("share", args=[decision.pk])).content.decode()
    assert token not in str(ShareLink.objects.values())


def test_who_guesses_has_to_wait(hosted: Configuration, decision: Decision) -> None:
    stranger = Client()
    statuses = [stranger.get(f"/shared/guess-{number}").status_code for number in range(30)]
    assert statuses[0] == 404 and statuses[-1] == 429


@pytest.mark.parametrize("days", ["", "0", "31", "x", "-7"])
def test_another_lifetime_is_refused_with_what_is_offered(days: str, client: Client, decision: Decision) -> None:
    answer = client.post(reverse("share", args=[decision.pk]), {"days": days})
    assert answer.status_code == 422 and "1, 7, 30, 90 or 365 days" in answer.content.decode()
    assert not ShareLink.objects.exists()


def test_who_may_only_read_shares_nothing(client: Client, vera: User, decision: Decision, link: str) -> None:
    client.force_login(vera)
    assert client.post(reverse("share", args=[decision.pk]), {"days": "7"}).status_code == 403
    address = reverse("revoke-share-link", args=[decision.pk, ShareLink.objects.get().pk])
    assert client.post(address).status_code == 403
    assert Client().get(link).status_code == 200

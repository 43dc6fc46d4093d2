"""One's own account: the password, and where one is signed in."""

from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.contrib.sessions.models import Session
from django.db import DatabaseError, connection
from django.db.models import F, Manager, Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from advisor.configuration import Configuration
from advisor.teams import middleware
from advisor.teams.models import SignedInSession, User
from advisor.teams.services.sessions import SESSION_SEEN, sessions_of
from tests.web.conftest import RIGHT
from tests.web.test_sign_in import PER_ACCOUNT, WRONG, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("hosted")]
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1"
)
NEW = "another-fine-password"


@pytest.fixture
def laptop(dora: User) -> Client:
    """Dora's browser at work."""
    laptop = Client(SERVER_NAME="localhost", REMOTE_ADDR="192.0.2.1", HTTP_USER_AGENT=FIREFOX)
    assert sign_in(laptop, "dora", RIGHT).status_code == 302
    return laptop


@pytest.fixture
def phone(laptop: Client) -> Client:
    """Dora's telephone."""
    phone = Client(SERVER_NAME="localhost", REMOTE_ADDR="2001:db8::7", HTTP_USER_AGENT=SAFARI)
    assert sign_in(phone, "dora", RIGHT).status_code == 302
    return phone


def is_signed_in(client: Client) -> bool:
    return client.get(reverse("account")).status_code == 200


def row_of(client: Client) -> SignedInSession:
    return SignedInSession.objects.get(session_id=client.session.session_key)


def test_the_page_lists_where_one_is_signed_in(laptop: Client, phone: Client) -> None:
    page = " ".join(laptop.get(reverse("account")).content.decode().split())
    assert "Firefox 131 on Linux <span" in page and "This one" in page and "192.0.2.1" in page
    assert "Mobile Safari 17 on iOS" in page and "2001:db8::7" in page
    assert "last seen just now" in page
    assert laptop.session.session_key not in page and phone.session.session_key not in page


def test_a_session_that_is_ended_is_a_strangers_at_its_next_request(laptop: Client, phone: Client) -> None:
    assert is_signed_in(phone)
    laptop.post(reverse("end-session", args=[row_of(phone).pk]))
    answer = phone.get(reverse("account"))
    assert answer.status_code == 302 and answer["Location"].startswith(reverse("login"))
    assert is_signed_in(laptop)


@pytest.mark.parametrize(
    ("rows", "changed"),
    [
        (User.objects, {"is_active": False}),
        (User.objects, {"password": "changed elsewhere"}),
        (Session.objects, {"expire_date": timezone.now() - timedelta(days=1)}),
        (Session.objects, {"session_data": "changed"}),
    ],
    ids=["deactivated", "another password", "expired", "not what was signed"],
)
def test_a_session_ends_with_what_it_rests_on(laptop: Client, rows: Manager[Model], changed: dict[str, Any]) -> None:
    assert is_signed_in(laptop)
    rows.update(**changed)
    assert not is_signed_in(laptop)


def test_a_session_ends_if_its_way_of_signing_in_is_configured_no_longer(laptop: Client, settings: Settings) -> None:
    settings.AUTHENTICATION_BACKENDS = settings.AUTHENTICATION_BACKENDS[:1]
    assert not is_signed_in(laptop)


def test_a_session_is_of_the_user_that_it_says_whatever_is_noted_of_it(laptop: Client, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(password=User.objects.get(username="dora").password)
    SignedInSession.objects.update(user=alice)
    assert laptop.get(reverse("account")).context["user"].username == "dora"
    SignedInSession.objects.all().delete()
    assert laptop.get(reverse("account")).context["user"].username == "dora"


def test_a_session_that_is_ended_while_it_is_used_stays_ended(
    laptop: Client, phone: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    SignedInSession.objects.update(last_seen_at=F("last_seen_at") - timedelta(hours=1))
    monkeypatch.setattr(middleware, "is_noted", lambda request: Session.objects.all().delete() and False)
    phone.get(reverse("home"))
    monkeypatch.undo()
    assert not SignedInSession.objects.exists()
    assert not is_signed_in(phone)


def test_all_others_are_ended_at_once(laptop: Client, phone: Client, dora: User) -> None:
    third = Client(SERVER_NAME="localhost")
    sign_in(third, "dora", RIGHT)
    page = laptop.post(reverse("end-other-sessions"), follow=True).content.decode()
    assert "2 other sessions ended." in page and "End all other sessions" not in page
    assert [is_signed_in(client) for client in (laptop, phone, third)] == [True, False, False]


def test_no_user_ends_another_users_session(laptop: Client, alice: User, client: Client) -> None:
    client.force_login(alice)
    assert client.post(reverse("end-session", args=[row_of(laptop).pk])).status_code == 404
    assert client.post(reverse("end-session", args=[2**63])).status_code == 404
    client.post(reverse("end-other-sessions"))
    assert is_signed_in(laptop)


def test_signing_out_takes_the_session_off_the_list(laptop: Client, phone: Client, dora: User) -> None:
    phone.post(reverse("logout"))
    assert [row.user_agent for row in sessions_of(dora)] == [FIREFOX]


def test_a_visit_is_noted_every_few_minutes_and_writes_nothing_in_between(
    laptop: Client, dora: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    laptop.get(reverse("home"))
    written = Session.objects.get(pk=laptop.session.session_key).session_data
    with django_assert_num_queries(1):  # the session with its user
        laptop.get(reverse("login"))
    assert Session.objects.get(pk=laptop.session.session_key).session_data == written
    earlier = timezone.now() - timedelta(minutes=6)
    session = laptop.session
    session["session_seen"] = (session.session_key, earlier.timestamp())
    session.save()
    SignedInSession.objects.update(last_seen_at=earlier)
    laptop.get(reverse("home"), REMOTE_ADDR="198.51.100.2")
    row = row_of(laptop)
    assert row.last_seen_at > earlier and row.address == "198.51.100.2" and row.begun_at < row.last_seen_at


def test_a_page_is_shown_though_the_visit_cannot_be_noted(laptop: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise DatabaseError("database or disk is full")

    monkeypatch.setattr(middleware, "is_noted", lambda request: False)
    monkeypatch.setattr(middleware, "note_session", full)
    assert laptop.get(reverse("home")).status_code == 200


def test_signing_in_lasts_as_long_as_configured_however_much_it_is_used(laptop: Client) -> None:
    def expires() -> float:
        return Session.objects.get(pk=laptop.session.session_key).expire_date.timestamp()

    first = expires()
    assert abs(first - (timezone.now() + timedelta(days=14)).timestamp()) < 60
    session = laptop.session
    session["session_seen"] = ("", 0.0)
    session.save()
    laptop.get(reverse("home"))
    assert expires() == pytest.approx(first, abs=2)


def test_what_is_kept_of_sessions_that_have_expired_goes_with_the_next_sign_in(laptop: Client, phone: Client) -> None:
    Session.objects.filter(pk=phone.session.session_key).update(expire_date=timezone.now() - timedelta(minutes=1))
    assert "Mobile Safari" not in laptop.get(reverse("account")).content.decode()
    sign_in(Client(SERVER_NAME="localhost", HTTP_USER_AGENT=FIREFOX), "dora", RIGHT)
    assert set(SignedInSession.objects.values_list("user_agent", flat=True)) == {FIREFOX}


def test_sessions_from_before_are_listed_and_end_too(laptop: Client, dora: User) -> None:
    SignedInSession.objects.all().delete()
    assert not sessions_of(dora)
    import_module("advisor.teams.migrations.0004_sessions").note_sessions(apps, connection.schema_editor())
    other = Client(SERVER_NAME="localhost")
    sign_in(other, "dora", RIGHT)
    other.post(reverse("end-other-sessions"))
    assert not is_signed_in(laptop)


def test_a_password_is_changed_and_all_other_sessions_end(laptop: Client, phone: Client, dora: User) -> None:
    begun_at = row_of(laptop).begun_at
    page = laptop.post(
        reverse("change-password"),
        {"old_password": RIGHT, "new_password1": NEW, "new_password2": NEW},
        follow=True,
    ).content.decode()
    assert "Your password is changed." in page and "Mobile Safari" not in page and "This one" in page
    assert is_signed_in(laptop) and not is_signed_in(phone)
    assert row_of(laptop).begun_at == begun_at
    anew = Client(SERVER_NAME="localhost")
    assert sign_in(anew, "dora", RIGHT).status_code == 200
    assert sign_in(anew, "dora", NEW).status_code == 302


@pytest.mark.parametrize(
    ("old", "new", "again", "words"),
    [
        (WRONG, NEW, NEW, "That is not your current password."),
        ("", NEW, NEW, "This field is required."),
        (RIGHT, "12345678", "12345678", "too common"),
        (RIGHT, NEW, NEW + "x", "match"),
        (RIGHT, "dora", "dora", "too short"),
    ],
)
def test_a_password_that_cannot_be_changed_says_why_and_stays(
    laptop: Client, old: str, new: str, again: str, words: str
) -> None:
    refused = laptop.post(
        reverse("change-password"), {"old_password": old, "new_password1": new, "new_password2": again}
    )
    assert refused.status_code == 422 and words in refused.content.decode()
    assert sign_in(Client(SERVER_NAME="localhost"), "dora", RIGHT).status_code == 302


def test_guesses_of_the_current_password_have_to_wait(laptop: Client, dora: User) -> None:
    form = {"old_password": WRONG, "new_password1": NEW, "new_password2": NEW}
    for _ in range(PER_ACCOUNT):
        assert laptop.post(reverse("change-password"), form).status_code == 422
    refused = laptop.post(reverse("change-password"), form | {"old_password": RIGHT})
    assert refused.status_code == 429 and int(refused["Retry-After"]) <= 900
    assert "Too many attempts. Try again in 15 minutes." in refused.content.decode()
    User.objects.filter(pk=dora.pk).update(is_staff=True)
    assert laptop.post(reverse("admin:password_change"), form)["Location"] == reverse("change-password")


def test_a_password_that_an_administrator_sets_ends_the_sessions_and_their_rows(laptop: Client, dora: User) -> None:
    dora.set_password(NEW)
    dora.save()
    assert not sessions_of(dora)
    assert not is_signed_in(laptop)


def test_an_administrator_ends_all_sessions_of_an_account(laptop: Client, phone: Client, dora: User) -> None:
    admin = Client(SERVER_NAME="localhost")
    admin.force_login(User.objects.create_superuser("root"))
    form = {"action": "end_sessions", "_selected_action": [dora.pk]}
    assert "2 sessions ended" in admin.post(reverse("admin:teams_user_changelist"), form, follow=True).content.decode()
    assert not is_signed_in(laptop) and not is_signed_in(phone)


def test_local_use_has_no_account_page(client: Client, user: User, settings: object) -> None:
    settings.CONFIGURATION = settings.CONFIGURATION.model_copy(update={"mode": "local"})  # type: ignore[attr-defined]
    assert "Your account" not in client.get(reverse("home")).content.decode()
    for name in ("account", "change-password"):
        assert client.get(reverse(name)).status_code == 404
    assert client.post(reverse("end-other-sessions")).status_code == 404


def test_deactivating_an_account_ends_its_sessions_at_once_and_for_good(
    laptop: Client, phone: Client, dora: User
) -> None:
    root = User.objects.create_superuser("root")
    admin = Client(SERVER_NAME="localhost")
    admin.force_login(root)
    address = reverse("admin:teams_user_change", args=[dora.pk])
    form = admin.get(address).context["adminform"].form
    posted = {name: value for name, value in form.initial.items() if isinstance(value, str) and value}
    posted |= {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    assert admin.post(address, posted).status_code == 302
    dora.refresh_from_db()
    assert not dora.is_active
    for device in (laptop, phone):
        assert device.get(reverse("account"))["Location"].startswith(reverse("login"))
    assert sign_in(Client(SERVER_NAME="localhost"), "dora", RIGHT).status_code == 200
    User.objects.filter(pk=dora.pk).update(is_active=True)
    assert laptop.get(reverse("account")).status_code == 302
    assert admin.get(reverse("account")).status_code == 200


@pytest.mark.parametrize(("minutes", "ends"), [(60, True), (180, False), (None, False)])
def test_a_session_that_is_not_used_ends_after_the_configured_time(
    laptop: Client, hosted: Configuration, settings: Settings, minutes: int | None, ends: bool
) -> None:
    settings.CONFIGURATION = hosted.model_copy(update={"session_idle_minutes": minutes})
    session = laptop.session
    session[SESSION_SEEN] = (session.session_key, (timezone.now() - timedelta(hours=2)).timestamp())
    session.save()
    assert is_signed_in(laptop) is not ends
    assert Session.objects.filter(pk=session.session_key).exists() is not ends, "it could be used again"


def test_a_session_in_use_goes_on(laptop: Client, hosted: Configuration, settings: Settings) -> None:
    settings.CONFIGURATION = hosted.model_copy(update={"session_idle_minutes": 60})
    session = laptop.session
    session[SESSION_SEEN] = (session.session_key, (timezone.now() - timedelta(minutes=40)).timestamp())
    session.save()
    assert is_signed_in(laptop)
    _, seen = laptop.session[SESSION_SEEN]
    assert timezone.now().timestamp() - seen < 60

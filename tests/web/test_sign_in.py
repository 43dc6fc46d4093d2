"""Signing in: what is answered, and when a user has to wait."""

import logging
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from axes.models import AccessAttempt
from django.contrib.auth.backends import ModelBackend
from django.core.management import call_command
from django.db.models import F
from django.http import HttpResponse
from django.test import AsyncClient, Client, RequestFactory
from django.urls import reverse

from advisor.teams.models import User
from advisor.teams.throttle import client_address
from tests.web.conftest import RIGHT

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("hosted")]
WRONG = "hunter2-is-wrong"
PER_ACCOUNT, PER_ADDRESS = 5, 20


def sign_in(client: Client, username: str, password: str, door: str = "login", **meta: str) -> HttpResponse:
    return client.post(reverse(door), {"username": username, "password": password}, **meta)  # type: ignore[arg-type]


def waited(cool_off: timedelta = timedelta(minutes=15)) -> None:
    """As if the cool-off had gone by."""
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - cool_off)


@pytest.mark.parametrize("door", ["login", "admin:login"])
def test_an_account_waits_after_five_wrong_passwords_from_wherever(client: Client, dora: User, door: str) -> None:
    User.objects.filter(pk=dora.pk).update(is_staff=True)
    for number in range(PER_ACCOUNT):
        assert sign_in(client, "dora", WRONG, door, REMOTE_ADDR=f"192.0.2.{number}").status_code == 200
    refused = sign_in(client, "dora", RIGHT, door, REMOTE_ADDR="198.51.100.7")
    assert refused.status_code == 429
    assert "Too many attempts. Try again in 15 minutes." in refused.content.decode()
    assert 890 < int(refused["Retry-After"]) <= 900
    waited()
    assert sign_in(client, "dora", RIGHT, door).status_code == 302


def test_a_name_longer_than_any_account_s_is_counted_as_far_as_it_fits(client: Client) -> None:
    assert sign_in(client, "x" * 100_000, WRONG).status_code == 200
    assert AccessAttempt.objects.get().username == "x" * 255


def test_a_refusal_reaches_the_browser_through_the_asynchronous_server_too(dora: User) -> None:
    post = async_to_sync(AsyncClient(SERVER_NAME="localhost").post)
    for _ in range(PER_ACCOUNT):
        assert post(reverse("login"), {"username": "dora", "password": WRONG}).status_code == 200
    refused = post(reverse("login"), {"username": "dora", "password": RIGHT})
    assert refused.status_code == 429 and refused["Retry-After"]
    assert "Try again in 15 minutes." in refused.content.decode()


def test_a_wait_ends_when_announced_however_often_one_tries_meanwhile(client: Client, dora: User) -> None:
    for _ in range(PER_ACCOUNT):
        sign_in(client, "dora", WRONG)
    waited(timedelta(minutes=14))
    for _ in range(3):
        refused = sign_in(client, "dora", WRONG)
        assert "Try again in 1 minute." in refused.content.decode() and int(refused["Retry-After"]) <= 60
    waited(timedelta(minutes=1))
    assert sign_in(client, "dora", RIGHT).status_code == 302


def test_no_answer_reveals_whether_there_is_such_an_account(client: Client, dora: User) -> None:
    for _ in range(PER_ACCOUNT + 1):
        known, unknown = sign_in(client, "dora", WRONG), sign_in(client, "nova", WRONG)
        assert known.status_code == unknown.status_code
        assert known.headers.get("Retry-After") == unknown.headers.get("Retry-After")
        assert known.content.replace(b"dora", b"nova").split(b"csrf")[0] == unknown.content.split(b"csrf")[0]
        assert known.context["form"].errors == unknown.context["form"].errors
    assert known.status_code == 429


def test_an_address_waits_after_twenty_wrong_passwords_whatever_the_account(client: Client, dora: User) -> None:
    for number in range(PER_ADDRESS):
        sign_in(client, f"name-{number}", WRONG, REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR=f"203.0.113.{number}")
    assert sign_in(client, "dora", RIGHT, REMOTE_ADDR="192.0.2.1").status_code == 429
    assert sign_in(client, "dora", RIGHT, REMOTE_ADDR="192.0.2.2").status_code == 302


def test_signing_in_clears_the_account_and_not_the_address(client: Client, dora: User) -> None:
    for number in range(PER_ADDRESS - PER_ACCOUNT):
        sign_in(client, f"name-{number}", WRONG)
    for _ in range(PER_ACCOUNT - 1):
        sign_in(client, "dora", WRONG)
    assert sign_in(client, "dora", RIGHT).status_code == 302
    client.logout()
    for _ in range(PER_ACCOUNT):
        assert sign_in(client, "dora", WRONG).status_code == 200
    assert sign_in(client, "nova", WRONG).status_code == 429


def test_guesses_in_parallel_are_no_way_around(client: Client, dora: User, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str | None] = []

    def check(self: ModelBackend, request: object, username: str | None = None, **credentials: object) -> None:
        """Takes its time: while one password is checked, the next request comes in."""
        checked.append(username)
        sign_in(client, "dora", WRONG)

    monkeypatch.setattr(ModelBackend, "authenticate", check)
    sign_in(client, "dora", WRONG)
    assert len(checked) == PER_ACCOUNT


def test_a_refusal_is_one_line_in_the_log_without_what_was_typed(
    client: Client, dora: User, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        for username in ("dora", "my password in the wrong field"):
            for _ in range(PER_ACCOUNT + 1):
                sign_in(client, username, WRONG, REMOTE_ADDR="192.0.2.1")
    lines = [record for record in caplog.records if record.levelno == logging.WARNING and "too many" in record.message]
    assert len(lines) == 2
    assert "'dora'" in lines[0].message and "192.0.2.1" in lines[0].message and not lines[0].exc_info
    assert WRONG not in caplog.text and "wrong field" not in caplog.text


def test_an_administrator_lifts_a_wait(client: Client, dora: User) -> None:
    admin = Client(SERVER_NAME="localhost")
    admin.force_login(User.objects.create_superuser("root"))
    for _ in range(PER_ACCOUNT):
        sign_in(client, "dora", WRONG)
    admin.post(reverse("admin:teams_user_changelist"), {"action": "lift_wait", "_selected_action": [dora.pk]})
    assert sign_in(client, "dora", RIGHT).status_code == 302


def test_a_command_lifts_a_wait(client: Client, dora: User) -> None:
    for _ in range(PER_ACCOUNT):
        sign_in(client, "dora", WRONG)
    call_command("axes_reset_username", "dora")
    assert sign_in(client, "dora", RIGHT).status_code == 302


@pytest.mark.parametrize("name", ["invitation", "open-password-reset", "first-administrator"])
def test_wrong_links_make_their_address_wait(client: Client, name: str) -> None:
    for _ in range(PER_ADDRESS):
        assert client.get(reverse(name, args=["wrong"])).status_code == 404
    refused = client.get(reverse(name, args=["wrong"]))
    assert refused.status_code == 429 and int(refused["Retry-After"]) <= 900
    assert "Try again in 15 minutes" in refused.content.decode()
    assert client.get(reverse(name, args=["wrong"]), REMOTE_ADDR="192.0.2.9").status_code == 404


@pytest.mark.parametrize(
    ("remote", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("", None),
        ("unix:", None),
    ],
)
def test_an_ipv6_address_is_counted_with_all_that_its_owner_has(remote: str, counted: str | None) -> None:
    assert client_address(RequestFactory().get("/", REMOTE_ADDR=remote, HTTP_X_FORWARDED_FOR="1.2.3.4")) == counted


def test_an_address_that_is_not_known_leaves_the_account_throttled(client: Client, dora: User) -> None:
    for _ in range(PER_ACCOUNT):
        sign_in(client, "dora", WRONG, REMOTE_ADDR="")
    assert sign_in(client, "dora", RIGHT, REMOTE_ADDR="").status_code == 429

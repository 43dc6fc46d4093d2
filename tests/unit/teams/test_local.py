"""The local user and workspace, and who gets signed in by themselves."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.contrib.auth import authenticate
from django.db import IntegrityError, connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from advisor.configuration import Configuration
from advisor.teams.links import OneTimeToken
from advisor.teams.middleware import LocalAccess, cookie_name, is_from_this_machine
from advisor.teams.models import Membership, Role, User, Workspace
from advisor.teams.services.accounts import local_user_and_workspace
from tests.conftest import local_client


@pytest.mark.django_db
def test_it_makes_one_user_who_owns_one_workspace_however_often_it_is_called() -> None:
    first, second = local_user_and_workspace(), local_user_and_workspace()
    assert first == second
    assert (User.objects.count(), Workspace.objects.count()) == (1, 1)
    assert Membership.objects.get().role == Role.OWNER


@pytest.mark.django_db(transaction=True)
def test_it_makes_one_even_when_several_first_requests_race() -> None:
    def call(_: int) -> tuple[User, Workspace]:
        try:
            return local_user_and_workspace()
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(call, range(8)))
    assert len(set(seen)) == 1
    assert Membership.objects.count() == 1


@pytest.mark.django_db
def test_it_has_no_password_that_works() -> None:
    user, _ = local_user_and_workspace()
    assert not user.has_usable_password()
    assert authenticate(HttpRequest(), username=user.username, password="") is None


@pytest.mark.django_db
def test_a_second_local_workspace_is_refused_by_the_database() -> None:
    local_user_and_workspace()
    with pytest.raises(IntegrityError):
        Workspace.objects.create(name="Another", is_local=True)


@pytest.mark.parametrize(
    "meta",
    [
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost:8000"},
        {"REMOTE_ADDR": "127.8.9.10", "HTTP_HOST": "LOCALHOST"},
        {"REMOTE_ADDR": "::1", "HTTP_HOST": "[::1]:8000"},
        {"REMOTE_ADDR": "::1", "HTTP_HOST": "[::1]"},
        {"REMOTE_ADDR": "::ffff:127.0.0.1", "HTTP_HOST": "127.0.0.1"},
    ],
)
def test_a_request_over_loopback_is_from_this_machine(meta: dict[str, str]) -> None:
    assert is_from_this_machine(RequestFactory().get("/", **meta))


@pytest.mark.parametrize(
    "meta",
    [
        {"REMOTE_ADDR": "192.168.1.7"},
        {"REMOTE_ADDR": "::ffff:10.0.0.1"},
        {"REMOTE_ADDR": ""},
        {"REMOTE_ADDR": "unknown"},
        {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"HTTP_FORWARDED": "for=203.0.113.1"},
        {"HTTP_HOST": "localhost.evil.example"},
    ],
)
def test_a_request_from_elsewhere_is_not(meta: dict[str, str], settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    given = {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost"} | meta
    assert not is_from_this_machine(RequestFactory().get("/", **given))


@pytest.fixture
def token(tmp_path: Path, settings: Settings) -> OneTimeToken:
    settings.CONFIGURATION = settings.CONFIGURATION.model_copy(update={"data": tmp_path})
    return OneTimeToken(settings.CONFIGURATION.local_address_token)


def stranger() -> Client:
    return Client(SERVER_NAME="localhost")


def every_kind_of_page() -> list[str]:
    return [reverse(name) for name in ("home", "handbook", "login", "workspaces", "admin:index", "django_rq:home")]


@pytest.mark.django_db
def test_a_browser_that_has_not_opened_the_printed_address_sees_nothing(token: OneTimeToken) -> None:
    token.current()
    for page in [*every_kind_of_page(), "/metrics", "/no-such-page"]:
        answer = stranger().get(page)
        assert answer.status_code == 403, page
        assert "Open the address that Crossover printed" in answer.content.decode()
    assert stranger().post(reverse("new-from-answers")).status_code == 403
    assert stranger().get("/health/live").status_code == 200
    assert not User.objects.exists()


@pytest.mark.django_db
def test_the_printed_address_admits_one_browser(token: OneTimeToken) -> None:
    browser, printed = stranger(), f"/handbook?x=1&token={token.current()}"
    opened = browser.get(printed)
    assert (opened.status_code, opened["Location"]) == (302, "/handbook?x=1")
    assert opened["Cache-Control"] == "no-store"
    assert browser.get(reverse("home")).status_code == 200
    assert browser.get(printed).status_code == 302
    assert stranger().get(printed).status_code == 403
    assert not token.is_open()


@pytest.mark.django_db
def test_only_a_get_uses_the_token_up(token: OneTimeToken) -> None:
    printed = f"/?token={token.current()}"
    assert stranger().head(printed).status_code == 403
    assert stranger().post(printed).status_code == 403
    assert stranger().get("/?token=wrong").status_code == 403
    assert token.is_open()


@pytest.mark.django_db
def test_a_wrong_or_foreign_cookie_signs_no_one_in(token: OneTimeToken, settings: Settings) -> None:
    elsewhere = local_client()
    settings.SECRET_KEY = "that of another data folder"
    assert elsewhere.get(reverse("home")).status_code == 403
    forged = stranger()
    forged.cookies[cookie_name()] = "local:1abcde:forged"
    assert forged.get(reverse("home")).status_code == 403


@pytest.mark.django_db
def test_an_address_that_leads_elsewhere_does_not(token: OneTimeToken) -> None:
    answer = stranger().get("/", {"token": token.current()}, PATH_INFO="//evil.example/")
    assert answer["Location"] == "/%2Fevil.example/"


@pytest.mark.django_db
@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded", "Via"])
def test_local_mode_serves_no_request_through_a_proxy(header: str, client: Client) -> None:
    answer = client.get(reverse("home"), headers={header: "203.0.113.9"})
    assert answer.status_code == 403
    assert "hosted mode" in answer.content.decode()


@pytest.mark.django_db
def test_a_fragment_without_the_cookie_reloads_its_page() -> None:
    assert stranger().get(reverse("home"), headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"


@pytest.mark.django_db
def test_local_mode_leaves_a_signed_in_user_as_they_are(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert client.get(reverse("home")).wsgi_request.user == alice


@pytest.mark.django_db
def test_hosted_mode_signs_no_one_in(client: Client, hosted: Configuration) -> None:
    assert client.get(reverse("workspaces")).status_code == 302
    assert not User.objects.exists()


@pytest.mark.django_db
def test_a_view_that_asks_for_no_user_costs_no_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    request = RequestFactory(SERVER_NAME="localhost").get("/")
    request.COOKIES = {name: cookie.value for name, cookie in local_client().cookies.items()}
    request.user = None
    with django_assert_num_queries(0):
        LocalAccess(lambda _: HttpResponse())(request)


def test_a_token_is_used_once_however_many_try(tmp_path: Path) -> None:
    token = OneTimeToken(tmp_path / "token")
    given = token.current()
    assert token.current() == given
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: token.use(given), range(8))).count(True) == 1
    assert not token.use(given)
    assert token.current() != given
    assert token.path.stat().st_mode & 0o077 == 0

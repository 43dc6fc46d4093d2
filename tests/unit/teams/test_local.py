"""The local user and workspace, and who gets signed in by themselves."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth import authenticate
from django.db import IntegrityError, connection
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from pytest_django import DjangoAssertNumQueries, Settings

from advisor.configuration import Configuration
from advisor.teams.middleware import LocalSignIn, is_of_this_machine
from advisor.teams.models import Membership, Role, User, Workspace
from advisor.teams.services import local_user_and_workspace


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
def test_a_request_over_loopback_is_of_this_machine(meta: dict[str, str]) -> None:
    assert is_of_this_machine(RequestFactory().get("/", **meta))


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
    assert not is_of_this_machine(RequestFactory().get("/", **given))


def signed_in(request: HttpRequest, visitor: User | None = None) -> object:
    """Who the view behind `LocalSignIn` sees."""
    from_session = visitor or type("Anonymous", (), {"is_authenticated": False})()
    request.user = from_session
    seen: list[object] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(request.user)
        return HttpResponse()

    LocalSignIn(view)(request)
    return seen[0]


@pytest.mark.django_db
def test_local_mode_signs_in_the_local_user() -> None:
    assert signed_in(RequestFactory(SERVER_NAME="localhost").get("/")) == local_user_and_workspace()[0]


@pytest.mark.django_db
def test_local_mode_leaves_somebody_signed_in_as_they_are(alice: User) -> None:
    assert signed_in(RequestFactory(SERVER_NAME="localhost").get("/"), alice) == alice


@pytest.mark.django_db
def test_hosted_mode_signs_in_nobody(hosted: Configuration) -> None:
    assert not isinstance(signed_in(RequestFactory(SERVER_NAME="localhost").get("/")), User)
    assert not User.objects.exists()


@pytest.mark.django_db
def test_a_view_that_asks_for_nobody_costs_no_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    request = RequestFactory(SERVER_NAME="localhost").get("/")
    request.user = None
    with django_assert_num_queries(0):
        LocalSignIn(lambda _: HttpResponse())(request)

"""In Django's admin no one takes the site's last administrator away, in any of the ways there are."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from advisor.configuration import Configuration
from advisor.teams.models import ExternalIdentity, User
from advisor.teams.services.accounts import LOCAL_USERNAME
from tests.conftest import local_client

REFUSED = "The site would be left without an administrator who can sign in."
ISSUER = "https://sign-in.example"


@pytest.fixture
def root(hosted: Configuration, db: None) -> User:
    return User.objects.create_superuser("root", password="a fine passphrase")


@pytest.fixture
def admin(root: User) -> Client:
    return browser_of(root)


def browser_of(user: User) -> Client:
    browser = Client(SERVER_NAME="localhost")
    browser.force_login(user)
    return browser


def change(admin: Client, user: User, **changed: str | None) -> HttpResponse:
    """Save the account's form; a box that is None is not ticked."""
    ticked = {"username": user.username, "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    joined = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    posted = {name: value for name, value in (ticked | joined | changed).items() if value is not None}
    address = reverse("admin:teams_user_change", args=[user.pk])
    return admin.post(address, posted, follow=True)  # type: ignore[return-value]


def delete(admin: Client, user: User) -> HttpResponse:
    address = reverse("admin:teams_user_delete", args=[user.pk])
    return admin.post(address, {"post": "yes"}, follow=True)  # type: ignore[return-value]


def delete_selected(admin: Client, *users: User) -> HttpResponse:
    posted = {"action": "delete_selected", "_selected_action": [user.pk for user in users], "post": "yes"}
    return admin.post(reverse("admin:teams_user_changelist"), posted, follow=True)  # type: ignore[return-value]


def disable_password(admin: Client, user: User) -> HttpResponse:
    address = reverse("admin:auth_user_password_change", args=[user.pk])
    posted = {"usable_password": "false", "unset-password": "", "password1": "", "password2": ""}
    return admin.post(address, posted, follow=True)  # type: ignore[return-value]


WAYS = {
    "superuser": lambda admin, user: change(admin, user, is_superuser=None),
    "staff": lambda admin, user: change(admin, user, is_staff=None),
    "active": lambda admin, user: change(admin, user, is_active=None),
    "password": disable_password,
    "delete": delete,
    "delete selected": delete_selected,
}


@pytest.mark.parametrize("way", WAYS)
def test_the_last_administrator_stays_and_the_page_says_why(way: str, root: User, admin: Client) -> None:
    page = WAYS[way](admin, root)
    assert REFUSED in page.content.decode()
    assert list(User.objects.filter(is_active=True, is_staff=True, is_superuser=True)) == [root]
    root.refresh_from_db()
    assert root.has_usable_password()
    assert not LogEntry.objects.exists(), "what was refused is not recorded as done"


@pytest.mark.parametrize("way", WAYS)
def test_one_of_two_administrators_may_leave(way: str, root: User, admin: Client) -> None:
    User.objects.create_superuser("second", password="a fine passphrase")
    page = WAYS[way](admin, root)
    assert REFUSED not in page.content.decode()
    left = User.objects.filter(pk=root.pk, is_active=True, is_staff=True, is_superuser=True).first()
    assert left is None or not left.has_usable_password()


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize(
    "fields", [{"is_active": False}, {"is_staff": False}, {"is_superuser": False}, {"password": "!disabled"}]
)
def test_who_cannot_administer_the_site_is_no_other_administrator(
    fields: dict[str, Any], root: User, admin: Client
) -> None:
    """Nor is the local user, who signs in to local mode alone."""
    second = User.objects.create_superuser("second", password="a fine passphrase")
    User.objects.filter(pk=second.pk).update(**fields)
    assert REFUSED in change(admin, root, is_superuser=None).content.decode()


@pytest.mark.parametrize(("issuer", "refused"), [(ISSUER, False), ("https://former.example", True)])
def test_an_administrator_of_the_configured_provider_is_one_without_a_password(
    issuer: str, refused: bool, root: User, admin: Client, hosted: Configuration, settings: Settings
) -> None:
    settings.CONFIGURATION = hosted.model_copy(update={"oidc_issuer": ISSUER})
    ExternalIdentity.objects.create(user=User.objects.create_superuser("second"), issuer=issuer, subject="4711")
    assert (REFUSED in change(admin, root, is_active=None).content.decode()) is refused


def test_two_administrators_are_not_deleted_together(root: User, admin: Client) -> None:
    second = User.objects.create_superuser("second", password="a fine passphrase")
    assert REFUSED in delete_selected(admin, root, second).content.decode()
    assert User.objects.filter(is_superuser=True).count() == 2


def test_the_last_administrator_changes_everything_else(root: User, admin: Client) -> None:
    ExternalIdentity.objects.create(user=root, issuer=ISSUER, subject="4711")
    assert REFUSED not in change(admin, root, first_name="Ruth").content.decode()
    other = User.objects.create_user("other", is_staff=True)
    assert REFUSED not in delete(admin, other).content.decode()
    assert list(User.objects.values_list("first_name", flat=True)) == ["Ruth"]


def test_the_local_user_stays_the_administrator_of_local_mode(user: User) -> None:
    User.objects.create_superuser("root", password="a fine passphrase")
    assert user.username == LOCAL_USERNAME
    assert REFUSED in change(local_client(), user, is_superuser=None).content.decode()
    assert REFUSED in delete(local_client(), user).content.decode()
    user.refresh_from_db()
    assert user.is_superuser


@pytest.mark.usefixtures("hosted")
@pytest.mark.django_db(transaction=True)
def test_two_administrators_who_remove_each_other_at_once_leave_one() -> None:
    pair = [User.objects.create_superuser(name, password="a fine passphrase") for name in ("root", "second")]
    browsers = [browser_of(user) for user in pair]
    ready = Barrier(2)

    def remove_other(place: int) -> str:
        try:
            ready.wait(30)
            return change(browsers[place], pair[1 - place], is_superuser=None).content.decode()
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(remove_other, range(2)))
    assert User.objects.filter(is_superuser=True).count() == 1

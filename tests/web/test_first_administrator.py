"""The link that makes the first administrator of a hosted site."""

from pathlib import Path

import pytest
from django.contrib.auth import get_user
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from advisor.configuration import Configuration
from advisor.decisions.models import Decision
from advisor.teams.models import Role, User, Workspace
from advisor.teams.services.first_administrator import first_administrator_token

pytestmark = pytest.mark.django_db
PASSWORD = "correct-horse-battery-9"
GOOD = {"username": "ada", "password": PASSWORD, "again": PASSWORD, "name": "Platform"}


@pytest.fixture
def link(hosted: Configuration, settings: Settings, tmp_path: Path) -> str:
    """The address that was printed."""
    settings.CONFIGURATION = hosted.model_copy(update={"data": tmp_path})
    return reverse("first-administrator", args=[first_administrator_token()])


def test_it_makes_an_administrator_with_a_workspace_and_something_to_look_at(link: str, client: Client) -> None:
    assert client.get(link).headers["Cache-Control"].count("no-store") == 1
    assert client.post(link, GOOD).status_code == 302
    ada = User.objects.get(username="ada")
    assert (ada.is_superuser, ada.is_staff) == (True, True)
    membership = ada.memberships.get()
    assert (membership.workspace.name, membership.role) == ("Platform", Role.OWNER)
    assert Decision.objects.filter(workspace=membership.workspace).count() == 3
    assert get_user(client) == ada and client.get(reverse("home")).status_code == 200  # type: ignore[arg-type]


def test_it_works_once(link: str, client: Client) -> None:
    client.post(link, GOOD)
    stranger = Client(SERVER_NAME="localhost")
    assert stranger.get(link).status_code == 404
    assert stranger.post(link, GOOD | {"username": "eve"}).status_code == 404
    assert not User.objects.filter(username="eve").exists()


def test_it_is_void_once_there_is_an_administrator(link: str, client: Client) -> None:
    User.objects.create_superuser("root", password=PASSWORD)
    assert client.get(link).status_code == 404


def test_it_stays_void_when_that_administrator_leaves(link: str, client: Client) -> None:
    client.post(link, GOOD)
    User.objects.filter(username="ada").update(is_active=False)
    assert client.get(link).status_code == 404
    assert client.get(reverse("first-administrator", args=[first_administrator_token()])).status_code == 200


def test_it_follows_from_the_secret_key(link: str, client: Client, settings: Settings) -> None:
    """Every web process of a site has the same key and no common folder."""
    settings.SECRET_KEY = "another key"
    assert client.get(link).status_code == 404


def test_a_wrong_link_does_not_exist(link: str, client: Client) -> None:
    assert client.post(f"{link}x", GOOD).status_code == 404
    assert not User.objects.filter(username="ada").exists()


def test_an_error_is_shown_and_the_link_still_works(link: str, client: Client) -> None:
    answer = client.post(link, GOOD | {"again": "another", "name": " "})
    assert answer.status_code == 422
    assert "The two passwords differ." in answer.content.decode()
    assert client.post(link, GOOD).status_code == 302


def test_the_decisions_of_local_mode_are_theirs(link: str, client: Client, workspace: Workspace) -> None:
    client.post(link, GOOD)
    assert workspace.memberships.get(user__username="ada").role == Role.OWNER

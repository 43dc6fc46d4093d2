"""What every test may ask for: the people of the access tests, their workspace, and a browserless client on this machine."""

from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
from django.conf import settings as django_settings
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from advisor.advice.contract import Recommendation
from advisor.advice.evaluation import Evaluation
from advisor.configuration import Configuration
from advisor.decisions.models import Decision
from advisor.decisions.services import revisions, simulated_advice
from advisor.decisions.services.decisions import create_decision
from advisor.teams.middleware import admit
from advisor.teams.models import Membership, Role, User, Workspace
from advisor.teams.services.accounts import local_user_and_workspace

hypothesis.settings.register_profile(
    "crossover", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("crossover")  # how long a draw takes is a matter of how busy the machine is

pytest_plugins = ["tests.selection", "tests.sites", "tests.databases"]


@pytest.fixture(scope="session", autouse=True)
def _first_recommendations_once() -> Iterator[None]:
    """Hundreds of tests save the same few answers: the advice of the formulas on them is worked out for the first that asks."""
    known: dict[tuple[str, bool], Recommendation] = {}

    def first_recommendation_once(evaluation: Evaluation) -> Recommendation:
        asked = evaluation.answers.model_dump_json(), simulated_advice.is_warm()
        if asked not in known:
            known[asked] = simulated_advice.first_recommendation(evaluation)
        return known[asked]

    with pytest.MonkeyPatch.context() as here:
        here.setattr(revisions, "first_recommendation", first_recommendation_once)
        yield


@pytest.fixture(autouse=True)
def unsimulated(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages and files show the advice of the forces and formulas, unless a test says that it is about the simulated advice."""
    if request.node.get_closest_marker("simulated_advice") is None:
        monkeypatch.setattr("advisor.decisions.services.simulated_advice.is_incomplete", lambda revision: False)
        monkeypatch.setattr("advisor.decisions.services.simulated_advice.is_warm", lambda: False)
        monkeypatch.setattr("advisor.decisions.services.runs.is_incomplete", lambda revision: False)


@pytest.fixture
def user(db: None) -> User:
    """The local user, whom local mode signs in by itself."""
    return local_user_and_workspace()[0]


@pytest.fixture
def workspace(db: None) -> Workspace:
    """The local workspace; Alice, Bob and Vera are members of it, too, Charlie is not."""
    return local_user_and_workspace()[1]


@pytest.fixture
def alice(workspace: Workspace) -> User:
    """An owner."""
    return member("alice", workspace, Role.OWNER)


@pytest.fixture
def bob(workspace: Workspace) -> User:
    """A teammate who may edit."""
    return member("bob", workspace, Role.EDITOR)


@pytest.fixture
def vera(workspace: Workspace) -> User:
    """A teammate who may only read."""
    return member("vera", workspace, Role.VIEWER)


@pytest.fixture
def charlie(db: None) -> User:
    """An outsider, owner of a workspace of his own."""
    return member("charlie", Workspace.objects.create(name="Elsewhere"), Role.OWNER)


def member(name: str, workspace: Workspace, role: Role) -> User:
    """A user called `name` with the role in the workspace."""
    person, _ = User.objects.get_or_create(username=name)
    Membership.objects.get_or_create(user=person, workspace=workspace, defaults={"role": role})
    return person


@pytest.fixture
def decision(workspace: Workspace, user: User) -> Decision:
    """A draft from the default template, of the local user."""
    return create_decision(workspace, user, {"template": "document_extraction"})


@pytest.fixture
def client() -> Client:
    """A client on this very machine that has opened the printed address: local mode knows it."""
    return local_client()


def local_client(**options: Any) -> Client:
    """A client with the cookie of local mode."""
    client = Client(SERVER_NAME="localhost", **options)
    opened = HttpResponse()
    admit(opened)
    client.cookies.update(opened.cookies)
    return client


@pytest.fixture
def hosted(settings: Settings) -> Configuration:
    """Hosted mode: no one is signed in automatically."""
    hosted = django_settings.CONFIGURATION.model_copy(update={"mode": "hosted", "public_url": "https://localhost"})
    settings.CONFIGURATION = hosted
    return hosted

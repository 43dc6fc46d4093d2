"""Pages without a browser: a decision on them, and runs in every state."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from advisor.advice.scenario import scenario_of
from advisor.decisions import stored
from advisor.decisions.limits import LEASE
from advisor.decisions.models import Decision, Run, State
from advisor.teams.models import Role, User, Workspace
from tests.conftest import member
from tests.fakes.engines import a_result

ENDED = (State.SUCCEEDED, State.FAILED, State.CANCELLED, State.TIMED_OUT)
MakeRun = Callable[..., Run]
RIGHT = "the right password"
"""Of the member Dora."""


def take_template(client: Client, template: str, **answers: str) -> Any:
    """As the page of a template does: its decision is made, with these answers instead of the template's."""
    posted = {"version": f"new:{template}", "create": "on", **answers}
    return client.post(reverse("save-answers", args=[uuid4()]), posted)


@pytest.fixture
def make_run(decision: Decision) -> MakeRun:
    """Makes a run of the decision, in the state that is asked for."""

    def made(state: State = State.QUEUED, **fields: object) -> Run:
        now = timezone.now()
        revision = decision.latest()
        ways: dict[str, dict[str, object]] = {
            State.QUEUED: {},
            State.RUNNING: {"attempt": 1, "lease_until": now + LEASE, "started_at": now},
            State.SUCCEEDED: {"attempt": 1, "result_json": stored.dump(a_result())},
            State.FAILED: {"attempt": 1, "error_code": "internal", "error_text": "The simulation stopped: <b>oh</b>"},
            State.CANCELLED: {},
            State.TIMED_OUT: {"attempt": 1, "error_code": "timed_out", "error_text": "Stopped at its limit of 600 s."},
        }
        values: dict[str, object] = {
            "workspace": decision.workspace,
            "revision": revision,
            "idempotency_key": f"key-{Run.objects.count()}",
            "scenario_json": stored.dump(scenario_of(revision.evaluation)),
            "state": state,
            "finished_at": now if state in ENDED else None,
        }
        return Run.objects.create(**(values | ways[state] | fields))

    return made


@pytest.fixture
def run(make_run: MakeRun) -> Run:
    """A run that has succeeded."""
    return make_run(State.SUCCEEDED)


@pytest.fixture
def htmx(client: Client) -> Client:
    """The client, asking as htmx does."""
    client.defaults["HTTP_HX_REQUEST"] = "true"
    return client


@pytest.fixture
def dora(workspace: Workspace) -> User:
    """A member with a password."""
    dora = member("dora", workspace, Role.EDITOR)
    dora.set_password(RIGHT)
    dora.save()
    return dora

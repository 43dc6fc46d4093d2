"""The operations page: what an administrator sees of all workspaces, and may do about it."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from advisor.decisions.models import Decision, PartState, Run, State, Sweep, SweepKind, SweepState
from advisor.teams.models import Workspace
from tests.rows import a_run, a_sweep
from tests.web.conftest import MakeRun

pytestmark = pytest.mark.django_db


def shown(client: Client, **headers: str) -> str:
    page = client.get(reverse("operations"), headers=headers)
    assert page.status_code == 200
    return " ".join(page.content.decode().split())


def test_it_says_who_holds_which_lease_in_every_workspace(
    client: Client, decision: Decision, make_run: MakeRun
) -> None:
    make_run(State.RUNNING, worker="machine-1:4711")
    elsewhere = Workspace.objects.create(name="Another team")
    other = a_run(elsewhere)
    sweep = a_sweep(decision.latest(), kind=SweepKind.FEWEST, state=SweepState.RUNNING)
    part = {"state": PartState.RUNNING, "attempt": 2, "worker": "machine-2:42"}
    sweep.parts.filter(first=0).update(lease_until=timezone.now() + timedelta(seconds=15), **part)
    page = shown(client)
    assert "machine-1:4711" in page and "machine-2:42" in page
    assert "Running: 2 leases" in page and "Queued: 1 task" in page
    assert "Another team" in page and reverse("run", args=[other.pk]) in page
    assert "Nothing is stuck" in page


def test_it_marks_what_is_stuck(client: Client, make_run: MakeRun, workspace: Workspace) -> None:
    make_run(State.RUNNING, lease_until=timezone.now() - timedelta(seconds=60))
    queued = a_run(workspace)
    assert "1 stuck task:" in shown(client)
    Run.objects.filter(pk=queued.pk).update(created_at=timezone.now() - timedelta(minutes=6))
    page = shown(client)
    assert "2 stuck tasks:" in page and page.count("<strong>stuck:</strong>") == 2 and "6 min" in page


def test_the_fragment_has_no_page_around_it(client: Client, decision: Decision) -> None:
    fragment = shown(client, **{"HX-Request": "true"})
    assert fragment.startswith('<div id="operations"') and "<html" not in fragment


def test_it_is_shown_without_a_broker(client: Client, decision: Decision) -> None:
    assert "does not answer" in shown(client)


def test_an_administrator_cancels_what_another_team_runs(client: Client, decision: Decision) -> None:
    elsewhere = Workspace.objects.create(name="Another team")
    run = a_run(elsewhere)
    sweep = a_sweep(decision.latest())
    client.post(reverse("cancel-any-run", args=[run.pk]))
    client.post(reverse("cancel-any-sweep", args=[sweep.pk]))
    run.refresh_from_db()
    assert (run.state, Sweep.objects.get(pk=sweep.pk).state) == (State.CANCELLED, SweepState.CANCELLED)


def test_reconciling_by_hand_frees_a_lost_lease_also_without_a_broker(client: Client, make_run: MakeRun) -> None:
    run = make_run(State.RUNNING, lease_until=timezone.now() - timedelta(seconds=60))
    answer = client.post(reverse("reconcile-now"), follow=True)
    assert "The broker does not answer" in answer.content.decode()
    run.refresh_from_db()
    assert (run.state, run.lost_leases) == (State.QUEUED, 1)

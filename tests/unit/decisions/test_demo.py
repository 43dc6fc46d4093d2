"""The demo decisions: there at the first start, computed by a worker, and gone for good once deleted."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from advisor.decisions.jobs import reconcile_runs_and_notify
from advisor.decisions.models import Decision, Run, State
from advisor.decisions.services.decisions import DEMO_TEMPLATES, delete_decision, ensure_demo
from advisor.teams.models import User, Workspace
from tests.fakes.queue_notifiers import FakeNotifier


def test_it_makes_three_decisions_with_a_queued_run_each(workspace: Workspace) -> None:
    runs = ensure_demo(workspace)
    assert {run.revision.answers.template for run in runs} == set(DEMO_TEMPLATES)
    assert {run.state for run in runs} == {State.QUEUED}
    assert all(decision.is_demo for decision in Decision.objects.for_workspace(workspace))
    notifier = FakeNotifier()
    reconcile_runs_and_notify(notifier)
    assert len(notifier.waiting()) == 3


def test_they_are_made_once(workspace: Workspace) -> None:
    ensure_demo(workspace)
    assert ensure_demo(workspace) == ()
    assert Run.objects.count() == 3


def test_deleted_ones_stay_away(workspace: Workspace, user: User) -> None:
    ensure_demo(workspace)
    for decision in Decision.objects.all():
        delete_decision(decision, user)
    ensure_demo(workspace)
    assert not Decision.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_first_starts_make_them_once(workspace: Workspace) -> None:
    def first_start(_: int) -> None:
        try:
            ensure_demo(workspace)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(first_start, range(2)))
    assert Run.objects.count() == 3

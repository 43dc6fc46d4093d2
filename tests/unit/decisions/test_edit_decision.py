"""Title, status and end of a decision, and who sees it at all."""

import pytest
from django.core.exceptions import PermissionDenied

from advisor.decisions.models import Decision, Revision, Run, State, Status
from advisor.decisions.services.claim_run import claim_run
from advisor.decisions.services.edit_decision import change_status, delete_decision, rename_decision
from advisor.decisions.services.hold_run import finish_run
from advisor.teams.access import first_workspace
from advisor.teams.models import User, Workspace
from simulator.schema import InvalidInput
from tests.fakes.clock import FakeClock
from tests.fakes.engines import a_result
from tests.rows import a_run


def test_a_title_is_cleaned(decision: Decision, bob: User) -> None:
    rename_decision(decision, bob, "  Invoices\u202e\x00\n of  2026 ")
    assert Decision.objects.get().title == "Invoices of 2026"


def test_markup_in_a_title_is_text_like_any_other(decision: Decision, bob: User) -> None:
    rename_decision(decision, bob, "<b hx-get=x>")
    assert Decision.objects.get().title == "<b hx-get=x>"


@pytest.mark.parametrize("status", Status.values)
def test_a_status_may_follow_any_other(decision: Decision, bob: User, status: str) -> None:
    change_status(decision, bob, status)
    assert Decision.objects.get().status == status


def test_there_is_no_other_status(decision: Decision, bob: User) -> None:
    with pytest.raises(InvalidInput):
        change_status(decision, bob, "regretted")


def test_deleting_takes_the_revisions_and_runs_along(decision: Decision, workspace: Workspace, bob: User) -> None:
    run, other = a_run(workspace), a_run(workspace)
    delete_decision(run.revision.decision, bob)
    assert list(Run.objects.all()) == [other]
    assert Revision.objects.filter(decision=decision).exists()


def test_the_worker_of_a_deleted_run_finds_nothing_left_to_write(workspace: Workspace, bob: User) -> None:
    run, clock = a_run(workspace), FakeClock()
    attempt = claim_run(run.id, clock.now())
    assert attempt is not None
    delete_decision(run.revision.decision, bob)
    assert not finish_run(run.id, attempt, clock.now(), a_result())


def test_an_accepted_decision_is_on_record(workspace: Workspace, bob: User) -> None:
    run = a_run(workspace)
    decision = run.revision.decision
    change_status(decision, bob, Status.ACCEPTED)
    with pytest.raises(InvalidInput):
        delete_decision(decision, bob)
    assert Run.objects.get().state == State.QUEUED
    change_status(decision, bob, Status.SUPERSEDED)
    delete_decision(decision, bob)
    assert not Decision.objects.exists()


def test_who_may_only_read_changes_nothing(decision: Decision, vera: User, charlie: User) -> None:
    for person in (vera, charlie):
        with pytest.raises(PermissionDenied):
            rename_decision(decision, person, "Mine")
        with pytest.raises(PermissionDenied):
            change_status(decision, person, Status.ACCEPTED)
        with pytest.raises(PermissionDenied):
            delete_decision(decision, person)
    assert Decision.objects.get().title == decision.title


def test_a_workspace_sees_its_own_and_nothing_else(decision: Decision, workspace: Workspace, charlie: User) -> None:
    run = a_run(workspace)
    elsewhere = first_workspace(charlie)
    assert elsewhere is not None
    for seen, expected in ((workspace, True), (elsewhere, False)):
        assert Decision.objects.for_workspace(seen).filter(pk=decision.pk).exists() == expected
        assert Revision.objects.for_workspace(seen).filter(pk=run.revision_id).exists() == expected
        assert Run.objects.for_workspace(seen).filter(pk=run.pk).exists() == expected

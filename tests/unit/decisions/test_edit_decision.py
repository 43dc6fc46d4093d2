"""Title, status and end of a decision, and who sees it at all."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.utils import timezone

from advisor.decisions.cleaning import clean_name
from advisor.decisions.errors import StaleStatus
from advisor.decisions.models import Decision, Revision, Run, State, Status, StatusChange
from advisor.decisions.services.decisions import change_status, delete_decision, summarize_status
from advisor.decisions.services.leases import RunLease, claim_run
from advisor.decisions.services.revisions import save_answers, step_answers
from advisor.teams.access import first_workspace
from advisor.teams.models import User, Workspace
from core.errors import InvalidInput
from tests.fakes.clock import FakeClock
from tests.fakes.engines import a_result
from tests.rows import a_run

FASTER = {"processing": {"p50_s": 1, "p95_s": 2}}


def test_a_title_is_cleaned() -> None:
    assert clean_name("  Invoices\u202e\x00\n of  2026 ") == "Invoices of 2026"


def test_markup_in_a_title_is_text_like_any_other(decision: Decision, bob: User) -> None:
    save_answers(decision, {"name": "<b hx-get=x>"}, bob, decision.draft_version)
    assert Decision.objects.get().title == "<b hx-get=x>"


@pytest.mark.parametrize("status", Status.values)
def test_a_status_may_follow_any_other(decision: Decision, bob: User, status: str) -> None:
    change_status(decision, bob, Status.ACCEPTED)
    change_status(decision, bob, status)
    assert decision.latest().status == status


def test_a_change_after_acceptance_is_a_draft_and_accepting_it_supersedes(decision: Decision, bob: User) -> None:
    change_status(decision, bob, Status.ACCEPTED)
    save_answers(decision, FASTER, bob, decision.draft_version)
    assert summarize_status(decision).words == "Revision 1 accepted; revision 2 is a draft"
    change_status(decision, bob, Status.ACCEPTED)
    assert summarize_status(decision).words == "Revision 2 accepted"
    first = decision.revisions.get(number=1)
    assert first.status == Status.SUPERSEDED
    changes = [(change.before, change.after, change.changed_by) for change in first.status_changes.all()]
    assert changes == [("draft", "accepted", bob), ("accepted", "superseded", bob)]


def test_a_proposal_is_frozen_and_superseded_by_what_is_accepted_later(decision: Decision, bob: User) -> None:
    change_status(decision, bob, Status.PROPOSED)
    save_answers(decision, FASTER, bob, decision.draft_version)
    assert summarize_status(decision).words == "Revision 1 proposed; revision 2 is a draft"
    change_status(decision, bob, Status.ACCEPTED)
    assert [revision.status for revision in decision.revisions.all()] == ["superseded", "accepted"]


def test_an_older_revision_can_be_accepted_again_and_a_newer_proposal_stays(decision: Decision, bob: User) -> None:
    change_status(decision, bob, Status.ACCEPTED)
    for p95_s in (2, 3):
        save_answers(decision, {"processing": {"p50_s": 1, "p95_s": p95_s}}, bob, decision.draft_version)
        change_status(decision, bob, Status.ACCEPTED if p95_s == 2 else Status.PROPOSED)
    change_status(decision, bob, Status.ACCEPTED, number=1)
    assert [revision.status for revision in decision.revisions.all()] == ["accepted", "superseded", "proposed"]
    assert summarize_status(decision).words == "Revision 1 accepted; revision 3 proposed"


def test_undo_back_to_the_accepted_answers_says_so(decision: Decision, bob: User) -> None:
    change_status(decision, bob, Status.ACCEPTED)
    save_answers(decision, FASTER, bob, decision.draft_version)
    step_answers(decision, bob, decision.draft_version, "undo")
    assert summarize_status(decision).words == "Revision 1 accepted; revision 2 is a draft with the same answers"


@pytest.mark.parametrize("seen", [{"seen_version": 1}, {"seen_version": -1}, {"seen_status": "proposed"}])
def test_what_has_changed_since_it_was_seen_gets_no_status(
    decision: Decision, bob: User, user: User, seen: dict[str, Any]
) -> None:
    save_answers(decision, FASTER, user, version=1)
    with pytest.raises(StaleStatus, match="Nothing was recorded"):
        change_status(decision, bob, Status.ACCEPTED, **seen)
    assert not StatusChange.objects.exists() and not decision.latest().frozen


def test_the_same_status_again_is_no_change(decision: Decision, bob: User, user: User) -> None:
    change_status(decision, bob, Status.ACCEPTED)
    change_status(decision, user, Status.ACCEPTED)
    assert [change.changed_by for change in StatusChange.objects.all()] == [bob]


def test_the_database_holds_one_accepted_revision_and_no_open_one(decision: Decision, bob: User) -> None:
    change_status(decision, bob, Status.ACCEPTED)
    save_answers(decision, FASTER, bob, decision.draft_version)
    for fields in ({"status": Status.PROPOSED}, {"status": Status.ACCEPTED, "frozen_at": timezone.now()}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Revision.objects.filter(number=2).update(**fields)


def test_decisions_are_found_by_each_status_that_they_show(decision: Decision, bob: User) -> None:
    change_status(decision, bob, Status.ACCEPTED)
    save_answers(decision, FASTER, bob, decision.draft_version)
    shown = {status: Decision.objects.showing(status).exists() for status in Status.values}
    assert shown == {"draft": True, "proposed": False, "accepted": True, "superseded": False}


def test_there_is_no_other_status(decision: Decision, bob: User) -> None:
    with pytest.raises(InvalidInput):
        change_status(decision, bob, "regretted")


def test_deleting_a_decision_deletes_its_revisions_and_runs(
    decision: Decision, workspace: Workspace, bob: User
) -> None:
    run, other = a_run(workspace), a_run(workspace)
    delete_decision(run.revision.decision, bob)
    assert list(Run.objects.all()) == [other]
    assert Revision.objects.filter(decision=decision).exists()


def test_the_worker_of_a_deleted_run_writes_nothing(workspace: Workspace, bob: User) -> None:
    run, clock = a_run(workspace), FakeClock()
    attempt = claim_run(run.id, clock.now())
    assert attempt is not None
    delete_decision(run.revision.decision, bob)
    assert not RunLease(run.id, attempt).finish(clock.now(), a_result())


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


def test_a_viewer_cannot_change_a_decision(decision: Decision, vera: User, charlie: User) -> None:
    for person in (vera, charlie):
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

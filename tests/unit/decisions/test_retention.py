"""What is pruned and what is kept."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from advisor.decisions.models import Decision, Revision, Run, ShareLink, State, Status, Sweep, SweepState, Trace
from advisor.decisions.services.decisions import create_decision
from advisor.decisions.services.retention import Pruned, Retention, prune
from advisor.decisions.services.revisions import list_changes, use_trace
from advisor.decisions.services.share_links import create_share_link, revoke_share_link
from advisor.teams.models import User, Workspace
from tests.rows import a_run, a_sweep, upload_trace

pytestmark = pytest.mark.django_db
ALL = Retention(runs_days=30, revisions_days=30, recordings_days=30)


def ended_run(revision: Revision, age_days: float) -> Run:
    fields = {"state": State.CANCELLED, "finished_at": timezone.now() - timedelta(days=age_days)}
    run = a_run(revision.decision.workspace, **fields)
    Run.objects.filter(pk=run.pk).update(revision=revision)
    return run


@pytest.fixture
def other(workspace: Workspace, user: User) -> Decision:
    return create_decision(workspace, user, {"template": "email_triage"})


def test_only_what_has_ended_long_ago_goes(decision: Decision, workspace: Workspace) -> None:
    old, recent = ended_run(decision.latest(), 31), ended_run(decision.latest(), 29)
    waiting = a_run(workspace)
    Run.objects.filter(pk=waiting.pk).update(created_at=timezone.now() - timedelta(days=99))
    sweep = a_sweep(decision.latest(), state=SweepState.SUCCEEDED, finished_at=timezone.now() - timedelta(days=31))
    under_way = a_sweep(decision.latest())
    assert prune(Retention(runs_days=30), timezone.now()) == Pruned(runs=1, sweeps=1)
    assert set(Run.objects.all()) == {recent, waiting} and old not in Run.objects.all()
    assert list(Sweep.objects.all()) == [under_way] and sweep != under_way


@pytest.mark.parametrize("status", [Status.ACCEPTED, Status.PROPOSED])
def test_what_a_decision_was_accepted_on_is_kept(decision: Decision, status: Status) -> None:
    ended_run(decision.latest(), 99)
    Revision.objects.update(status=status, frozen_at=timezone.now())
    assert prune(ALL, timezone.now()) == Pruned()


def test_what_a_share_link_shows_is_kept_until_it_is_closed(decision: Decision, user: User) -> None:
    ended_run(decision.latest(), 99)
    link, _ = create_share_link(decision.latest(), user, 365)
    assert prune(ALL, timezone.now()) == Pruned()
    revoke_share_link(ShareLink.objects.get(pk=link.pk), user)
    assert prune(ALL, timezone.now()) == Pruned(runs=1)


def revision_of(decision: Decision, number: int, **fields: object) -> Revision:
    latest = decision.latest()
    values = {"answers_json": latest.answers_json, "recommendation_json": latest.recommendation_json}
    return Revision.objects.create(decision=decision, number=number, **(values | fields))


def test_earlier_drafts_go_once_their_simulations_have_gone(decision: Decision, other: Decision) -> None:
    first = decision.latest()
    revision_of(decision, 2, frozen_at=timezone.now())
    superseded = revision_of(decision, 3, status=Status.SUPERSEDED, frozen_at=timezone.now())
    latest = revision_of(decision, 4)
    ended_run(first, 99)
    Revision.objects.update(updated_at=timezone.now() - timedelta(days=31))
    assert prune(Retention(revisions_days=30), timezone.now()) == Pruned(revisions=1)
    assert prune(ALL, timezone.now()) == Pruned(runs=1, revisions=1)
    assert set(decision.revisions.all()) == {superseded, latest}
    assert other.revisions.count() == 1


def test_the_revision_after_a_pruned_one_is_compared_with_the_one_before(decision: Decision) -> None:
    second = revision_of(decision, 2)
    third = revision_of(decision, 3)
    second.delete()
    assert list_changes([third])[0] == list_changes([third, decision.latest()])[0]
    assert list_changes([third])[0].change != list_changes([decision.revisions.get(number=1)])[0].change


def test_recordings_go_if_nothing_uses_them(decision: Decision, workspace: Workspace, user: User) -> None:
    used, replayed, unused = (
        upload_trace(workspace, user, f"{name}.csv", [f"time_s\n0\n1\n{n}\n".encode()])
        for n, name in enumerate(("used", "replayed", "unused"), 2)
    )
    use_trace(decision, used, user, decision.draft_version)
    a_run(workspace, trace=replayed)
    Trace.objects.update(created_at=timezone.now() - timedelta(days=31))
    assert prune(ALL, timezone.now()) == Pruned(recordings=1)
    assert set(Trace.objects.all()) == {used, replayed} and unused not in Trace.objects.all()


def test_a_dry_run_says_the_same_and_deletes_nothing(decision: Decision) -> None:
    ended_run(decision.latest(), 99)
    a_sweep(decision.latest(), state=SweepState.CANCELLED, finished_at=timezone.now() - timedelta(days=99))
    output = StringIO()
    call_command("prune", "--runs-older-than", "90d", "--dry-run", stdout=output)
    assert output.getvalue() == "Would delete 1 simulation, 1 map or search, 0 drafts and 0 recordings.\n"
    assert (Run.objects.count(), Sweep.objects.count()) == (1, 1)
    call_command("prune", "--runs-older-than", "90d", stdout=output)
    assert (Run.objects.count(), Sweep.objects.count()) == (0, 0)


@pytest.mark.parametrize("given", ["90", "0d", "-3d", "d", "1.5d", "٣d"])
def test_an_age_is_a_whole_number_of_days(given: str) -> None:
    with pytest.raises(CommandError, match="such as 90d"):
        call_command("prune", f"--runs-older-than={given}")


def test_prune_without_an_age_says_how_to_give_one() -> None:
    with pytest.raises(CommandError, match="--runs-older-than 90d, or set CROSSOVER_RUNS_KEPT_DAYS"):
        call_command("prune")

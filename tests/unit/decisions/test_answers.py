"""A decision's answers: saved whole or not at all, never over an unseen change, and frozen once referred to."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied

from advisor.advice.answers import answers_from
from advisor.decisions.errors import StaleVersion
from advisor.decisions.models import Decision, Revision
from advisor.decisions.services.decisions import create_decision
from advisor.decisions.services.revisions import freeze_revision, save_answers
from advisor.teams.models import User, Workspace
from core.errors import InvalidInput

FASTER: dict[str, Any] = {"template": "document_extraction", "processing": {"p50_s": 1, "p95_s": 2}}


def test_a_new_decision_has_its_templates_answers_and_the_advice_on_them(workspace: Workspace, bob: User) -> None:
    decision = create_decision(workspace, bob, {"template": "email_triage"})
    revision = decision.latest()
    assert revision.number == 1
    assert revision.answers == answers_from({"template": "email_triage"})
    assert revision.recommendation.schema_ == "crossover/recommendation@1"
    assert revision.versions
    assert decision.title == revision.answers.name
    assert not revision.frozen


@pytest.mark.parametrize("given", [{"template": "no such"}, {"processing": {"p95_s": -1}}, {"surprise": 1}])
def test_bad_answers_make_no_decision(workspace: Workspace, bob: User, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        create_decision(workspace, bob, given)
    assert not Decision.objects.exists()


@pytest.mark.parametrize("title", ["", "  \n", "\x00\u202e", "x" * 121])
def test_a_title_must_say_something_in_few_words(workspace: Workspace, bob: User, title: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        create_decision(workspace, bob, {}, title=title)
    assert refused.value.problems[0].path == "title"


def test_a_change_updates_the_open_revision(decision: Decision, user: User) -> None:
    revision = save_answers(decision, FASTER, user, version=1)
    assert (revision.number, Revision.objects.count()) == (1, 1)
    assert decision.latest().answers.processing.p95_s == 2
    assert (decision.draft_version, Decision.objects.get().draft_version) == (2, 2)


def test_a_change_after_a_freeze_opens_a_new_revision_and_leaves_the_frozen_one(decision: Decision, user: User) -> None:
    frozen = decision.latest()
    freeze_revision(frozen)
    revision = save_answers(decision, FASTER, user, version=1)
    assert (revision.number, revision.frozen) == (2, False)
    assert decision.latest() == revision
    assert Revision.objects.get(number=1).answers == frozen.answers


def test_what_changes_nothing_saves_nothing(decision: Decision, user: User) -> None:
    freeze_revision(decision.latest())
    assert save_answers(decision, {"template": "document_extraction"}, user, version=1).number == 1
    assert (decision.draft_version, Revision.objects.count()) == (1, 1)


def test_a_change_made_on_outdated_answers_is_refused(decision: Decision, user: User, bob: User) -> None:
    in_another_tab = Decision.objects.get(pk=decision.pk)
    save_answers(decision, FASTER, user, version=1)
    with pytest.raises(StaleVersion) as refused:
        save_answers(in_another_tab, {"template": "email_triage"}, bob, version=1)
    assert (refused.value.given, refused.value.current) == (1, 2)
    assert decision.latest().answers.processing.p95_s == 2


def test_bad_answers_change_nothing(decision: Decision, user: User) -> None:
    before = decision.latest().answers
    with pytest.raises(InvalidInput) as refused:
        save_answers(decision, {"processing": {"p95_s": "soon"}}, user, version=1)
    assert refused.value.problems[0].path == "processing.p95_s"
    assert (decision.latest().answers, Decision.objects.get().draft_version) == (before, 1)


@pytest.mark.parametrize("trace", ["/etc/passwd", "../secret.csv", "6a5b3f6e-54b1-4d3c-8c0e-7d6a3d1f0b11"])
def test_a_path_or_an_unknown_trace_is_refused(decision: Decision, user: User, trace: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        save_answers(decision, {"volume": {"trace": trace}}, user, version=1)
    assert refused.value.problems[0].path == "volume.trace"


def test_a_new_name_in_the_answers_is_the_new_title(decision: Decision, user: User) -> None:
    save_answers(decision, {"name": "Invoices"}, user, version=1)
    assert Decision.objects.get().title == "Invoices"


def test_a_decision_deleted_meanwhile_is_gone(decision: Decision, user: User) -> None:
    Decision.objects.all().delete()
    with pytest.raises(Decision.DoesNotExist):
        save_answers(decision, FASTER, user, version=1)


def test_a_viewer_cannot_create_or_change_a_decision(
    workspace: Workspace, decision: Decision, vera: User, charlie: User
) -> None:
    for person in (vera, charlie):
        with pytest.raises(PermissionDenied):
            create_decision(workspace, person, {})
        with pytest.raises(PermissionDenied):
            save_answers(decision, FASTER, person, version=1)
    assert Decision.objects.get().draft_version == 1


def test_the_order_of_keys_is_kept(decision: Decision, user: User) -> None:
    shares = {"urgent": (20, 5), "standard": (30, 60), "batch": (50, 3600)}
    priorities = {name: {"share_percent": share, "max_wait_s": wait} for name, (share, wait) in shares.items()}
    save_answers(decision, {"priorities": priorities}, user, version=1)
    assert list(decision.latest().answers.priorities.shares()) == ["urgent", "standard", "batch"]


def test_latest_only_gives_one_revision_a_decision(workspace: Workspace, decision: Decision, user: User) -> None:
    freeze_revision(decision.latest())
    newest = save_answers(decision, FASTER, user, version=1)
    other = create_decision(workspace, user, {})
    assert set(Revision.objects.for_workspace(workspace).latest_only()) == {newest, other.latest()}

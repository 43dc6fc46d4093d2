"""A workspace's own hops and profiles, and what becomes of the answers that have them."""

import pytest
from django.core.exceptions import PermissionDenied

from advisor.decisions.models import Decision
from advisor.decisions.services.library import hide_entry, library_of, reset_entry, save_entry
from advisor.decisions.services.revisions import save_answers
from advisor.teams.models import User, Workspace
from core.errors import InvalidInput
from simulator.scenario import Hop

GATEWAY = {"title": "Our gateway", "limit_s": 12.0, "kind": "total", "source": "measured", "checked": "2026-11-24"}
NGINX = GATEWAY | {"title": "nginx", "limit_s": 7.0, "kind": "idle"}

pytestmark = pytest.mark.django_db


def test_a_workspace_without_edits_has_the_shipped_library(workspace: Workspace) -> None:
    assert not library_of(workspace).edited


def test_an_added_hop_is_offered_there_and_nowhere_else(workspace: Workspace, user: User) -> None:
    save_entry(workspace, user, "hop", "", GATEWAY)
    other = Workspace.objects.create(name="Elsewhere")
    assert library_of(workspace).hops["own_our_gateway"].limit_s == 12
    assert "own_our_gateway" not in library_of(other).hops


def test_answers_copy_the_figures_and_the_advice_uses_them(decision: Decision, user: User) -> None:
    save_entry(decision.workspace, user, "hop", "nginx", NGINX)
    given = {"processing": {"p50_s": 3, "p95_s": 8}, "synchronous": {"hops": ["nginx"]}}
    revision = save_answers(decision, given, user, decision.draft_version)
    assert revision.answers.synchronous.hops == (Hop(name="nginx", limit_s=7, kind="idle", adjustable=True),)
    assert "the 7 s idle limit of nginx" in " ".join(reason.evidence for reason in revision.recommendation.reasons)
    assert revision.versions["library"].startswith("1 edited")


def test_a_changed_figure_reaches_a_draft_when_it_is_saved_and_a_removed_one_stays(
    decision: Decision, user: User
) -> None:
    save_entry(decision.workspace, user, "hop", "", GATEWAY)
    first = save_answers(decision, {"synchronous": {"hops": ["own_our_gateway"]}}, user, decision.draft_version)
    save_entry(decision.workspace, user, "hop", "own_our_gateway", GATEWAY | {"limit_s": 90.0})
    again = first.answers.model_dump() | {"name": "Again"}
    assert save_answers(decision, again, user, decision.draft_version).answers.synchronous.hops[0].limit_s == 90  # type: ignore[union-attr]
    hide_entry(decision.workspace, user, "hop", "own_our_gateway")
    last = save_answers(decision, again | {"name": "Last"}, user, decision.draft_version)
    assert last.answers.synchronous.hops[0].limit_s == 12  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["", "nginx"])
def test_a_hop_with_a_new_title_is_still_the_one_that_decisions_have(decision: Decision, user: User, name: str) -> None:
    workspace = decision.workspace
    name = save_entry(workspace, user, "hop", name, GATEWAY).name
    first = save_answers(decision, {"synchronous": {"hops": [name]}}, user, decision.draft_version)
    for title in ("EU gateway", "Our gateway again", "Gateway of the EU"):
        save_entry(workspace, user, "hop", name, GATEWAY | {"title": title, "limit_s": 90.0})
    again = first.answers.model_dump() | {"name": "Again"}
    hops = save_answers(decision, again, user, decision.draft_version).answers.synchronous.hops
    assert hops == (Hop(name="Gateway of the EU", limit_s=90, kind="total", adjustable=name == "nginx"),)


def test_a_title_that_a_hop_had_is_not_given_to_another_but_may_be_its_own_again(
    workspace: Workspace, user: User
) -> None:
    name = save_entry(workspace, user, "hop", "", GATEWAY).name
    save_entry(workspace, user, "hop", name, GATEWAY | {"title": "EU gateway"})
    with pytest.raises(InvalidInput, match="was another entry's title"):
        save_entry(workspace, user, "hop", "", GATEWAY)
    save_entry(workspace, user, "hop", name, GATEWAY)
    assert library_of(workspace).hops[name].formerly == ("EU gateway",)


def test_a_shipped_entry_is_hidden_and_comes_back_as_it_was(workspace: Workspace, user: User) -> None:
    before = library_of(workspace).hops["nginx"]
    hide_entry(workspace, user, "hop", "nginx")
    assert "nginx" not in library_of(workspace).hops
    reset_entry(workspace, user, "hop", "nginx")
    assert library_of(workspace).hops["nginx"] == before


def test_a_profile_is_edited_and_keeps_whether_failed_calls_count(workspace: Workspace, user: User) -> None:
    given = {"title": "Our server", "max_concurrency": 4, "source": "ourselves", "checked": "2026-11-24"}
    save_entry(workspace, user, "profile", "self_hosted", given)
    own = library_of(workspace).profiles["self_hosted"]
    assert own.limits["max_concurrency"] == 4 and own.failed_calls_count is False


@pytest.mark.parametrize(
    ("given", "path"),
    [
        (GATEWAY | {"limit_s": 0.0}, "limit_s"),
        (GATEWAY | {"limit_s": float("nan")}, "limit_s"),
        (GATEWAY | {"source": ""}, "source"),
        (GATEWAY | {"checked": "yesterday"}, "checked"),
        (GATEWAY | {"title": ""}, "title"),
        (GATEWAY | {"title": "nginx"}, "title"),
        (GATEWAY | {"kind": "both"}, "kind"),
    ],
)
def test_an_error_names_its_field_and_nothing_is_saved(
    workspace: Workspace, user: User, given: dict[str, object], path: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        save_entry(workspace, user, "hop", "", given)
    assert refused.value.problems[0].path == path
    assert not library_of(workspace).edited


def test_viewers_and_outsiders_change_nothing(workspace: Workspace, vera: User, charlie: User) -> None:
    for person in (vera, charlie):
        with pytest.raises(PermissionDenied):
            save_entry(workspace, person, "hop", "", GATEWAY)
        with pytest.raises(PermissionDenied):
            hide_entry(workspace, person, "hop", "nginx")
        with pytest.raises(PermissionDenied):
            reset_entry(workspace, person, "hop", "nginx")

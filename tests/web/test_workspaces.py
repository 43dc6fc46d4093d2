"""Workspaces and invitations, as people go through them."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from advisor.configuration import Configuration
from advisor.decisions.models import Decision, State, Status
from advisor.decisions.services.decisions import change_status
from advisor.teams.models import Invitation, Membership, Role, User, Workspace
from advisor.teams.services.workspaces import cancel_invitation, create_invitation
from tests.conftest import member
from tests.rows import a_run
from tests.web.conftest import take_template

pytestmark = pytest.mark.django_db
ACCOUNT = {"username": "dora", "password": "a-long-enough-one", "again": "a-long-enough-one"}


def link_of(workspace: Workspace, owner: User, role: str = Role.EDITOR) -> tuple[Invitation, str]:
    invitation, token = create_invitation(workspace, owner, role, 7)
    return invitation, reverse("invitation", args=[token])


def test_a_link_is_shown_once_and_admits_a_person_without_an_account(
    client: Client, hosted: Configuration, workspace: Workspace, alice: User, decision: Decision
) -> None:
    client.force_login(alice)
    made = client.post(reverse("invite", args=[workspace.pk]), {"role": "editor", "days": "7"})
    match = re.search(r"https://localhost(/invitations/[\w-]+)", made.content.decode())
    assert match and "no-store" in made["Cache-Control"]
    assert match[1] not in client.get(reverse("workspace", args=[workspace.pk])).content.decode()
    client.logout()
    opened = client.get(match[1])
    assert opened["Location"] == reverse("join") and opened["Referrer-Policy"] == "no-referrer"
    assert "no-store" in opened["Cache-Control"]
    page = client.get(reverse("join"))
    assert "alice invites you as editor" in " ".join(page.content.decode().split())
    assert "no-store" in page["Cache-Control"]
    assert client.post(reverse("join"), ACCOUNT)["Location"] == reverse("home")
    dora = User.objects.get(username="dora")
    assert Membership.objects.get(user=dora, workspace=workspace).role == Role.EDITOR
    assert decision.title in client.get(reverse("home")).content.decode()
    assert client.get(match[1]).status_code == 404


def test_an_error_in_an_account_is_shown_next_to_its_field_and_the_link_still_works(
    client: Client, hosted: Configuration, workspace: Workspace, alice: User
) -> None:
    client.get(link_of(workspace, alice)[1])
    refused = client.post(reverse("join"), ACCOUNT | {"password": "12345", "username": "<b>"})
    page = refused.content.decode()
    assert refused.status_code == 422
    assert 'id="error-password"' in page and 'id="error-username"' in page and 'value="&lt;b&gt;"' in page
    assert client.post(reverse("join"), ACCOUNT).status_code == 302


def test_a_person_with_an_account_signs_in_and_joins(
    client: Client, hosted: Configuration, workspace: Workspace, alice: User, charlie: User
) -> None:
    charlie.set_password("right")
    charlie.save()
    client.get(link_of(workspace, alice)[1])
    signed = client.post(
        reverse("login") + "?next=" + reverse("join"),
        {"username": "charlie", "password": "right", "next": reverse("join")},
    )
    assert signed["Location"] == reverse("join")
    assert "Join</button>" in client.get(reverse("join")).content.decode()
    client.post(reverse("join"))
    assert workspace.members.filter(pk=charlie.pk).exists()
    assert workspace.name in client.get(reverse("home")).content.decode()


def test_every_link_that_does_not_work_answers_alike(
    client: Client, hosted: Configuration, workspace: Workspace, alice: User, bob: User
) -> None:
    revoked, revoked_link = link_of(workspace, alice)
    cancel_invitation(revoked, alice)
    expired, expired_link = link_of(workspace, alice)
    Invitation.objects.filter(pk=expired.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    used, used_link = link_of(workspace, alice)
    Invitation.objects.filter(pk=used.pk).update(accepted_at=timezone.now(), accepted_by=bob)
    _, good = link_of(workspace, alice)
    answers = [client.get(link) for link in (revoked_link, expired_link, used_link, good[:-1] + "!", "/invitations/x")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert {answer["Referrer-Policy"] for answer in answers} == {"no-referrer"}
    assert {answer["Cache-Control"] for answer in answers} == {"no-store"}
    assert client.get(reverse("join")).status_code == 404


def test_a_link_that_is_revoked_while_its_page_is_open_admits_no_one(
    client: Client, hosted: Configuration, workspace: Workspace, alice: User
) -> None:
    invitation, link = link_of(workspace, alice)
    client.get(link)
    cancel_invitation(invitation, alice)
    assert client.post(reverse("join"), ACCOUNT).status_code == 404
    assert not User.objects.filter(username="dora").exists()


def test_one_switches_between_workspaces_and_links_hold_in_all(
    client: Client, hosted: Configuration, workspace: Workspace, bob: User, decision: Decision
) -> None:
    later = Workspace.objects.create(name="Later")
    member("bob", later, Role.OWNER)
    client.force_login(bob)
    assert decision.title in client.get(reverse("home")).content.decode()
    client.post(reverse("switch-workspace", args=[later.pk]))
    assert decision.title not in client.get(reverse("home")).content.decode()
    assert client.get(reverse("decision", args=[decision.pk])).status_code == 200
    made = take_template(client, "chat_assistant")
    assert made.status_code == 302 and later.decisions.count() == 1


def test_a_new_workspace_becomes_the_current_one(client: Client, hosted: Configuration, charlie: User) -> None:
    client.force_login(charlie)
    client.post(reverse("workspaces"), {"name": " Our\u202e team "})
    assert "Our team" in client.get(reverse("home")).content.decode()
    refused = client.post(reverse("workspaces"), {"name": " "})
    assert refused.status_code == 422 and "It is required." in refused.content.decode()


def test_the_last_owner_is_offered_no_way_out_and_refused_one(
    client: Client, hosted: Configuration, charlie: User
) -> None:
    client.force_login(charlie)
    workspace = charlie.workspaces.get()
    page = client.get(reverse("workspace", args=[workspace.pk])).content.decode()
    assert "Owner, the only one" in page and "Leave" not in page
    seat = Membership.objects.get(user=charlie)
    refused = client.post(reverse("remove-member", args=[workspace.pk, seat.pk]))
    assert refused.status_code == 422 and "last owner" in refused.content.decode()


def test_a_member_of_another_workspace_is_404(
    client: Client, hosted: Configuration, workspace: Workspace, alice: User, charlie: User
) -> None:
    client.force_login(alice)
    foreign = Membership.objects.get(user=charlie)
    assert client.post(reverse("remove-member", args=[workspace.pk, foreign.pk])).status_code == 404
    assert client.post(reverse("member-role", args=[workspace.pk, foreign.pk]), {"role": "viewer"}).status_code == 404


def test_local_use_has_the_pages_and_none_of_it_in_the_way(client: Client, workspace: Workspace) -> None:
    home = client.get(reverse("home")).content.decode()
    assert "Workspaces</a>" not in home and "Sign out" not in home
    page = client.get(reverse("workspace", args=[workspace.pk])).content.decode()
    assert "answers on this machine only" in page


def test_decisions_are_listed_by_status(client: Client, decision: Decision, user: User) -> None:
    assert "Decisions by status" not in client.get(reverse("home")).content.decode()
    Decision.objects.filter(pk=decision.pk).update(title="Accepted one")
    change_status(decision, user, Status.ACCEPTED)
    take_template(client, "chat_assistant")
    assert "Decisions by status" in client.get(reverse("home")).content.decode()
    accepted = client.get(reverse("home") + "?status=accepted").content.decode()
    assert "Accepted one" in accepted and "Chat assistant" not in accepted
    assert "Chat assistant" in client.get(reverse("home") + "?status=nonsense").content.decode()


def test_a_workspace_announces_what_will_be_deleted(
    client: Client, hosted: Configuration, settings: Settings, workspace: Workspace, vera: User
) -> None:
    client.force_login(vera)
    ended = {"state": State.CANCELLED, "finished_at": timezone.now() - timedelta(days=31)}
    a_run(workspace, **ended)
    a_run(Workspace.objects.create(name="Elsewhere"), **ended)
    address = reverse("workspace", args=[workspace.pk])
    assert "What is deleted" not in client.get(address).content.decode()
    settings.CONFIGURATION = hosted.model_copy(update={"runs_kept_days": 30})
    page = " ".join(client.get(address).content.decode().split())
    assert "maps and searches 30 days after they ended. The next time, 1 simulation of this workspace." in page

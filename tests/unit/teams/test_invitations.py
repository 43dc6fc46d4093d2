"""Invitations: one person, once, in time, and never to be read from the database."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from advisor.teams.access import role_in
from advisor.teams.links import LinkGone, digest_of
from advisor.teams.models import Invitation, Membership, Role, User, Workspace
from advisor.teams.services.workspaces import (
    OPEN_INVITATIONS_CAP,
    accept_invitation,
    cancel_invitation,
    create_invitation,
    find_invitation,
    register_invited,
)
from core.errors import InvalidInput

PASSWORD = "a-long-enough-one"


def test_only_owners_invite(workspace: Workspace, alice: User, bob: User, vera: User) -> None:
    create_invitation(workspace, alice, Role.VIEWER, 7)
    for other in (bob, vera, User.objects.create_superuser("root")):
        with pytest.raises(PermissionDenied):
            create_invitation(workspace, other, Role.VIEWER, 7)


@pytest.mark.parametrize(("role", "days"), [("emperor", 7), ("viewer", 0), ("viewer", 8)])
def test_no_other_roles_and_no_other_times(workspace: Workspace, alice: User, role: str, days: int) -> None:
    with pytest.raises(InvalidInput):
        create_invitation(workspace, alice, role, days)


def test_the_token_is_not_in_the_database(workspace: Workspace, alice: User) -> None:
    invitation, token = create_invitation(workspace, alice, Role.VIEWER, 7)
    assert token not in str(Invitation.objects.values())
    assert find_invitation(digest_of(token)) == invitation
    with pytest.raises(LinkGone):
        find_invitation(token)


def test_an_invitation_admits_one_person(workspace: Workspace, alice: User, charlie: User) -> None:
    invitation, token = create_invitation(workspace, alice, Role.EDITOR, 7)
    accept_invitation(invitation, charlie)
    assert role_in(charlie, workspace) is Role.EDITOR
    late = User.objects.create_user("late")
    with pytest.raises(LinkGone):
        accept_invitation(invitation, late)
    assert role_in(late, workspace) is None
    with pytest.raises(LinkGone):
        find_invitation(digest_of(token))


def test_a_member_keeps_role_and_leaves_the_invitation_to_others(workspace: Workspace, alice: User, vera: User) -> None:
    invitation, token = create_invitation(workspace, alice, Role.OWNER, 7)
    accept_invitation(invitation, vera)
    assert role_in(vera, workspace) is Role.VIEWER
    assert find_invitation(digest_of(token)) == invitation


def test_a_revoked_or_expired_one_is_gone_for_finding_and_for_using(
    workspace: Workspace, alice: User, charlie: User
) -> None:
    revoked, _ = create_invitation(workspace, alice, Role.VIEWER, 7)
    cancel_invitation(revoked, alice)
    expired, _ = create_invitation(workspace, alice, Role.VIEWER, 7)
    Invitation.objects.filter(pk=expired.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    for gone in (revoked, expired):
        with pytest.raises(LinkGone):
            find_invitation(gone.token_digest)
        with pytest.raises(LinkGone):
            accept_invitation(gone, charlie)
    assert role_in(charlie, workspace) is None


def test_an_owner_or_an_administrator_revokes(workspace: Workspace, alice: User, bob: User) -> None:
    invitation, _ = create_invitation(workspace, alice, Role.VIEWER, 7)
    with pytest.raises(PermissionDenied):
        cancel_invitation(invitation, bob)
    cancel_invitation(invitation, User.objects.create_superuser("root"))
    invitation.refresh_from_db()
    assert invitation.revoked_at


def test_a_person_without_an_account_makes_one(workspace: Workspace, alice: User) -> None:
    invitation, _ = create_invitation(workspace, alice, Role.VIEWER, 7)
    user = register_invited(invitation, " dora ", PASSWORD, PASSWORD)
    assert user.username == "dora" and user.check_password(PASSWORD) and not user.is_staff
    assert role_in(user, workspace) is Role.VIEWER


@pytest.mark.parametrize(
    ("username", "password", "again", "path"),
    [
        ("ALICE", PASSWORD, PASSWORD, "username"),
        ("local", PASSWORD, PASSWORD, "username"),
        ("", PASSWORD, PASSWORD, "username"),
        ("do ra\x00", PASSWORD, PASSWORD, "username"),
        ("x" * 151, PASSWORD, PASSWORD, "username"),
        ("dora", "password", "password", "password"),
        ("dora", "12345", "12345", "password"),
        ("dora", PASSWORD, "another", "again"),
    ],
)
def test_a_bad_account_is_refused_and_the_invitation_stays(
    workspace: Workspace, alice: User, username: str, password: str, again: str, path: str
) -> None:
    invitation, token = create_invitation(workspace, alice, Role.VIEWER, 7)
    before = User.objects.count()
    with pytest.raises(InvalidInput) as refused:
        register_invited(invitation, username, password, again)
    assert {problem.path for problem in refused.value.problems} == {path}
    assert User.objects.count() == before
    assert find_invitation(digest_of(token)) == invitation


def test_no_account_is_left_where_the_invitation_was_used_meanwhile(
    workspace: Workspace, alice: User, charlie: User
) -> None:
    invitation, _ = create_invitation(workspace, alice, Role.VIEWER, 7)
    accept_invitation(invitation, charlie)
    with pytest.raises(LinkGone):
        register_invited(invitation, "dora", PASSWORD, PASSWORD)
    assert not User.objects.filter(username="dora").exists()
    assert not Membership.objects.filter(user__username="dora").exists()


def test_there_is_an_end_to_open_invitations(workspace: Workspace, alice: User) -> None:
    soon = timezone.now() + timedelta(days=1)
    Invitation.objects.bulk_create(
        Invitation(workspace=workspace, role=Role.VIEWER, token_digest=str(number), expires_at=soon)
        for number in range(OPEN_INVITATIONS_CAP)
    )
    with pytest.raises(InvalidInput):
        create_invitation(workspace, alice, Role.VIEWER, 7)


def test_a_password_that_the_sign_in_form_would_refuse_is_refused(workspace: Workspace, alice: User) -> None:
    invitation, _ = create_invitation(workspace, alice, Role.VIEWER, 7)
    with pytest.raises(InvalidInput, match="null"):
        register_invited(invitation, "nils", "correct-horse\x00-9", "correct-horse\x00-9")

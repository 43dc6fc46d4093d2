"""Who may have whose password reset, and when a link still works."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db.models import F

from advisor.teams.links import LinkGone, digest_of
from advisor.teams.models import Membership, PasswordReset, Role, User, Workspace
from advisor.teams.services.accounts import find_reset, make_reset, resettable_by, revoke_resets, set_password
from core.errors import InvalidInput
from tests.conftest import member

pytestmark = pytest.mark.django_db
NEW = "another-fine-password"


@pytest.fixture
def root() -> User:
    return User.objects.create_superuser("root")


def test_an_owner_resets_members_who_are_nowhere_else(
    workspace: Workspace, alice: User, bob: User, vera: User, charlie: User
) -> None:
    both = Workspace.objects.create(name="Also Alice's")
    member("alice", both, Role.OWNER)
    member("vera", both, Role.VIEWER)
    assert set(resettable_by(alice)) == {bob, vera}
    for other in (bob, vera, charlie):
        assert not resettable_by(other).exists()


@pytest.mark.parametrize("role", Role.values)
def test_an_owner_gains_no_other_workspace_by_it(workspace: Workspace, alice: User, bob: User, role: str) -> None:
    elsewhere = Workspace.objects.create(name="Elsewhere")
    member("bob", elsewhere, Role(role))
    member("alice", elsewhere, Role.EDITOR)
    assert not resettable_by(alice).exists()
    with pytest.raises(PermissionDenied):
        make_reset(bob, alice)


@pytest.mark.parametrize("field", ["is_superuser", "is_staff"])
def test_an_owner_gains_no_administrator_by_it(alice: User, bob: User, field: str) -> None:
    User.objects.filter(pk=bob.pk).update(**{field: True})
    with pytest.raises(PermissionDenied):
        make_reset(bob, alice)


def test_no_reset_of_ones_own_the_local_user_or_a_disabled_account(
    root: User, alice: User, bob: User, user: User
) -> None:
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert set(resettable_by(root)) == {alice}
    assert not resettable_by(alice).exists()


def test_an_administrator_resets_any_other_user(root: User, alice: User, charlie: User) -> None:
    second = User.objects.create_superuser("second")
    assert {alice, charlie, second} == set(resettable_by(root))


def test_a_link_works_once_and_only_its_digest_is_kept(alice: User, bob: User) -> None:
    token = make_reset(bob, alice)
    row = PasswordReset.objects.get()
    assert token not in str(vars(row)) and row.token_digest == digest_of(token)
    with pytest.raises(InvalidInput):
        set_password(find_reset(digest_of(token)), "12345678", "12345678")
    reset = find_reset(digest_of(token))
    assert set_password(reset, NEW, NEW).check_password(NEW)
    with pytest.raises(LinkGone):
        find_reset(digest_of(token))
    with pytest.raises(LinkGone):
        set_password(reset, "yet-another-one", "yet-another-one")
    bob.refresh_from_db()
    assert bob.check_password(NEW)


def test_a_newer_link_replaces_the_older(alice: User, bob: User) -> None:
    older, newer = make_reset(bob, alice), make_reset(bob, alice)
    with pytest.raises(LinkGone):
        find_reset(digest_of(older))
    find_reset(digest_of(newer))


def test_a_link_is_void_if_its_conditions_change(workspace: Workspace, root: User, alice: User, bob: User) -> None:
    def expired() -> None:
        PasswordReset.objects.update(expires_at=F("expires_at") - timedelta(hours=24))

    def changed_password() -> None:
        bob.set_password("changed-meanwhile")
        bob.save()

    def joined_another_workspace() -> None:
        member("bob", Workspace.objects.create(name="New"), Role.VIEWER)

    def became_staff() -> None:
        User.objects.filter(pk=bob.pk).update(is_staff=True)

    def maker_stepped_down() -> None:
        Membership.objects.filter(user=alice).update(role=Role.EDITOR)

    def maker_was_switched_off() -> None:
        User.objects.filter(pk=alice.pk).update(is_active=False)

    def account_was_switched_off() -> None:
        User.objects.filter(pk=bob.pk).update(is_active=False)

    def revoked() -> None:
        revoke_resets(bob, alice)

    def maker_is_gone() -> None:
        alice.delete()

    changes = [expired, changed_password, revoked, joined_another_workspace, maker_stepped_down, became_staff]
    for change in [*changes, account_was_switched_off, maker_was_switched_off, maker_is_gone]:
        bob.refresh_from_db()
        PasswordReset.objects.all().delete()
        User.objects.filter(pk=bob.pk).update(is_staff=False, is_active=True)
        Membership.objects.filter(user=bob).exclude(workspace=workspace).delete()
        member("alice", workspace, Role.OWNER)
        Membership.objects.filter(user=alice).update(role=Role.OWNER)
        User.objects.filter(pk=alice.pk).update(is_active=True)
        digest = digest_of(make_reset(bob, User.objects.get(pk=alice.pk)))
        reset = find_reset(digest)
        change()
        with pytest.raises(LinkGone):
            find_reset(digest)
        with pytest.raises(LinkGone):
            set_password(reset, NEW, NEW)

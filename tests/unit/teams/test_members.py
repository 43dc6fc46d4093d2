"""Members and their roles: only owners change them, and one owner always stays."""

import pytest
from django.core.exceptions import PermissionDenied

from advisor.teams.models import Membership, Role, User, Workspace
from advisor.teams.services.workspaces import change_role, create_workspace, remove_member, rename_workspace
from core.errors import InvalidInput
from tests.conftest import member


def seat(user: User, workspace: Workspace) -> Membership:
    return Membership.objects.select_related("workspace").get(user=user, workspace=workspace)


def test_who_makes_a_workspace_owns_it(charlie: User) -> None:
    workspace = create_workspace(charlie, "Ours")
    assert seat(charlie, workspace).role == Role.OWNER
    rename_workspace(workspace, charlie, "Theirs")
    assert Workspace.objects.get(pk=workspace.pk).name == "Theirs"


def test_only_an_owner_changes_roles_and_names(workspace: Workspace, alice: User, bob: User, vera: User) -> None:
    change_role(seat(vera, workspace), alice, Role.EDITOR)
    assert seat(vera, workspace).role == Role.EDITOR
    for other in (bob, User.objects.create_superuser("root")):
        with pytest.raises(PermissionDenied):
            change_role(seat(vera, workspace), other, Role.OWNER)
        with pytest.raises(PermissionDenied):
            rename_workspace(workspace, other, "Mine")
        with pytest.raises(PermissionDenied):
            remove_member(seat(vera, workspace), other)


def test_everybody_may_leave(workspace: Workspace, vera: User) -> None:
    remove_member(seat(vera, workspace), vera)
    assert not vera.workspaces.exists()


def test_the_last_owner_can_neither_leave_nor_change_role(charlie: User) -> None:
    workspace = charlie.workspaces.get()
    with pytest.raises(InvalidInput):
        remove_member(seat(charlie, workspace), charlie)
    with pytest.raises(InvalidInput):
        change_role(seat(charlie, workspace), charlie, Role.VIEWER)
    change_role(seat(charlie, workspace), charlie, Role.OWNER)
    member("dora", workspace, Role.OWNER)
    remove_member(seat(charlie, workspace), charlie)
    assert workspace.members.get().username == "dora"


def test_there_is_no_other_role(workspace: Workspace, alice: User, vera: User) -> None:
    with pytest.raises(InvalidInput):
        change_role(seat(vera, workspace), alice, "emperor")

"""Who is in a workspace, and as what. A workspace never is without an owner."""

from django.db import transaction

from advisor.teams.access import require_owner
from advisor.teams.models import Membership, Role, User, Workspace
from core.errors import InvalidInput, Problem

LAST_OWNER = "this is the last owner; make somebody else an owner first"


def change_role(membership: Membership, user: User, role: str) -> None:
    """
    Raises:
        PermissionDenied: unless the user owns the workspace.
        InvalidInput: if there is no such role, or no owner would be left.
    """
    if role not in Role.values:
        raise InvalidInput([Problem("role", f"should be one of {', '.join(Role.values)}")])
    with transaction.atomic():
        _lock(membership.workspace)
        require_owner(user, membership.workspace)
        if role != Role.OWNER:
            _require_another_owner(membership)
        Membership.objects.filter(pk=membership.pk).update(role=role)


def remove_member(membership: Membership, user: User) -> None:
    """Puts somebody out, or leaves. What they made stays.

    Raises:
        PermissionDenied: unless the user owns the workspace, or leaves it.
        InvalidInput: if no owner would be left.
    """
    with transaction.atomic():
        _lock(membership.workspace)
        if membership.user_id != user.pk:
            require_owner(user, membership.workspace)
        _require_another_owner(membership)
        membership.delete()


def _lock(workspace: Workspace) -> None:
    """Two owners who leave at the same time leave one after the other."""
    Workspace.objects.select_for_update().get(pk=workspace.pk)


def _require_another_owner(membership: Membership) -> None:
    owners = Membership.objects.filter(workspace=membership.workspace, role=Role.OWNER)
    if owners.filter(pk=membership.pk).exists() and owners.count() == 1:
        raise InvalidInput([Problem("role", LAST_OWNER)])

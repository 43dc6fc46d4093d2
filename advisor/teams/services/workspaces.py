"""Workspaces: begun, renamed."""

from django.db import transaction

from advisor.teams.access import require_owner
from advisor.teams.limits import WORKSPACES_CAP
from advisor.teams.models import Membership, Role, User, Workspace
from core.errors import InvalidInput, Problem


def create_workspace(user: User, name: str) -> Workspace:
    """An empty workspace, owned by whoever makes it.

    Raises:
        InvalidInput: if the user is in as many as one may be.
    """
    if user.memberships.count() >= WORKSPACES_CAP:
        raise InvalidInput([Problem("name", f"one person may be in {WORKSPACES_CAP} workspaces; leave one first")])
    with transaction.atomic():
        workspace = Workspace.objects.create(name=name)
        Membership.objects.create(user=user, workspace=workspace, role=Role.OWNER)
    return workspace


def rename_workspace(workspace: Workspace, user: User, name: str) -> None:
    """
    Raises:
        PermissionDenied: unless the user owns it.
    """
    require_owner(user, workspace)
    workspace.name = name
    workspace.save(update_fields=["name"])

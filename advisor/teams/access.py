"""Who may do what: asked by every use case that changes something, whichever door it came through."""

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet

from advisor.teams.models import Membership, Role, User, Workspace

EDITORS = (Role.OWNER, Role.EDITOR)


def role_in(user: User, workspace: Workspace) -> Role | None:
    """The user's role in the workspace, or None for an outsider (a superuser, too, if not a member)."""
    role = Membership.objects.filter(user=user, workspace=workspace).values_list("role", flat=True).first()
    return Role(role) if role else None


def may_edit(user: User, workspace: Workspace) -> bool:
    """Whether the user may create, change, run, cancel and delete in the workspace."""
    return role_in(user, workspace) in EDITORS


def require_editor(user: User, workspace: Workspace) -> None:
    """
    Raises:
        PermissionDenied: unless the user is an owner or editor of the workspace.
    """
    if not may_edit(user, workspace):
        raise PermissionDenied("Your role in this workspace lets you read, not change.")


def require_member(user: User, workspace: Workspace) -> None:
    """
    Raises:
        PermissionDenied: unless the user is a member of the workspace, whatever the role.
    """
    if role_in(user, workspace) is None:
        raise PermissionDenied("Only members of the workspace may do this.")


def require_owner(user: User, workspace: Workspace) -> None:
    """
    Raises:
        PermissionDenied: unless the user is an owner of the workspace.
    """
    if role_in(user, workspace) is not Role.OWNER:
        raise PermissionDenied("Only an owner of the workspace may do this.")


def workspaces_of(user: User) -> "QuerySet[Workspace]":
    """The workspaces that the user is a member of, the first joined first."""
    return Workspace.objects.filter(memberships__user=user).order_by("memberships__created_at", "memberships__id")


def first_workspace(user: User) -> Workspace | None:
    """The workspace that the user joined first."""
    return workspaces_of(user).first()

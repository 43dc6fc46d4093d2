"""Roles, checked by every service that changes something."""

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet

from advisor.teams.models import Membership, Role, User, Workspace

EDITORS = (Role.OWNER, Role.EDITOR)


def role_in(user: User, workspace: Workspace) -> Role | None:
    """None for an outsider, even a superuser."""
    role = Membership.objects.filter(user=user, workspace=workspace).values_list("role", flat=True).first()
    return Role(role) if role else None


def may_edit(user: User, workspace: Workspace) -> bool:
    return role_in(user, workspace) in EDITORS


def require_editor(user: User, workspace: Workspace) -> None:
    if not may_edit(user, workspace):
        raise PermissionDenied("Your role in this workspace can read, but not change anything.")


def require_member(user: User, workspace: Workspace) -> None:
    if role_in(user, workspace) is None:
        raise PermissionDenied("Only members of the workspace may do this.")


def require_owner(user: User, workspace: Workspace) -> None:
    if role_in(user, workspace) is not Role.OWNER:
        raise PermissionDenied("Only an owner of the workspace may do this.")


def workspaces_of(user: User) -> "QuerySet[Workspace]":
    return Workspace.objects.filter(memberships__user=user).order_by("memberships__created_at", "memberships__id")


def first_workspace(user: User) -> Workspace | None:
    return workspaces_of(user).first()

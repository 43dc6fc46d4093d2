"""Roles, checked by every service that changes something."""

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet

from advisor.teams.models import Membership, Role, User, Workspace
from advisor.teams.prepared_queries import PreparedQuery, given_id, given_user

EDITORS = (Role.OWNER, Role.EDITOR)


_ROLE = PreparedQuery(
    lambda: Membership.objects.filter(user=given_user(0), workspace=given_id(1)).order_by().values_list("role")
)


def role_in(user: User, workspace: Workspace) -> Role | None:
    """None for an outsider, even a superuser."""
    rows = _ROLE(user.pk, workspace.pk)
    return Role(rows[0][0]) if rows else None


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

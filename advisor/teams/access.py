"""Who may do what: asked by every use case that changes something, whichever door it came through."""

from django.core.exceptions import PermissionDenied

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


def first_workspace(user: User) -> Workspace | None:
    """The workspace that the user joined first."""
    membership = Membership.objects.filter(user=user).select_related("workspace").order_by("created_at", "id").first()
    return membership.workspace if membership else None

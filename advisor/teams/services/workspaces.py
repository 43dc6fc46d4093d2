"""Workspaces, members and invitations. A workspace always has an owner."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from advisor.teams.access import require_owner
from advisor.teams.links import LinkGone, new_token
from advisor.teams.mail import MailFailed, send_email, write_email
from advisor.teams.models import Invitation, Membership, Role, User, Workspace
from advisor.teams.services.accounts import new_account
from core.errors import InvalidInput, Problem

INVITATION_DAYS = (1, 7, 30)
"""The second is offered first."""
OPEN_INVITATIONS_CAP = 100
WORKSPACES_CAP = 50
EMAILS_A_DAY = 50
"""Invitations that one person may send in 24 hours: the site is no way to flood others."""


def create_workspace(user: User, name: str) -> Workspace:
    """Raise InvalidInput if the user is a member of as many as allowed."""
    if user.memberships.count() >= WORKSPACES_CAP:
        raise InvalidInput([Problem("name", f"one person may be in {WORKSPACES_CAP} workspaces; leave one first")])
    with transaction.atomic():
        workspace = Workspace.objects.create(name=name)
        Membership.objects.create(user=user, workspace=workspace, role=Role.OWNER)
    return workspace


def rename_workspace(workspace: Workspace, user: User, name: str) -> None:
    """Raise PermissionDenied unless the user owns it."""
    require_owner(user, workspace)
    workspace.name = name
    workspace.save(update_fields=["name"])


LAST_OWNER = "this is the last owner; make somebody else an owner first"


def change_role(membership: Membership, user: User, role: str) -> None:
    """Raise PermissionDenied unless the user owns the workspace; InvalidInput if no owner would be left."""
    if role not in Role.values:
        raise InvalidInput([Problem("role", f"should be one of {', '.join(Role.values)}")])
    with transaction.atomic():
        lock_workspace(membership.workspace)
        require_owner(user, membership.workspace)
        if role != Role.OWNER:
            _require_another_owner(membership)
        Membership.objects.filter(pk=membership.pk).update(role=role)


def remove_member(membership: Membership, user: User) -> None:
    """Remove a member, or leave. What they made stays.

    Raises PermissionDenied unless the user owns the workspace or leaves it; InvalidInput if no owner would be left.
    """
    with transaction.atomic():
        lock_workspace(membership.workspace)
        if membership.user_id != user.pk:
            require_owner(user, membership.workspace)
        _require_another_owner(membership)
        membership.delete()


def lock_workspace(workspace: Workspace) -> None:
    """Serialize two owners who leave at the same time."""
    Workspace.objects.select_for_update().get(pk=workspace.pk)


def _require_another_owner(membership: Membership) -> None:
    owners = Membership.objects.filter(workspace=membership.workspace, role=Role.OWNER)
    if owners.filter(pk=membership.pk).exists() and owners.count() == 1:
        raise InvalidInput([Problem("role", LAST_OWNER)])


def create_invitation(
    workspace: Workspace, user: User, role: str, days: int, email: str = ""
) -> tuple[Invitation, str]:
    """Return the invitation and its token, which is not stored. `email` is where the token will be sent, and nowhere else.

    Raises:
        PermissionDenied: unless the user owns the workspace.
        InvalidInput: there is no such role or duration, too many invitations are open, or the user has sent too many.
    """
    require_owner(user, workspace)
    if role not in Role.values:
        raise InvalidInput([Problem("role", f"should be one of {', '.join(Role.values)}")])
    if days not in INVITATION_DAYS:
        raise InvalidInput([Problem("days", f"should be one of {', '.join(map(str, INVITATION_DAYS))}")])
    if Invitation.objects.open().filter(workspace=workspace).count() >= OPEN_INVITATIONS_CAP:
        raise InvalidInput([Problem("role", f"{OPEN_INVITATIONS_CAP} invitations are open already; revoke some first")])
    since = timezone.now() - timedelta(days=1)
    if (
        email
        and Invitation.objects.filter(created_by=user, created_at__gt=since).exclude(email="").count() >= EMAILS_A_DAY
    ):
        raise InvalidInput(
            [Problem("email", f"you have sent {EMAILS_A_DAY} invitations within a day; hand over links today")]
        )
    token, digest = new_token()
    invitation = Invitation.objects.create(
        workspace=workspace,
        role=role,
        email=email,
        token_digest=digest,
        created_by=user,
        expires_at=timezone.now() + timedelta(days=days),
    )
    return invitation, token


def email_invitation(invitation: Invitation, link: str) -> bool:
    """Send the link to the invitation's address. False if the mail server does not take it: then the link is to be handed over."""
    try:
        send_email(write_email(invitation.email, "invitation", invitation=invitation, link=link))
    except MailFailed:
        invitation.email = ""
        invitation.save(update_fields=["email"])
    return bool(invitation.email)


def find_invitation(digest: str) -> Invitation:
    """Raise LinkGone if there is no open invitation with the digest."""
    return Invitation.objects.select_related("workspace", "created_by").find(digest)


def accept_invitation(invitation: Invitation, user: User) -> None:
    """A member stays as they are, and the invitation stays open. Raise LinkGone if it was used or revoked meanwhile."""
    with transaction.atomic():
        _, is_new = Membership.objects.get_or_create(
            user=user, workspace=invitation.workspace, defaults={"role": invitation.role}
        )
        if is_new and not Invitation.objects.open().filter(pk=invitation.pk).update(
            accepted_at=timezone.now(), accepted_by=user
        ):
            raise LinkGone


def register_invited(invitation: Invitation, username: str, password: str, again: str) -> User:
    """Create an account and let it join, or neither. Raise InvalidInput or LinkGone."""
    with transaction.atomic():
        user = new_account(username, password, again)
        if invitation.email:
            user.email = invitation.email
            user.save(update_fields=["email"])
        accept_invitation(invitation, user)
    return user


def cancel_invitation(invitation: Invitation, user: User) -> None:
    """Raise PermissionDenied unless the user owns the workspace or administers the installation."""
    if not user.is_superuser:
        require_owner(user, invitation.workspace)
    Invitation.objects.open().filter(pk=invitation.pk).update(revoked_at=timezone.now())

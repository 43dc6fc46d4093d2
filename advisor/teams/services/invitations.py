"""Invitations: links that let one person in, once. Whoever holds one either signs in or makes an account with it."""

import hashlib
import secrets
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from advisor.teams.access import require_owner
from advisor.teams.errors import LinkGone
from advisor.teams.limits import INVITATION_DAYS, OPEN_INVITATIONS_CAP
from advisor.teams.models import Invitation, Membership, Role, User, Workspace
from advisor.teams.services.accounts import new_account
from core.errors import InvalidInput, Problem


def open_invitations(workspace: Workspace) -> "QuerySet[Invitation]":
    """Those that still let somebody in."""
    return _open().filter(workspace=workspace)


def invite(workspace: Workspace, user: User, role: str, days: int) -> tuple[Invitation, str]:
    """The invitation and its token, which is told this once and kept nowhere.

    Raises:
        PermissionDenied: unless the user owns the workspace.
        InvalidInput: if there is no such role or duration, or too many invitations are open.
    """
    require_owner(user, workspace)
    if role not in Role.values:
        raise InvalidInput([Problem("role", f"should be one of {', '.join(Role.values)}")])
    if days not in INVITATION_DAYS:
        raise InvalidInput([Problem("days", f"should be one of {', '.join(map(str, INVITATION_DAYS))}")])
    if open_invitations(workspace).count() >= OPEN_INVITATIONS_CAP:
        raise InvalidInput([Problem("role", f"{OPEN_INVITATIONS_CAP} invitations are open already; revoke some first")])
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        workspace=workspace,
        role=role,
        token_digest=digest_of(token),
        created_by=user,
        expires_at=timezone.now() + timedelta(days=days),
    )
    return invitation, token


def digest_of(token: str) -> str:
    """What is kept of a token. It holds 256 random bits, so that a plain hash can't be searched."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def find_invitation(digest: str) -> Invitation:
    """The open invitation with the digest.

    Raises:
        LinkGone: if there is none, whatever the reason.
    """
    found = _open().filter(token_digest=digest).select_related("workspace", "created_by").first()
    if found is None or not constant_time_compare(found.token_digest, digest):
        raise LinkGone
    return found


def accept(invitation: Invitation, user: User) -> None:
    """Lets the user in. One who is in already stays as they are, and the invitation stays open.

    Raises:
        LinkGone: if somebody used or revoked it in the meantime.
    """
    with transaction.atomic():
        _, is_new = Membership.objects.get_or_create(
            user=user, workspace=invitation.workspace, defaults={"role": invitation.role}
        )
        if is_new and not _open().filter(pk=invitation.pk).update(accepted_at=timezone.now(), accepted_by=user):
            raise LinkGone


def register(invitation: Invitation, username: str, password: str, again: str) -> User:
    """Makes an account and lets it in; both or neither.

    Raises:
        InvalidInput: with what is wrong with the name or the password; the invitation stays open.
        LinkGone: if somebody used or revoked it in the meantime.
    """
    with transaction.atomic():
        user = new_account(username, password, again)
        accept(invitation, user)
    return user


def revoke(invitation: Invitation, user: User) -> None:
    """Makes the link void; one that was used stays used. An administrator may revoke what they may not make.

    Raises:
        PermissionDenied: unless the user owns the workspace or administers the installation.
    """
    if not user.is_superuser:
        require_owner(user, invitation.workspace)
    _open().filter(pk=invitation.pk).update(revoked_at=timezone.now())


def _open() -> "QuerySet[Invitation]":
    return Invitation.objects.filter(accepted_at__isnull=True, revoked_at__isnull=True, expires_at__gt=timezone.now())

"""Links to set a new password, once, within a day."""

import logging
import secrets
from datetime import timedelta

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from advisor.teams.links import LinkGone
from advisor.teams.models import Membership, PasswordReset, Role, User
from advisor.teams.services.accounts import LOCAL_USERNAME, wrong_passwords
from advisor.teams.services.sessions import end_other_sessions
from advisor.teams.services.workspaces import digest_of
from core.errors import InvalidInput

log = logging.getLogger(__name__)

PASSWORD_RESET_AGE = timedelta(hours=24)

REFUSED = (
    "You may reset the password of members who are in no workspace but those that you own. "
    "For others, for administrators and for yourself, ask an administrator."
)


def resettable_by(user: User) -> "QuerySet[User]":
    """Return the accounts whose password the user may reset.

    The holder of the link gets the account, so an owner must gain nothing by it: only accounts count that have access to
    nothing but workspaces of that owner. A user's own is not among them: an open session would be enough to take over the account.
    """
    others = User.objects.filter(is_active=True).exclude(pk=user.pk).exclude(username=LOCAL_USERNAME)
    if not user.is_active:
        return others.none()
    if user.is_superuser:
        return others
    owned = Membership.objects.filter(user=user, role=Role.OWNER).values("workspace")
    memberships = Membership.objects.filter(user=OuterRef("pk"))
    return others.filter(
        Exists(memberships.filter(workspace__in=owned)),
        ~Exists(memberships.exclude(workspace__in=owned)),
        is_staff=False,
        is_superuser=False,
    )


def open_resets(users: "QuerySet[User]") -> "QuerySet[PasswordReset]":
    return _open().filter(user__in=users)


def make_reset(account: User, user: User) -> str:
    """Return the token of a new link, which is not stored; earlier links become void. Raise PermissionDenied."""
    _require_may_reset(account, user)
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        _open().filter(user=account).update(revoked_at=timezone.now())
        PasswordReset.objects.create(
            user=account,
            token_digest=digest_of(token),
            auth_hash=account.get_session_auth_hash(),
            created_by=user,
            expires_at=timezone.now() + PASSWORD_RESET_AGE,
        )
    log.info("Password reset link for account %s made by account %s", account.pk, user.pk)
    return token


def revoke_resets(account: User, user: User) -> None:
    """Raise PermissionDenied unless the user may reset it."""
    _require_may_reset(account, user)
    _open().filter(user=account).update(revoked_at=timezone.now())
    log.info("Password reset links for account %s revoked by account %s", account.pk, user.pk)


def find_reset(digest: str) -> PasswordReset:
    """Raise LinkGone unless the link works and its creator could still create it now."""
    found = _open().filter(token_digest=digest).select_related("user", "created_by").first()
    if (
        found is None
        or found.created_by is None
        or not constant_time_compare(found.token_digest, digest)
        or not constant_time_compare(found.auth_hash, found.user.get_session_auth_hash())
        or not resettable_by(found.created_by).filter(pk=found.user_id).exists()
    ):
        raise LinkGone
    return found


def set_password(reset: PasswordReset, password: str, again: str) -> User:
    """Set the account's password, use the link up and end all sessions of the account.

    Raises:
        InvalidInput: with what is wrong with the password; the link still works.
        LinkGone: it was used or made void in the meantime.
    """
    problems = wrong_passwords(reset.user, password, again)
    if problems:
        raise InvalidInput(problems)
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=reset.user_id)
        find_reset(reset.token_digest)
        _open().filter(pk=reset.pk).update(used_at=timezone.now())
        user.set_password(password)
        user.save(update_fields=["password"])
        end_other_sessions(user)
    log.info("Password reset link for account %s used", user.pk)
    return user


def _require_may_reset(account: User, user: User) -> None:
    if not resettable_by(user).filter(pk=account.pk).exists():
        raise PermissionDenied(REFUSED)


def _open() -> "QuerySet[PasswordReset]":
    return PasswordReset.objects.filter(used_at__isnull=True, revoked_at__isnull=True, expires_at__gt=timezone.now())

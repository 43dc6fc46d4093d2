import logging
from datetime import timedelta

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from advisor.teams.links import LinkGone, new_token
from advisor.teams.models import NAME_TAKEN, NAME_TOO_ALIKE, Membership, PasswordReset, Role, User, Workspace
from advisor.teams.names import looks_of
from advisor.teams.services.sessions import end_other_sessions
from core.errors import InvalidInput, Problem

log = logging.getLogger(__name__)

PASSWORD_RESET_AGE = timedelta(hours=24)
LOCAL_USERNAME = "local"


def local_user_and_workspace() -> tuple[User, Workspace]:
    """Create them at the first call; unique constraints settle a race between two first calls.

    The user administers this installation but has no usable password: only local mode signs them in.
    """
    user, _ = User.objects.get_or_create(
        username=LOCAL_USERNAME,
        defaults={"first_name": "You", "password": make_password(None), "is_staff": True, "is_superuser": True},
    )
    workspace, _ = Workspace.objects.get_or_create(is_local=True, defaults={"name": "My decisions"})
    Membership.objects.get_or_create(user=user, workspace=workspace, defaults={"role": Role.OWNER})
    return user, workspace


def person_name(user: User | None) -> str:
    return (user.get_full_name() or user.get_username()) if user else "somebody who has left"


def new_account(username: str, password: str, again: str) -> User:
    """Raise InvalidInput if the name is taken, resembles another or is not allowed, or the password is weak or mistyped."""
    user = User(username=User.normalize_username(username.strip()))
    problems = [*_wrong_names(user), *wrong_passwords(user, password, again)]
    if problems:
        raise InvalidInput(problems)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError:  # another request took it since it was looked up
        raise InvalidInput([Problem("username", NAME_TAKEN)]) from None
    return user


def _wrong_names(user: User) -> list[Problem]:
    try:
        user.clean_fields(exclude=["password"])
        user.check_name(User.objects.all())
    except ValidationError as error:
        return [Problem("username", text) for text in error.messages]
    if looks_of(user.username) == looks_of(LOCAL_USERNAME):
        return [Problem("username", NAME_TOO_ALIKE)]
    return []


def wrong_passwords(user: User, password: str, again: str) -> list[Problem]:
    """Return what is wrong with a new password; nothing if it may be set."""
    if "\x00" in password:  # the sign-in form would refuse it
        return [Problem("password", "A password holds no null characters.")]
    try:
        validate_password(password, user)
    except ValidationError as error:
        return [Problem("password", text) for text in error.messages]
    return [] if password == again else [Problem("again", "The two passwords differ.")]


REFUSED = (
    "You may reset the password of members who are in no workspace but those that you own. "
    "For others, for administrators and for yourself, ask an administrator."
)


def resettable_by(user: User) -> "QuerySet[User]":
    """Return the accounts whose password the user may reset.

    The holder of the link gets the account, so an owner must gain nothing by it: only accounts count that have access to
    nothing but workspaces of that owner. An account of an OpenID Connect provider has no password to reset.
    A user's own is not among them: an open session would be enough to take over the account.
    """
    others = User.objects.filter(is_active=True, external_identities=None).exclude(pk=user.pk)
    others = others.exclude(username=LOCAL_USERNAME)
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


def make_reset(account: User, user: User) -> str:
    """Return the token of a new link, which is not stored; earlier links become void. Raise PermissionDenied."""
    _require_may_reset(account, user)
    token, digest = new_token()
    with transaction.atomic():
        PasswordReset.objects.open().filter(user=account).update(revoked_at=timezone.now())
        PasswordReset.objects.create(
            user=account,
            token_digest=digest,
            auth_hash=account.get_session_auth_hash(),
            created_by=user,
            expires_at=timezone.now() + PASSWORD_RESET_AGE,
        )
    log.info("Password reset link for account %s made by account %s", account.pk, user.pk)
    return token


def revoke_resets(account: User, user: User) -> None:
    """Raise PermissionDenied unless the user may reset it."""
    _require_may_reset(account, user)
    PasswordReset.objects.open().filter(user=account).update(revoked_at=timezone.now())
    log.info("Password reset links for account %s revoked by account %s", account.pk, user.pk)


def find_reset(digest: str) -> PasswordReset:
    """Raise LinkGone unless the link works and its creator could still create it now."""
    reset = PasswordReset.objects.select_related("user", "created_by").find(digest)
    if (
        reset.created_by is None
        or not constant_time_compare(reset.auth_hash, reset.user.get_session_auth_hash())
        or not resettable_by(reset.created_by).filter(pk=reset.user_id).exists()
    ):
        raise LinkGone
    return reset


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
        PasswordReset.objects.open().filter(pk=reset.pk).update(used_at=timezone.now())
        user.set_password(password)
        user.save(update_fields=["password"])
        end_other_sessions(user)
    log.info("Password reset link for account %s used", user.pk)
    return user


def _require_may_reset(account: User, user: User) -> None:
    if not resettable_by(user).filter(pk=account.pk).exists():
        raise PermissionDenied(REFUSED)

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from advisor.teams.models import NAME_TAKEN, NAME_TOO_ALIKE, Membership, Role, User, Workspace
from advisor.teams.names import looks_of
from core.errors import InvalidInput, Problem

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
    except IntegrityError:  # somebody took it since it was looked up
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

"""Accounts: a name and a password, for whoever was invited."""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from advisor.teams.models import User
from advisor.teams.services.local import LOCAL_USERNAME
from simulator.schema import InvalidInput, Problem


def new_account(username: str, password: str, again: str) -> User:
    """
    Raises:
        InvalidInput: if the name is taken (capitals aside) or not one, or the password is weak or typed in two ways.
    """
    user = User(username=User.normalize_username(username.strip()))
    problems = [*_wrong_names(user), *_wrong_passwords(user, password, again)]
    if problems:
        raise InvalidInput(problems)
    user.set_password(password)
    user.save()
    return user


def _wrong_names(user: User) -> list[Problem]:
    try:
        user.clean_fields(exclude=["password"])
    except ValidationError as error:
        return [Problem("username", text) for text in error.messages]
    if user.username.lower() == LOCAL_USERNAME or User.objects.filter(username__iexact=user.username).exists():
        return [Problem("username", "That name is taken. If it is yours, sign in instead.")]
    return []


def _wrong_passwords(user: User, password: str, again: str) -> list[Problem]:
    try:
        validate_password(password, user)
    except ValidationError as error:
        return [Problem("password", text) for text in error.messages]
    return [] if password == again else [Problem("again", "The two passwords differ.")]

"""What is posted about workspaces and invitations."""

from django.http import QueryDict

from advisor.decisions.names import clean_name
from advisor.teams.limits import INVITATION_DAYS
from advisor.teams.models import Role
from advisor.web.forms.sentences import choice_reason
from core.errors import InvalidInput, Problem
from core.plurals import counted


def name_from(post: QueryDict) -> str:
    """A workspace's name.

    Raises:
        InvalidInput: if it is empty or too long.
    """
    return clean_name(post.get("name", ""), "name")


def role_from(post: QueryDict) -> str:
    """A member's role.

    Raises:
        InvalidInput: on `role`, if there is no such role.
    """
    role = post.get("role", "")
    if role not in Role.values:
        raise InvalidInput([Problem("role", choice_reason(role, tuple(Role.labels)))])
    return role


def invitation_from(post: QueryDict) -> tuple[str, int]:
    """The role that an invitation gives, and for how many days it holds.

    Raises:
        InvalidInput: on `role`, `days` or both, if they are no choice.
    """
    problems: list[Problem] = []
    role = ""
    try:
        role = role_from(post)
    except InvalidInput as error:
        problems += error.problems
    days = {str(number): number for number in INVITATION_DAYS}.get(post.get("days", ""))
    if days is None:
        words = tuple(counted(number, "day") for number in INVITATION_DAYS)
        problems.append(Problem("days", choice_reason(post.get("days", ""), words)))
    if problems or days is None:
        raise InvalidInput(problems)
    return role, days

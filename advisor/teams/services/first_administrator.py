"""The first administrator of a hosted site, created by the link that `up` prints."""

from django.conf import settings
from django.db import transaction

from advisor.teams.links import LinkGone, OneTimeToken
from advisor.teams.models import Membership, Role, User, Workspace
from advisor.teams.services.accounts import LOCAL_USERNAME, new_account
from advisor.teams.services.workspaces import create_workspace


def first_administrator_is_missing() -> bool:
    """The local user does not count: it cannot sign in."""
    return not User.objects.filter(is_superuser=True, is_active=True).exclude(username=LOCAL_USERNAME).exists()


def is_first_administrator_link(token: str) -> bool:
    return OneTimeToken(settings.CONFIGURATION.first_administrator_token).matches(token) and (
        first_administrator_is_missing()
    )


def make_first_administrator(
    token: str, username: str, password: str, again: str, workspace_name: str
) -> tuple[User, Workspace]:
    """Create a superuser who owns a new workspace, and the one of local mode, if there is one.

    Raises:
        InvalidInput: with what is wrong with a name or the password; the link stays usable.
        LinkGone: the link is not the printed one, has been used, or there is an administrator.
    """
    if not is_first_administrator_link(token):
        raise LinkGone
    with transaction.atomic():
        user = new_account(username, password, again)
        user.is_staff = user.is_superuser = True
        user.save(update_fields=["is_staff", "is_superuser"])
        workspace = create_workspace(user, workspace_name)
        for local in Workspace.objects.filter(is_local=True):
            Membership.objects.create(user=user, workspace=local, role=Role.OWNER)
        if not OneTimeToken(settings.CONFIGURATION.first_administrator_token).use(token):
            raise LinkGone
    return user, workspace

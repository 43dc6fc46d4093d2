"""The first administrator of a hosted site, created by the link that `up` prints."""

from django.db import connection, transaction
from django.utils.crypto import constant_time_compare, salted_hmac

from advisor.teams.links import LinkGone
from advisor.teams.models import Membership, Role, User, Workspace
from advisor.teams.services.accounts import new_account
from advisor.teams.services.administrators import administrators
from advisor.teams.services.workspaces import create_workspace

_ADVISORY_LOCK = 4_721_902
"""Its number among PostgreSQL's advisory locks; any that nothing else here uses."""


def first_administrator_is_missing() -> bool:
    return not administrators().filter(is_active=True).exists()


def first_administrator_token() -> str:
    """Follows from the secret key, so that every web process accepts the link that one of them printed.

    Void once it has made an administrator: if that account is deactivated later, the token is another one.
    """
    former = administrators().order_by("pk").values_list("pk", flat=True)
    return salted_hmac("first administrator", ",".join(map(str, former)), algorithm="sha256").hexdigest()


def is_first_administrator_link(token: str) -> bool:
    is_right = constant_time_compare(first_administrator_token(), token)
    return is_right and first_administrator_is_missing()


def make_first_administrator(
    token: str, username: str, password: str, again: str, workspace_name: str
) -> tuple[User, Workspace]:
    """Create a superuser who owns a new workspace, and the one of local mode, if there is one.

    Raises:
        InvalidInput: with what is wrong with a name or the password; the link stays usable.
        LinkGone: the link is not the printed one, has been used, or there is an administrator.
    """
    with transaction.atomic():
        _one_at_a_time()
        if not is_first_administrator_link(token):
            raise LinkGone
        user = new_account(username, password, again)
        user.is_staff = user.is_superuser = True
        user.save(update_fields=["is_staff", "is_superuser"])
        workspace = create_workspace(user, workspace_name)
        for local in Workspace.objects.filter(is_local=True):
            Membership.objects.create(user=user, workspace=local, role=Role.OWNER)
    return user, workspace


def _one_at_a_time() -> None:
    """Of two concurrent uses of the link, the second waits and sees the administrator. SQLite's transactions are exclusive anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ADVISORY_LOCK])

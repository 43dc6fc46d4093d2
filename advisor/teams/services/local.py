"""The one user and workspace of a Crossover that runs on somebody's own machine."""

from django.contrib.auth.hashers import make_password

from advisor.teams.models import Membership, Role, User, Workspace

LOCAL_USERNAME = "local"


def local_user_and_workspace() -> tuple[User, Workspace]:
    """The local user and workspace, made at the first call; unique constraints settle a race between two first calls.

    The user administers this installation but has no password that works: nobody signs in as them, local mode does.
    """
    user, _ = User.objects.get_or_create(
        username=LOCAL_USERNAME,
        defaults={"first_name": "You", "password": make_password(None), "is_staff": True, "is_superuser": True},
    )
    workspace, _ = Workspace.objects.get_or_create(is_local=True, defaults={"name": "My decisions"})
    Membership.objects.get_or_create(user=user, workspace=workspace, defaults={"role": Role.OWNER})
    return user, workspace

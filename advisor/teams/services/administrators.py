"""Who administers the site, and the rule that someone always can."""

from collections.abc import Collection

from django.conf import settings
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Q, QuerySet

from advisor.teams.models import ExternalIdentity, User
from advisor.teams.services.accounts import LOCAL_USERNAME


class LastAdministrator(ValidationError):
    def __init__(self) -> None:
        super().__init__(
            "The site would be left without an administrator who can sign in. "
            "Give another active account staff and superuser status first."
        )


def administrators() -> QuerySet[User]:
    """Without the local user, who cannot sign in."""
    return User.objects.filter(is_superuser=True).exclude(username=LOCAL_USERNAME)


def require_other_administrators(leaving: Collection[User]) -> None:
    """Raise LastAdministrator if these accounts can administer the site, and no other can. Call it in the transaction of the change.

    It locks the rows of all who can: of two administrators who remove each other at the same time, the second is refused.
    """
    able = [*_able_administrators().order_by("pk").select_for_update(no_key=True)]
    remaining = {user.pk for user in able} - {user.pk for user in leaving}
    if able and not remaining:
        raise LastAdministrator


def _able_administrators() -> QuerySet[User]:
    able = User.objects.filter(is_active=True, is_staff=True, is_superuser=True)
    if settings.CONFIGURATION.local:
        return able.filter(username=LOCAL_USERNAME)
    identities = ExternalIdentity.objects.filter(user=OuterRef("pk"), issuer=settings.CONFIGURATION.oidc_issuer)
    has_password = ~Q(password__startswith=UNUSABLE_PASSWORD_PREFIX)
    return able.exclude(username=LOCAL_USERNAME).filter(has_password | Exists(identities))

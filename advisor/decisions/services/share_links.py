"""Links that show one revision to people without an account, until they expire or are revoked."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from advisor.decisions.limits import SHARE_LINKS_CAP
from advisor.decisions.models import Revision, ShareLink
from advisor.decisions.services.revisions import freeze_revision
from advisor.teams.access import require_editor
from advisor.teams.links import digest_of, new_token
from advisor.teams.models import User
from core.errors import InvalidInput, Problem

LIFETIMES_DAYS = (1, 7, 30, 90, 365)


def create_share_link(revision: Revision, user: User, days: int) -> tuple[ShareLink, str]:
    """Return the link and its token, which is not stored. The revision is frozen, so that what is shown stays as it was shared.

    Raises:
        PermissionDenied: unless the user may edit in its workspace.
        InvalidInput: links do not live that long, or the decision has too many.
    """
    require_editor(user, revision.decision.workspace)
    if days not in LIFETIMES_DAYS:
        *others, longest = map(str, LIFETIMES_DAYS)
        raise InvalidInput([Problem("days", f"choose {', '.join(others)} or {longest} days")])
    if ShareLink.objects.filter(revision__decision=revision.decision_id).open().count() >= SHARE_LINKS_CAP:
        raise InvalidInput([Problem("days", f"there are {SHARE_LINKS_CAP} open links already; revoke one first")])
    token, digest = new_token()
    with transaction.atomic():
        freeze_revision(revision)
        link = ShareLink.objects.create(
            revision=revision, token_digest=digest, created_by=user, expires_at=timezone.now() + timedelta(days=days)
        )
    return link, token


def revoke_share_link(link: ShareLink, user: User) -> None:
    """Raise PermissionDenied unless the user may edit in its workspace."""
    require_editor(user, link.revision.decision.workspace)
    ShareLink.objects.filter(pk=link.pk, revoked_at__isnull=True).update(revoked_at=timezone.now())


def find_shared(token: str) -> Revision:
    """Raise LinkGone if there is no such link, or it has expired, or was revoked: which of them is not told."""
    return ShareLink.objects.select_related("revision__decision__workspace").find(digest_of(token)).revision

"""Fixes a revision, because something refers to it."""

from django.utils import timezone

from advisor.decisions.models import Revision


def freeze_revision(revision: Revision) -> None:
    """From now on, a change of the decision's answers opens a new revision. To freeze twice changes nothing."""
    now = timezone.now()
    Revision.objects.filter(pk=revision.pk, frozen_at__isnull=True).update(frozen_at=now)
    revision.frozen_at = revision.frozen_at or now

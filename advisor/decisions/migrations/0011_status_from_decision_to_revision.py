"""A decision's one status becomes the status of the revision that it was set on.

Until now a status was the decision's: when it was changed at a later revision, the earlier one no longer had it.
"""

from typing import Any

from django.db import migrations
from django.utils import timezone

DRAFT, SUPERSEDED, EXCLUSIVE = "draft", "superseded", ("proposed", "accepted")


def give_each_revision_its_status(apps: Any, schema_editor: Any) -> None:
    Decision = apps.get_model("decisions", "Decision")
    for decision in Decision.objects.iterator():
        revisions = {revision.pk: revision for revision in decision.revisions.order_by("number")}
        if not revisions:
            continue
        changes = list(decision.status_changes.order_by("changed_at", "pk"))
        for change in changes:
            _replay(apps, revisions, change)
        if decision.status != (changes[-1].after if changes else DRAFT):
            _without_record(revisions, decision)
        for revision in revisions.values():
            if revision.status != DRAFT:
                revision.frozen_at = revision.frozen_at or timezone.now()
                revision.save(update_fields=["status", "frozen_at"])


def _replay(apps: Any, revisions: dict[Any, Any], change: Any) -> None:
    """The revision that was the latest gets the new status; the one that had the old status is superseded."""
    revision = revisions[change.revision_id]
    for other in revisions.values():
        if other is not revision and other.status in EXCLUSIVE:
            _record(apps, change, other)
            other.status = SUPERSEDED
    if change.before != revision.status:
        change.before = revision.status
        change.save(update_fields=["before"])
    revision.status = change.after
    revision.frozen_at = revision.frozen_at or (None if change.after == DRAFT else change.changed_at)


def _record(apps: Any, change: Any, superseded: Any) -> None:
    StatusChange = apps.get_model("decisions", "StatusChange")
    made = StatusChange.objects.create(
        decision_id=change.decision_id,
        revision=superseded,
        before=superseded.status,
        after=SUPERSEDED,
        changed_by_id=change.changed_by_id,
    )
    StatusChange.objects.filter(pk=made.pk).update(changed_at=change.changed_at)


def _without_record(revisions: dict[Any, Any], decision: Any) -> None:
    """Set before changes were recorded: on the latest revision that is frozen, else on the latest."""
    frozen = [revision for revision in revisions.values() if revision.frozen_at]
    chosen = (frozen or list(revisions.values()))[-1]
    for revision in revisions.values():
        if revision.status in EXCLUSIVE:
            revision.status = SUPERSEDED
    chosen.status = decision.status


class Migration(migrations.Migration):
    dependencies = [("decisions", "0010_revision_status")]

    operations = [migrations.RunPython(give_each_revision_its_status, migrations.RunPython.noop)]

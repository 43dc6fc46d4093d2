import uuid

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

STATES = [("queued", "Queued"), ("running", "Running"), ("done", "Done")]


class Migration(migrations.Migration):
    dependencies = [("decisions", "0023_quotas_and_bulk")]

    operations = [
        migrations.CreateModel(
            name="SharedReplication",
            fields=[
                ("attempt", models.PositiveIntegerField(default=0)),
                ("lost_leases", models.PositiveSmallIntegerField(default=0)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("worker", models.CharField(blank=True, default="", max_length=100)),
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("number", models.BigIntegerField()),
                ("state", models.CharField(choices=STATES, default="queued", max_length=10)),
                ("tallies_npz", models.BinaryField(blank=True, null=True)),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="shared_replications",
                        to="decisions.run",
                    ),
                ),
            ],
            options={
                "ordering": ["run", "number"],
                "indexes": [models.Index(condition=~Q(state="done"), fields=["state"], name="unfinished_replications")],
                "constraints": [
                    models.UniqueConstraint(fields=("run", "number"), name="replication_is_shared_once"),
                    models.CheckConstraint(
                        condition=Q(state__in=["queued", "running", "done"]), name="replication_state_is_known"
                    ),
                    models.CheckConstraint(
                        condition=Q(attempt__gte=1, lease_until__isnull=False, state="running")
                        | Q(~Q(state="running"), lease_until__isnull=True),
                        name="replication_has_a_lease_iff_running",
                    ),
                    models.CheckConstraint(
                        condition=Q(state="done", tallies_npz__isnull=False)
                        | Q(~Q(state="done"), tallies_npz__isnull=True),
                        name="replication_has_tallies_iff_done",
                    ),
                ],
            },
        ),
    ]

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

AT_LEAST_1 = django.core.validators.MinValueValidator(1)


class Migration(migrations.Migration):
    dependencies = [("decisions", "0022_run_servers"), ("teams", "0005_password_resets")]

    operations = [
        migrations.AddField("run", "is_bulk", models.BooleanField(db_default=False, default=False)),
        migrations.CreateModel(
            name="WorkspaceQuota",
            fields=[
                (
                    "workspace",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="quota",
                        serialize=False,
                        to="teams.workspace",
                    ),
                ),
                (
                    "share",
                    models.PositiveSmallIntegerField(
                        default=1,
                        help_text="With a share of 2, it gets twice as many workers as one with a share of 1 while both have something queued.",
                        validators=[AT_LEAST_1, django.core.validators.MaxValueValidator(100)],
                    ),
                ),
                (
                    "most_at_once",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="How many runs and parts of maps may be under way at once. Empty: as many as there are workers.",
                        null=True,
                        validators=[AT_LEAST_1],
                    ),
                ),
                (
                    "most_queued",
                    models.PositiveIntegerField(
                        default=1000,
                        help_text="How many runs may wait; a further one is refused.",
                        validators=[AT_LEAST_1],
                    ),
                ),
                ("served_at", models.DateTimeField(blank=True, editable=False, null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(share__gte=1, share__lte=100), name="quota_share_is_possible"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(most_at_once__isnull=True) | models.Q(most_at_once__gte=1),
                        name="quota_lets_one_run",
                    ),
                ],
            },
        ),
    ]

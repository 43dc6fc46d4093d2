from datetime import timedelta

import django.db.models.deletion
from django.apps.registry import Apps
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.utils import timezone


def note_sessions(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Those from before, so that they can be ended. When one was last written follows from when it expires."""
    users = {str(key): key for key in apps.get_model("teams", "User").objects.values_list("pk", flat=True)}
    rows = apps.get_model("teams", "SignedInSession").objects
    for session in apps.get_model("sessions", "Session").objects.filter(expire_date__gt=timezone.now()):
        user = users.get(SessionStore().decode(session.session_data).get(SESSION_KEY))
        if user is not None:
            written_at = session.expire_date - timedelta(seconds=settings.SESSION_COOKIE_AGE)
            rows.create(session=session, user_id=user, begun_at=written_at, last_seen_at=written_at)


class Migration(migrations.Migration):
    dependencies = [
        ("sessions", "0001_initial"),
        ("teams", "0003_names"),
    ]

    operations = [
        migrations.CreateModel(
            name="SignedInSession",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("begun_at", models.DateTimeField()),
                ("last_seen_at", models.DateTimeField()),
                ("address", models.GenericIPAddressField(blank=True, null=True)),
                ("user_agent", models.CharField(blank=True, max_length=255)),
                (
                    "session",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="signed_in", to="sessions.session"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="signed_in_sessions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"ordering": ["-last_seen_at", "id"]},
        ),
        migrations.RunPython(note_sessions, migrations.RunPython.noop),
    ]

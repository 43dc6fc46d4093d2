from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from advisor.teams.names import looks_of

FIELDS = ("look", "look_in_small_letters")


def claim_looks(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """The oldest account of those that look alike claims the look; the others keep their names without a claim."""
    taken: tuple[set[str], set[str]] = (set(), set())
    for user in apps.get_model("teams", "User").objects.order_by("pk"):
        for field, look, others in zip(FIELDS, looks_of(user.username), taken, strict=True):
            if look not in others:
                others.add(look)
                setattr(user, field, look)
        user.save(update_fields=FIELDS)


class Migration(migrations.Migration):
    dependencies = [
        ("teams", "0002_invitations"),
    ]

    operations = [
        *(
            migrations.AddField("user", name, models.CharField(editable=False, max_length=64, null=True, unique=True))
            for name in FIELDS
        ),
        migrations.RunPython(claim_looks, migrations.RunPython.noop),
    ]

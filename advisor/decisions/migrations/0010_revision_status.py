from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("decisions", "0009_recording_as_uploaded")]

    operations = [
        migrations.AddField(
            model_name="revision",
            name="status",
            field=models.CharField(
                choices=[
                    ("draft", "Draft"),
                    ("proposed", "Proposed"),
                    ("accepted", "Accepted"),
                    ("superseded", "Superseded"),
                ],
                default="draft",
                max_length=10,
            ),
        ),
    ]

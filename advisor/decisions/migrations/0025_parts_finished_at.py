from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("decisions", "0024_shared_replications")]

    operations = [
        migrations.AddField("sweeppart", "finished_at", models.DateTimeField(blank=True, null=True)),
    ]

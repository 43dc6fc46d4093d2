"""The admin calls recordings and crossover maps as the pages do."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("decisions", "0012_one_accepted_revision"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="sweep",
            options={
                "ordering": ["-created_at", "id"],
                "verbose_name": "crossover map or search",
                "verbose_name_plural": "crossover maps and searches",
            },
        ),
        migrations.AlterModelOptions(
            name="sweeppart",
            options={
                "ordering": ["sweep", "first"],
                "verbose_name": "part of a map or search",
                "verbose_name_plural": "parts of maps and searches",
            },
        ),
        migrations.AlterModelOptions(
            name="trace",
            options={"ordering": ["-created_at", "id"], "verbose_name": "recording"},
        ),
    ]

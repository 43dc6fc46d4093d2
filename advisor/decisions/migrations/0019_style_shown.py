"""Revisions of before get the style that their recommendation shows, so that the list can select by it."""

import json
from typing import Any

from django.db import migrations


def fill_shown_style(apps: Any, schema_editor: Any) -> None:
    Revision = apps.get_model("decisions", "Revision")
    for revision in Revision.objects.only("pk", "recommendation_json").iterator(chunk_size=200):
        stored = json.loads(revision.recommendation_json)
        style = stored.get("style", "") if stored.get("feasible", True) else "neither"
        Revision.objects.filter(pk=revision.pk).update(shown_style=style)


class Migration(migrations.Migration):
    dependencies = [
        ("decisions", "0018_tags_and_archive"),
    ]

    operations = [migrations.RunPython(fill_shown_style, migrations.RunPython.noop, elidable=True)]

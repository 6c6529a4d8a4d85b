from typing import Any

from django.db import migrations, models
from django.db.models import F


def who_is_known_has_started(apps: Any, schema_editor: Any) -> None:
    """Let nobody who plays already come by an invitation."""
    player_model = apps.get_model("players", "Player")
    player_model._base_manager.using(schema_editor.connection.alias).update(
        started_at=F("created_at")
    )


class Migration(migrations.Migration):
    dependencies = [
        ("players", "0003_awaits_promo_codes"),
    ]

    operations = [
        migrations.AddField(
            model_name="player",
            name="started_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.RunPython(who_is_known_has_started, migrations.RunPython.noop),
    ]

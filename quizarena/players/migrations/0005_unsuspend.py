"""The permission speaks of unsuspending."""

from django.db import migrations


class Migration(migrations.Migration):
    """Change a label; no table changes."""

    dependencies = [("players", "0004_started_at")]

    operations = [
        migrations.AlterModelOptions(
            name="player",
            options={"permissions": [("suspend_player", "Can suspend and unsuspend players")]},
        ),
    ]

"""A pace that is lost in a crash costs nothing, so it need not go through the write-ahead log."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("bot", "0001_inbox_and_outbox")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE bot_pace SET UNLOGGED", reverse_sql="ALTER TABLE bot_pace SET LOGGED"
        ),
    ]

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bot", "0012_done_updates_hold_no_texts")]

    operations = [
        migrations.CreateModel(
            name="PlayerRateLimit",
            fields=[
                ("player_key", models.BigIntegerField(primary_key=True, serialize=False)),
                ("free_at", models.DateTimeField()),
                ("verdict", models.CharField(max_length=8)),
                ("notified_at", models.DateTimeField(null=True)),
            ],
        ),
        # What is lost in a crash costs nothing, so it need not go through the write-ahead log.
        migrations.RunSQL(
            "ALTER TABLE bot_playerratelimit SET UNLOGGED",
            reverse_sql="ALTER TABLE bot_playerratelimit SET LOGGED",
        ),
    ]

import django.contrib.postgres.indexes
import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Player",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("telegram_id", models.BigIntegerField(unique=True)),
                ("first_name", models.CharField(max_length=128)),
                ("last_name", models.CharField(blank=True, default="", max_length=128)),
                ("username", models.CharField(blank=True, default="", max_length=64)),
                (
                    "language",
                    models.CharField(
                        choices=[("de", "Deutsch"), ("en", "English"), ("uk", "Українська")],
                        default="de",
                        max_length=2,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("last_seen_at", models.DateTimeField()),
                (
                    "bot_blocked_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="Since when the player has blocked the bot.",
                        null=True,
                    ),
                ),
                (
                    "suspended_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="Since when staff have shut the player out.",
                        null=True,
                    ),
                ),
                ("suspension_told_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "permissions": [("suspend_player", "Can suspend and readmit players")],
                "indexes": [
                    models.Index(
                        django.contrib.postgres.indexes.OpClass(
                            django.db.models.functions.text.Upper("username"),
                            name="text_pattern_ops",
                        ),
                        name="player_username_prefix",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("language__in", ["de", "en", "uk"])),
                        name="player_language_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("suspension_told_at", None),
                            ("suspended_at__isnull", False),
                            _connector="OR",
                        ),
                        name="player_told_only_when_suspended",
                    ),
                ],
            },
        ),
        migrations.AddIndex(
            model_name="player",
            index=models.Index(
                condition=models.Q(("suspended_at__isnull", False)),
                fields=["-id"],
                name="player_suspended",
            ),
        ),
        migrations.AddIndex(
            model_name="player",
            index=models.Index(
                condition=models.Q(("bot_blocked_at__isnull", False)),
                fields=["-id"],
                name="player_bot_blocked",
            ),
        ),
    ]

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bot", "0014_standard_names"),
        ("players", "0006_standard_names"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="reminder",
            name="reminder_kind_is_known",
        ),
        migrations.AddField(
            model_name="remindersettings",
            name="daily_challenge",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AlterField(
            model_name="reminder",
            name="kind",
            field=models.CharField(
                choices=[
                    ("STREAK_RISK", "streak at risk"),
                    ("DAILY_ROUND", "daily round"),
                    ("DAILY_CHALLENGE", "daily challenge"),
                    ("PREMIUM", "end of Premium"),
                    ("STREAK_NEWS", "what became of a streak"),
                    ("INVITATIONS", "news of invited friends and rewards"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="remindersweep",
            name="kind",
            field=models.CharField(
                choices=[
                    ("STREAK_RISK", "streak at risk"),
                    ("DAILY_ROUND", "daily round"),
                    ("DAILY_CHALLENGE", "daily challenge"),
                    ("PREMIUM", "end of Premium"),
                    ("STREAK_NEWS", "what became of a streak"),
                    ("INVITATIONS", "news of invited friends and rewards"),
                ],
                max_length=16,
            ),
        ),
        migrations.AddIndex(
            model_name="remindersettings",
            index=models.Index(
                condition=models.Q(("daily_challenge", True)),
                fields=["zone", "daily_hour", "player"],
                name="remindersettings_challenge",
            ),
        ),
        migrations.AddConstraint(
            model_name="reminder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "STREAK_RISK",
                            "DAILY_ROUND",
                            "DAILY_CHALLENGE",
                            "PREMIUM",
                            "STREAK_NEWS",
                            "INVITATIONS",
                        ],
                    )
                ),
                name="reminder_kind_is_known",
            ),
        ),
    ]

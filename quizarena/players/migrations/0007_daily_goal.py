from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("players", "0006_standard_names"),
    ]

    operations = [
        migrations.AddField(
            model_name="player",
            name="daily_goal",
            field=models.PositiveSmallIntegerField(db_default=1, default=1),
        ),
        migrations.AddConstraint(
            model_name="player",
            constraint=models.CheckConstraint(
                condition=models.Q(("daily_goal__in", (1, 2, 3))), name="player_daily_goal_exists"
            ),
        ),
    ]

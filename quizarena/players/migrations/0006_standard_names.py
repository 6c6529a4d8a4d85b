from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("players", "0005_unsuspend"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="player",
            name="player_told_only_when_suspended",
        ),
        migrations.RenameField(
            model_name="player",
            old_name="suspension_told_at",
            new_name="suspension_notified_at",
        ),
        migrations.AddConstraint(
            model_name="player",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("suspension_notified_at", None),
                    ("suspended_at__isnull", False),
                    _connector="OR",
                ),
                name="player_notified_only_when_suspended",
            ),
        ),
    ]

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("economy", "0008_control_runs"),
        ("players", "0006_standard_names"),
    ]

    operations = [
        migrations.RenameModel(
            old_name="ProverFinding",
            new_name="VerificationFinding",
        ),
        migrations.RenameModel(
            old_name="ProverRun",
            new_name="VerificationRun",
        ),
        migrations.AlterModelOptions(
            name="verificationrun",
            options={"verbose_name": "ledger check"},
        ),
        migrations.RemoveConstraint(
            model_name="streak",
            name="streak_active_days_are_settled",
        ),
        migrations.RemoveIndex(
            model_name="premiumnotice",
            name="premiumnotice_untold",
        ),
        migrations.RemoveIndex(
            model_name="streakday",
            name="streak_day_untold",
        ),
        migrations.RenameField(
            model_name="premiumnotice",
            old_name="told_at",
            new_name="notified_at",
        ),
        migrations.RenameField(
            model_name="streak",
            old_name="settled_through",
            new_name="rolled_over_through",
        ),
        migrations.RenameField(
            model_name="streakday",
            old_name="told_at",
            new_name="notified_at",
        ),
        migrations.AddIndex(
            model_name="premiumnotice",
            index=models.Index(
                condition=models.Q(("notified_at", None)),
                fields=["ends_at"],
                name="premiumnotice_unsent",
            ),
        ),
        migrations.AddIndex(
            model_name="streakday",
            index=models.Index(
                condition=models.Q(
                    ("notified_at", None),
                    ("outcome__in", ["MISSED", "FROZEN_SAVER", "FROZEN_PREMIUM", "SHIELDED"]),
                ),
                fields=["id"],
                name="streak_day_unsent",
            ),
        ),
        migrations.AddConstraint(
            model_name="streak",
            constraint=models.CheckConstraint(
                condition=models.Q(("rolled_over_through__gte", models.F("last_active_day"))),
                name="streak_active_days_are_rolled_over",
            ),
        ),
    ]

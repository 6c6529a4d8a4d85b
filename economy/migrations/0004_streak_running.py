from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("economy", "0003_outage_days_from_recorded_downtime"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="streak",
            index=models.Index(
                condition=models.Q(("current__gt", 0)),
                fields=["last_active_day"],
                name="streak_running",
            ),
        ),
    ]

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bot", "0007_claims_are_numbered")]

    operations = [
        migrations.AddField(
            model_name="pace", name="limited_at", field=models.DateTimeField(null=True)
        ),
        migrations.AddField(
            model_name="pace", name="limited_until", field=models.DateTimeField(null=True)
        ),
        migrations.AddIndex(
            model_name="pace",
            index=models.Index(
                condition=models.Q(("limited_at__isnull", False)),
                fields=["limited_at"],
                name="pace_recently_limited",
            ),
        ),
        migrations.AddConstraint(
            model_name="pace",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("limited_at", None), ("limited_until", None)),
                    models.Q(("limited_at__isnull", False), ("limited_until__isnull", False)),
                    _connector="OR",
                ),
                name="pace_limit_has_both_times",
            ),
        ),
    ]

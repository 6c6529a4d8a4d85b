from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("staff", "0006_security_stands_alone"),
    ]

    operations = [
        migrations.CreateModel(
            name="SignInFailure",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.DateTimeField()),
                ("username", models.CharField(blank=True, max_length=150, verbose_name="name")),
                ("address", models.CharField(blank=True, max_length=64)),
                ("times", models.PositiveIntegerField()),
                ("last_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "failed sign-in",
                "indexes": [
                    models.Index(fields=["-last_at", "-id"], name="signinfailure_latest"),
                    models.Index(fields=["hour", "username"], name="signinfailure_of_name"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("hour", "address", "username"), name="signinfailure_one_per_hour"
                    )
                ],
            },
        ),
    ]

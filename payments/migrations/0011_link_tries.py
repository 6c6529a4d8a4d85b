from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0010_support_pictures"),
    ]

    operations = [
        migrations.AddField(
            model_name="purchase",
            name="link_due_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="purchase",
            name="link_tries",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
    ]

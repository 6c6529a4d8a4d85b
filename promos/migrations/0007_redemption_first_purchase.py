"""Of the discounts for a first purchase a player can use one."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("promos", "0006_redemption_locked_until"),
    ]

    operations = [
        migrations.AddField(
            model_name="redemption",
            name="is_first_purchase",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddConstraint(
            model_name="redemption",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("is_first_purchase", True), models.Q(("status", "EXPIRED"), _negated=True)
                ),
                fields=("player",),
                name="redemption_one_first_purchase",
            ),
        ),
    ]

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("players", "0002_awaited_message"),
    ]

    operations = [
        migrations.AlterField(
            model_name="player",
            name="awaits",
            field=models.CharField(
                blank=True,
                choices=[
                    ("PAYMENT_QUESTION", "a question about a payment"),
                    ("PROMO_CODE", "a promo code"),
                ],
                default="",
                max_length=32,
            ),
        ),
    ]

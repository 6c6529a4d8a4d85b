from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bot", "0006_broadcasts")]

    operations = [
        migrations.AddField(
            model_name="outgoingcall",
            name="claim_number",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
    ]

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bot", "0020_erase_personal_data"),
        ("game", "0019_written_reviews"),
    ]

    operations = [
        migrations.AddField(
            model_name="tournamentboard",
            name="answered",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="game.questionversion",
            ),
        ),
    ]


from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('players', '0001_player'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='player',
            options={'permissions': [('suspend_player', 'Can suspend and readmit players')]},
        ),
    ]

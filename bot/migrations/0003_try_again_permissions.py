from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ("bot", "0002_pace_is_unlogged"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="inboxupdate",
            options={
                "verbose_name": "update",
                "permissions": [("try_again_inboxupdate", "Can try dead updates again")],
            },
        ),
        migrations.AlterModelOptions(
            name="outgoingcall",
            options={
                "verbose_name": "outgoing call",
                "permissions": [("send_again_outgoingcall", "Can send failed calls again")],
            },
        ),
    ]

from django.db import migrations

# Whoever typed an id has named a chat, and not shown that it is theirs.
FORGET = "DELETE FROM bot_staffplayer"


class Migration(migrations.Migration):
    dependencies = [
        ("bot", "0006_broadcasts"),
        ("staff", "0008_chat_links"),
    ]

    operations = [
        migrations.RunSQL(FORGET, migrations.RunSQL.noop),
    ]

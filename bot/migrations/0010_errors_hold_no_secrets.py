from django.db import migrations

# Texts of the transport's errors named whole addresses; a bot's token may stand in any of them.
SCRUB_CALLS = r"""
UPDATE bot_outgoingcall
SET error = regexp_replace(
  regexp_replace(
    error, '^(No connection to Telegram|No answer from Telegram|Unknown error in HTTP).*$', '\1.'
  ),
  '[0-9]{5,}(:|%3[Aa])[A-Za-z0-9_-]{20,}', '***', 'g'
)
WHERE error ~ '^(No connection to Telegram|No answer from Telegram|Unknown error in HTTP)'
   OR error ~ '[0-9]{5,}(:|%3[Aa])[A-Za-z0-9_-]{20,}'
"""
SCRUB_UPDATES = r"""
UPDATE bot_inboxupdate
SET last_error = regexp_replace(last_error, '[0-9]{5,}(:|%3[Aa])[A-Za-z0-9_-]{20,}', '***', 'g')
WHERE last_error ~ '[0-9]{5,}(:|%3[Aa])[A-Za-z0-9_-]{20,}'
"""


class Migration(migrations.Migration):
    dependencies = [("bot", "0009_superseded_edits")]

    operations = [
        migrations.RunSQL(sql=SCRUB_CALLS, reverse_sql=migrations.RunSQL.noop),
        migrations.RunSQL(sql=SCRUB_UPDATES, reverse_sql=migrations.RunSQL.noop),
    ]

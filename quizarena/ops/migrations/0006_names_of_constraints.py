"""Constraints, indexes and sequences that PostgreSQL named after tables and columns follow them."""

from django.db import migrations

RENAME = """
DO $$
DECLARE
  one record;
BEGIN
  FOR one IN
    WITH renamed (before, after) AS (VALUES
      ('api_keptanswer', 'api_idempotencyrecord'),
      ('bot_outgoingcall_showing', 'bot_outgoingcall_round_question'),
      ('bot_pace', 'bot_ratelimit'),
      ('economy_proverfinding', 'economy_verificationfinding'),
      ('economy_proverfindin', 'economy_verificationfindin'),
      ('economy_proverrun', 'economy_verificationrun'),
      ('economy_streak_settled_through', 'economy_streak_rolled_over_through'),
      ('game_showing', 'game_roundquestion'),
      ('promos_campaign_held', 'promos_campaign_reserved'),
      ('promos_campaign_stars_held', 'promos_campaign_stars_reserved'),
      ('promos_denial', 'promos_denylistentry'),
      ('promos_redemption_turn', 'promos_redemption_attempt_number'),
      ('staff_alert_settled_by', 'staff_alert_resolved_by')
    ), named (name, command) AS (
      SELECT conname, format('ALTER TABLE %s RENAME CONSTRAINT', conrelid::regclass)
      FROM pg_constraint WHERE connamespace = 'public'::regnamespace
      UNION ALL
      SELECT relname, 'ALTER SEQUENCE'
      FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'S'
      UNION ALL
      SELECT relname, 'ALTER INDEX'
      FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'i'
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = pg_class.oid)
    )
    SELECT command, name, left(after || substr(name, length(before) + 1), 63) AS new_name
    FROM named JOIN renamed ON starts_with(name, before || '_')
  LOOP
    EXECUTE format(
      CASE WHEN one.command LIKE 'ALTER TABLE%' THEN '%s %I TO %I' ELSE '%s %I RENAME TO %I' END,
      one.command, one.name, one.new_name
    );
  END LOOP;
END
$$
"""


class Migration(migrations.Migration):
    """Let the names say what they are of."""

    dependencies = [
        ("api", "0003_standard_names"),
        ("bot", "0014_standard_names"),
        ("economy", "0009_standard_names"),
        ("game", "0004_standard_names"),
        ("ops", "0005_schedule_names"),
        ("promos", "0009_standard_names"),
        ("staff", "0010_standard_names"),
    ]

    operations = [migrations.RunSQL(RENAME, migrations.RunSQL.noop)]

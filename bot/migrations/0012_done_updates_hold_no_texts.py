"""What players typed, codes among it, leaves the updates that are done."""

from django.db import migrations

# The function goes with the session. It does what the inbox does with each update from now on.
REDACT = """
CREATE FUNCTION pg_temp.without_texts(part jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  IF jsonb_typeof(part) = 'object' THEN
    RETURN coalesce((
      SELECT jsonb_object_agg(key, CASE
        WHEN key IN ('text', 'caption', 'query', 'question', 'explanation', 'url')
          AND jsonb_typeof(value) = 'string' THEN '"…"'::jsonb
        ELSE pg_temp.without_texts(value) END)
      FROM jsonb_each(part)), '{}');
  ELSIF jsonb_typeof(part) = 'array' THEN
    RETURN coalesce((
      SELECT jsonb_agg(pg_temp.without_texts(value) ORDER BY place)
      FROM jsonb_array_elements(part) WITH ORDINALITY AS element(value, place)), '[]');
  END IF;
  RETURN part;
END
$$;
UPDATE bot_inboxupdate SET payload = pg_temp.without_texts(payload) WHERE state = 'DONE';
DROP FUNCTION pg_temp.without_texts(jsonb);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("bot", "0011_broadcast_scheduled_by"),
    ]

    operations = [
        # What is gone cannot come back.
        migrations.RunSQL(REDACT, migrations.RunSQL.noop),
    ]

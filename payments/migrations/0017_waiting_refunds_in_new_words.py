"""Refunds that wait for a second person say what they do in the words of today.

Whoever approves one compares what it does now with what was asked for, word by word. Since "5 XTR"
reads "5 Stars" and "CASES_PRACTICE" reads "Cases practice", none of them could be approved any
more, though nothing has changed. What is decided stays as it was decided.
"""

from django.db import migrations

REPHRASE = r"""
UPDATE staff_approvalrequest SET preview = (
  SELECT jsonb_agg(
    jsonb_build_array(
      coalesce((
        SELECT name || substr(line ->> 0, length(code) + 1)
        FROM (VALUES
          ('QUICK_MIX_A1A2', 'Quick mix A1-A2'),
          ('ARTIKEL_SPRINT', 'Artikel sprint'),
          ('DAILY_CHALLENGE', 'Daily challenge'),
          ('CASES_PRACTICE', 'Cases practice'),
          ('TRENNBARE_VERBEN', 'Trennbare Verben'),
          ('WORD_ORDER', 'Word order')
        ) AS mode (code, name)
        WHERE line ->> 0 = code OR starts_with(line ->> 0, code || ' (')
      ), line ->> 0),
      CASE WHEN place = 1 THEN regexp_replace(line ->> 1, '^([0-9,]+) XTR from ', '\1 Stars from ')
      ELSE line ->> 1 END,
      line ->> 2
    ) ORDER BY place
  )
  FROM jsonb_array_elements(preview) WITH ORDINALITY AS lines (line, place)
)
WHERE kind = 'refund' AND status = 'OPEN'
  AND jsonb_typeof(preview) = 'array' AND preview <> '[]'
"""


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0016_requests_are_closed"),
        ("staff", "0011_alerts_leave_the_house"),
    ]

    operations = [
        # The triggers keep what was asked for from everybody else.
        migrations.RunSQL(
            [
                "ALTER TABLE staff_approvalrequest DISABLE TRIGGER USER",
                REPHRASE,
                "ALTER TABLE staff_approvalrequest ENABLE TRIGGER USER",
            ],
            migrations.RunSQL.noop,
        ),
    ]

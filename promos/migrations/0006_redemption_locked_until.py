"""A hold that was approved is kept for half an hour from its first approval, and no longer."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

# What is kept now was approved at its last change at the latest.
LOCK_WHAT_IS_KEPT = """
UPDATE promos_redemption SET locked_until = changed_at + interval '30 minutes'
WHERE status = 'RESERVED' AND is_kept
"""


class Migration(migrations.Migration):
    dependencies = [
        ("promos", "0005_campaign_authorisation"),
    ]

    operations = [
        migrations.AddField(
            model_name="redemption",
            name="locked_until",
            field=models.DateTimeField(null=True),
        ),
        migrations.RunSQL(LOCK_WHAT_IS_KEPT, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="redemption",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("is_kept", True), ("status", "RESERVED"), _negated=True),
                    ("locked_until__isnull", False),
                    _connector="OR",
                ),
                name="redemption_lock_has_an_end",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="redemption",
            trigger=pgtrigger.compiler.Trigger(
                name="locked_once",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.locked_until IS NOT NULL AND NEW.locked_until IS DISTINCT FROM OLD.locked_until)",
                    func="RAISE EXCEPTION 'How long a hold is kept is not prolonged.';",
                    hash="3b8bb27f6337c236fa7e6ba5ebfc5eb7dc94decd",
                    operation="UPDATE",
                    pgid="pgtrigger_locked_once_b0f42",
                    table="promos_redemption",
                    when="BEFORE",
                ),
            ),
        ),
    ]

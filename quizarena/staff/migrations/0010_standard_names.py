import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("staff", "0009_unproven_chats"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="alert",
            options={"permissions": [("resolve_alert", "Can resolve alert")]},
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="alert",
            name="alert_settled_stays",
        ),
        migrations.RemoveConstraint(
            model_name="alert",
            name="alert_one_open_per_key",
        ),
        migrations.RemoveConstraint(
            model_name="alert",
            name="alert_settled_by_hand_has_reason",
        ),
        migrations.RemoveIndex(
            model_name="alert",
            name="alert_open_first",
        ),
        migrations.RenameField(
            model_name="alert",
            old_name="settle_reason",
            new_name="resolve_reason",
        ),
        migrations.RenameField(
            model_name="alert",
            old_name="settled_at",
            new_name="resolved_at",
        ),
        migrations.RenameField(
            model_name="alert",
            old_name="settled_by",
            new_name="resolved_by",
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(fields=["-resolved_at", "-last_at", "-id"], name="alert_open_first"),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="alert",
            trigger=pgtrigger.compiler.Trigger(
                name="alert_resolved_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."resolved_at" IS NOT NULL)',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="23c26e1309776c58bb7027fe49d42049d5f9c261",
                    operation="UPDATE",
                    pgid="pgtrigger_alert_resolved_stays_7fef9",
                    table="staff_alert",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.UniqueConstraint(
                condition=models.Q(("resolved_at", None)),
                fields=("kind", "key"),
                name="alert_one_open_per_key",
            ),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("resolve_reason", ""), ("resolved_by", None)),
                    models.Q(
                        ("resolved_at__isnull", False),
                        ("resolved_by__isnull", False),
                        models.Q(("resolve_reason", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="alert_resolved_by_hand_has_reason",
            ),
        ),
    ]

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("staff", "0002_approvals"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Alert",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=64)),
                ("key", models.CharField(max_length=200)),
                ("summary", models.CharField(max_length=500)),
                ("details", models.JSONField(blank=True, default=dict)),
                ("subject_type", models.CharField(blank=True, default="", max_length=64)),
                ("subject_id", models.CharField(blank=True, default="", max_length=64)),
                ("times", models.PositiveIntegerField(default=1)),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("settled_at", models.DateTimeField(null=True)),
                (
                    "settle_reason",
                    models.CharField(blank=True, default="", max_length=500, verbose_name="reason"),
                ),
                (
                    "settled_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "permissions": [("settle_alert", "Can settle alert")],
                "indexes": [
                    models.Index(fields=["-settled_at", "-last_at", "-id"], name="alert_open_first")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("settled_at", None)),
                        fields=("kind", "key"),
                        name="alert_one_open_per_key",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("times__gte", 1)), name="alert_has_happened"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("last_at__gte", models.F("first_at"))),
                        name="alert_last_is_not_before_first",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("settle_reason", ""), ("settled_by", None)),
                            models.Q(
                                ("settled_at__isnull", False),
                                ("settled_by__isnull", False),
                                models.Q(("settle_reason", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="alert_settled_by_hand_has_reason",
                    ),
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="alert",
            trigger=pgtrigger.compiler.Trigger(
                name="alert_identity_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."kind" IS DISTINCT FROM (NEW."kind") OR OLD."key" IS DISTINCT FROM (NEW."key") OR OLD."first_at" IS DISTINCT FROM (NEW."first_at"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="97239767ee42a2f7b535caa3956d3fb250bd6fd6",
                    operation="UPDATE",
                    pgid="pgtrigger_alert_identity_stays_ce6ad",
                    table="staff_alert",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="alert",
            trigger=pgtrigger.compiler.Trigger(
                name="alert_settled_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."settled_at" IS NOT NULL)',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="69d67aa54b433fb8caaab1214994c8845376eb5d",
                    operation="UPDATE",
                    pgid="pgtrigger_alert_settled_stays_b11b3",
                    table="staff_alert",
                    when="BEFORE",
                ),
            ),
        ),
    ]

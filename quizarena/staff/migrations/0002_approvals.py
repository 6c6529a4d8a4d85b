import django.db.models.deletion
import django.db.models.functions.comparison
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("staff", "0001_audit_log"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ApprovalRequest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=64)),
                ("subject_type", models.CharField(max_length=64)),
                ("subject_id", models.CharField(max_length=64)),
                ("subject_name", models.CharField(max_length=200, verbose_name="about")),
                ("parameters", models.JSONField(blank=True, default=dict)),
                ("preview", models.JSONField()),
                ("reason", models.CharField(max_length=500)),
                ("asked_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("OPEN", "open"),
                            ("APPROVED", "approved"),
                            ("DECLINED", "declined"),
                            ("WITHDRAWN", "withdrawn"),
                            ("EXPIRED", "expired"),
                        ],
                        default="OPEN",
                        max_length=9,
                    ),
                ),
                ("decided_at", models.DateTimeField(null=True)),
                (
                    "decision_reason",
                    models.CharField(blank=True, default="", max_length=500, verbose_name="reason"),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "maker",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "approval",
                "indexes": [
                    models.Index(
                        models.OrderBy(
                            django.db.models.functions.comparison.Coalesce(
                                "decided_at", "expires_at"
                            ),
                            descending=True,
                        ),
                        models.OrderBy(models.F("id"), descending=True),
                        name="approval_by_end",
                    ),
                    models.Index(
                        condition=models.Q(("status", "OPEN")),
                        fields=["expires_at"],
                        name="approval_waiting",
                    ),
                    models.Index(
                        fields=["subject_type", "subject_id", "-id"], name="approval_of_subject"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status", "OPEN")),
                        fields=("kind", "subject_type", "subject_id"),
                        name="approval_one_open_per_subject",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status__in", ["OPEN", "APPROVED", "DECLINED", "WITHDRAWN", "EXPIRED"])
                        ),
                        name="approval_status_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True),
                        name="approval_has_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("expires_at__gt", models.F("asked_at"))),
                        name="approval_expires_later",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("decided_at", None),
                                ("decided_by", None),
                                ("decision_reason", ""),
                                ("status", "OPEN"),
                            ),
                            models.Q(
                                ("decided_at__isnull", False),
                                ("status", "EXPIRED"),
                                ("decided_by", None),
                            ),
                            models.Q(
                                ("status__in", ["APPROVED", "DECLINED", "WITHDRAWN"]),
                                ("decided_at__isnull", False),
                                ("decided_by__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="approval_decided_tells_when_and_who",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status__in", ["APPROVED", "DECLINED"]), _negated=True),
                            models.Q(("decided_by", models.F("maker")), _negated=True),
                            _connector="OR",
                        ),
                        name="approval_maker_is_never_checker",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "WITHDRAWN"), _negated=True),
                            ("decided_by", models.F("maker")),
                            _connector="OR",
                        ),
                        name="approval_withdrawn_by_its_maker",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "DECLINED"), _negated=True),
                            models.Q(("decision_reason", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="approval_declined_has_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("decided_at", None),
                            models.Q(
                                ("decided_at__gte", models.F("expires_at")), ("status", "EXPIRED")
                            ),
                            models.Q(
                                models.Q(("status", "EXPIRED"), _negated=True),
                                ("decided_at__lt", models.F("expires_at")),
                            ),
                            _connector="OR",
                        ),
                        name="approval_decided_in_time",
                    ),
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="approvalrequest",
            trigger=pgtrigger.compiler.Trigger(
                name="approval_begins_open",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (NOT (NEW.\"status\" = 'OPEN'))",
                    func="RAISE EXCEPTION 'pgtrigger: Cannot insert rows from % table', TG_TABLE_NAME;",
                    hash="b7989a3499e5031669461960fc71dc295224e039",
                    operation="INSERT",
                    pgid="pgtrigger_approval_begins_open_d93c3",
                    table="staff_approvalrequest",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="approvalrequest",
            trigger=pgtrigger.compiler.Trigger(
                name="approval_moves",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _is_valid_transition BOOLEAN;",
                    func='SELECT CONCAT(OLD."status", \':\', NEW."status") = ANY(\'{OPEN:APPROVED,OPEN:DECLINED,OPEN:WITHDRAWN,OPEN:EXPIRED}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."status" IS DISTINCT FROM NEW."status") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "status" from "%" to "%" on table %\', OLD."status", NEW."status", TG_TABLE_NAME; ELSE RETURN NEW; END IF;',
                    hash="15f4ef3bc1654d75bb6defa0a8165b532edf50f0",
                    operation="UPDATE",
                    pgid="pgtrigger_approval_moves_1d3e6",
                    table="staff_approvalrequest",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="approvalrequest",
            trigger=pgtrigger.compiler.Trigger(
                name="approval_question_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."kind" IS DISTINCT FROM (NEW."kind") OR OLD."subject_type" IS DISTINCT FROM (NEW."subject_type") OR OLD."subject_id" IS DISTINCT FROM (NEW."subject_id") OR OLD."subject_name" IS DISTINCT FROM (NEW."subject_name") OR OLD."parameters" IS DISTINCT FROM (NEW."parameters") OR OLD."preview" IS DISTINCT FROM (NEW."preview") OR OLD."reason" IS DISTINCT FROM (NEW."reason") OR OLD."maker_id" IS DISTINCT FROM (NEW."maker_id") OR OLD."asked_at" IS DISTINCT FROM (NEW."asked_at") OR OLD."expires_at" IS DISTINCT FROM (NEW."expires_at"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="7a8f09c67e68ff92c8bbc0756911dffc6f1a518b",
                    operation="UPDATE",
                    pgid="pgtrigger_approval_question_stays_a79cf",
                    table="staff_approvalrequest",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="approvalrequest",
            trigger=pgtrigger.compiler.Trigger(
                name="approval_decision_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (NOT (OLD.\"status\" = 'OPEN'))",
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="4eb74c211af0ad9bb30e9c939dcd1ba89a0ce130",
                    operation="UPDATE",
                    pgid="pgtrigger_approval_decision_stays_30d9c",
                    table="staff_approvalrequest",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="approvalrequest",
            trigger=pgtrigger.compiler.Trigger(
                name="approval_never_deleted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                    hash="64c1c00a7a294e179b43daaa2667906d86fd2a7e",
                    operation="DELETE",
                    pgid="pgtrigger_approval_never_deleted_b9d3e",
                    table="staff_approvalrequest",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="approvalrequest",
            trigger=pgtrigger.compiler.Trigger(
                name="approval_never_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'Cannot truncate the approvals.';",
                    hash="b92a3c42183c576276baf4a576d6f64af6abd0ca",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_approval_never_truncated_00ecb",
                    table="staff_approvalrequest",
                    when="BEFORE",
                ),
            ),
        ),
    ]

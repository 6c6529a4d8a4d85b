import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="OutgoingCall",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("method", models.CharField(max_length=64)),
                ("chat_key", models.BigIntegerField(null=True)),
                ("parameters", models.JSONField()),
                ("files", models.JSONField(null=True)),
                (
                    "lane",
                    models.PositiveSmallIntegerField(
                        choices=[(0, "answer"), (1, "bulk")], default=0
                    ),
                ),
                ("paced", models.BooleanField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("PENDING", "pending"),
                            ("SENDING", "sending"),
                            ("SENT", "sent"),
                            ("REFUSED", "refused by Telegram"),
                            ("GIVEN_UP", "given up"),
                            ("MAYBE_SENT", "maybe sent"),
                        ],
                        default="PENDING",
                        max_length=10,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("claimed_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("doubtful", models.BooleanField(default=False)),
                ("error", models.TextField(blank=True, default="")),
                ("message_id", models.BigIntegerField(null=True)),
            ],
            options={
                "verbose_name": "outgoing call",
                "permissions": [("send_again_outgoingcall", "Can send failed calls again")],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "PENDING")),
                        fields=["lane", "id"],
                        name="outbox_pending",
                    ),
                    models.Index(
                        condition=models.Q(("state__in", ["PENDING", "SENDING"])),
                        fields=["chat_key", "lane", "id"],
                        name="outbox_waiting_of_chat",
                    ),
                    models.Index(
                        condition=models.Q(("state__in", ["PENDING", "SENDING"])),
                        fields=["due_at"],
                        name="outbox_waiting",
                    ),
                    models.Index(fields=["chat_key", "-id"], name="outbox_of_chat"),
                    models.Index(
                        condition=models.Q(("state__in", ["REFUSED", "GIVEN_UP", "MAYBE_SENT"])),
                        fields=["state", "-id"],
                        name="outbox_failed",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                ["PENDING", "SENDING", "SENT", "REFUSED", "GIVEN_UP", "MAYBE_SENT"],
                            )
                        ),
                        name="outbox_state_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("finished_at", None), ("state__in", ["PENDING", "SENDING"])),
                            models.Q(
                                models.Q(("state__in", ["PENDING", "SENDING"]), _negated=True),
                                ("finished_at__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="outbox_finished_has_finished_at",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Pace",
            fields=[
                ("name", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("free_at", models.DateTimeField()),
            ],
            options={
                "verbose_name_plural": "paces",
            },
        ),
        migrations.CreateModel(
            name="InboxUpdate",
            fields=[
                ("update_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=64)),
                ("player_key", models.BigIntegerField(null=True)),
                ("payload", models.JSONField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("NEW", "new"),
                            ("WORKING", "working"),
                            ("DONE", "done"),
                            ("DEAD", "dead"),
                        ],
                        default="NEW",
                        max_length=8,
                    ),
                ),
                ("received_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("claimed_at", models.DateTimeField(null=True)),
                ("done_at", models.DateTimeField(null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("last_error", models.TextField(blank=True, default="")),
            ],
            options={
                "verbose_name": "update",
                "permissions": [("try_again_inboxupdate", "Can try dead updates again")],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["NEW", "WORKING"])),
                        fields=["due_at", "update_id"],
                        name="inbox_waiting",
                    ),
                    models.Index(
                        condition=models.Q(("state__in", ["NEW", "WORKING"])),
                        fields=["player_key", "update_id"],
                        name="inbox_waiting_of_player",
                    ),
                    models.Index(
                        condition=models.Q(("state", "WORKING")),
                        fields=["player_key"],
                        name="inbox_working_of_player",
                    ),
                    models.Index(fields=["player_key", "-update_id"], name="inbox_of_player"),
                    models.Index(
                        condition=models.Q(("state", "DEAD")),
                        fields=["-update_id"],
                        name="inbox_dead",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["NEW", "WORKING", "DONE", "DEAD"])),
                        name="inbox_state_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "WORKING"), _negated=True),
                            ("claimed_at__isnull", False),
                            _connector="OR",
                        ),
                        name="inbox_working_has_claimed_at",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("done_at__isnull", False), ("state", "DONE")),
                            models.Q(models.Q(("state", "DONE"), _negated=True), ("done_at", None)),
                            _connector="OR",
                        ),
                        name="inbox_done_has_done_at",
                    ),
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="inboxupdate",
            trigger=pgtrigger.compiler.Trigger(
                name="inbox_moves",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _is_valid_transition BOOLEAN;",
                    func='SELECT CONCAT(OLD."state", \':\', NEW."state") = ANY(\'{NEW:WORKING,WORKING:NEW,WORKING:DONE,WORKING:DEAD,DEAD:NEW}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."state" IS DISTINCT FROM NEW."state") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "state" from "%" to "%" on table %\', OLD."state", NEW."state", TG_TABLE_NAME; ELSE RETURN NEW; END IF;',
                    hash="b852bf56e191fccbf3cc61258e405b2c5e0fd0a1",
                    operation="UPDATE",
                    pgid="pgtrigger_inbox_moves_1fb24",
                    table="bot_inboxupdate",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddField(
            model_name="outgoingcall",
            name="caused_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="calls",
                to="bot.inboxupdate",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="outgoingcall",
            trigger=pgtrigger.compiler.Trigger(
                name="outbox_moves",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _is_valid_transition BOOLEAN;",
                    func='SELECT CONCAT(OLD."state", \':\', NEW."state") = ANY(\'{PENDING:SENDING,SENDING:PENDING,SENDING:SENT,SENDING:REFUSED,SENDING:GIVEN_UP,SENDING:MAYBE_SENT,REFUSED:PENDING,GIVEN_UP:PENDING,MAYBE_SENT:PENDING}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."state" IS DISTINCT FROM NEW."state") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "state" from "%" to "%" on table %\', OLD."state", NEW."state", TG_TABLE_NAME; ELSE RETURN NEW; END IF;',
                    hash="142d70361d10163166c13bfe0058211648738a04",
                    operation="UPDATE",
                    pgid="pgtrigger_outbox_moves_ff2b4",
                    table="bot_outgoingcall",
                    when="BEFORE",
                ),
            ),
        ),
    ]

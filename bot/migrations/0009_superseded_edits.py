import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bot", "0008_chats_that_are_told_to_wait"),
        ("game", "0002_showing_given_back"),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(model_name="outgoingcall", name="outbox_moves"),
        migrations.AlterField(
            model_name="outgoingcall",
            name="state",
            field=models.CharField(
                choices=[
                    ("PENDING", "pending"),
                    ("SENDING", "sending"),
                    ("SENT", "sent"),
                    ("REFUSED", "refused by Telegram"),
                    ("GIVEN_UP", "given up"),
                    ("MAYBE_SENT", "maybe sent"),
                    ("SUPERSEDED", "superseded by a newer edit"),
                ],
                default="PENDING",
                max_length=10,
            ),
        ),
        migrations.RemoveConstraint(model_name="outgoingcall", name="outbox_state_is_known"),
        migrations.AddConstraint(
            model_name="outgoingcall",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        [
                            "PENDING",
                            "SENDING",
                            "SENT",
                            "REFUSED",
                            "GIVEN_UP",
                            "MAYBE_SENT",
                            "SUPERSEDED",
                        ],
                    )
                ),
                name="outbox_state_is_known",
            ),
        ),
        migrations.RemoveIndex(model_name="outgoingcall", name="outbox_unshown"),
        migrations.AddIndex(
            model_name="outgoingcall",
            index=models.Index(
                condition=models.Q(
                    ("showing__isnull", False),
                    ("state__in", ["REFUSED", "GIVEN_UP", "MAYBE_SENT", "SUPERSEDED"]),
                ),
                fields=["id"],
                name="outbox_unshown",
            ),
        ),
        # Without the state, an edit that was not made is one that was given up.
        migrations.RunSQL(
            sql=migrations.RunSQL.noop,
            reverse_sql="UPDATE bot_outgoingcall SET state = 'GIVEN_UP' WHERE state = 'SUPERSEDED'",
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="outgoingcall",
            trigger=pgtrigger.compiler.Trigger(
                name="outbox_moves",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _is_valid_transition BOOLEAN;",
                    func='SELECT CONCAT(OLD."state", \':\', NEW."state") = ANY(\'{PENDING:SENDING,PENDING:GIVEN_UP,PENDING:SUPERSEDED,SENDING:PENDING,SENDING:SENT,SENDING:REFUSED,SENDING:GIVEN_UP,SENDING:MAYBE_SENT,REFUSED:PENDING,GIVEN_UP:PENDING,MAYBE_SENT:PENDING}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."state" IS DISTINCT FROM NEW."state") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "state" from "%" to "%" on table %\', OLD."state", NEW."state", TG_TABLE_NAME; ELSE RETURN NEW; END IF;',
                    hash="cb1c448bee018938ebbcd0d2611e648f534d2e0e",
                    operation="UPDATE",
                    pgid="pgtrigger_outbox_moves_ff2b4",
                    table="bot_outgoingcall",
                    when="BEFORE",
                ),
            ),
        ),
    ]

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("api", "0002_money_scopes_need_approval"),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name="keptanswer",
            name="answer_stays",
        ),
        migrations.RenameModel(
            old_name="KeptAnswer",
            new_name="IdempotencyRecord",
        ),
        migrations.RemoveConstraint(
            model_name="idempotencyrecord",
            name="keptanswer_one_per_key",
        ),
        migrations.RemoveConstraint(
            model_name="idempotencyrecord",
            name="keptanswer_is_an_answer",
        ),
        migrations.RenameIndex(
            model_name="idempotencyrecord",
            new_name="idempotencyrecord_answered",
            old_name="keptanswer_answered",
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="idempotencyrecord",
            trigger=pgtrigger.compiler.Trigger(
                name="answer_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."client_id" IS DISTINCT FROM (NEW."client_id") OR OLD."key" IS DISTINCT FROM (NEW."key") OR OLD."fingerprint" IS DISTINCT FROM (NEW."fingerprint") OR OLD."status" IS DISTINCT FROM (NEW."status") OR OLD."answered_at" IS DISTINCT FROM (NEW."answered_at"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="8cf193605c0d89f171f8fbb3246f9fcc658098bf",
                    operation="UPDATE",
                    pgid="pgtrigger_answer_stays_1991f",
                    table="api_idempotencyrecord",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="idempotencyrecord",
            constraint=models.UniqueConstraint(
                fields=("client", "key"), name="idempotencyrecord_one_per_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="idempotencyrecord",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__gte", 200), ("status__lt", 500)),
                name="idempotencyrecord_is_an_answer",
            ),
        ),
    ]

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("staff", "0004_account_changes"),
    ]

    operations = [
        pgtrigger.migrations.AddTrigger(
            model_name="approvalrequest",
            trigger=pgtrigger.compiler.Trigger(
                name="approval_by_a_second_person",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (NEW.\"status\" = 'APPROVED')",
                    func="\nIF EXISTS (\n  SELECT FROM public.staff_accountchange AS change\n  WHERE (change.user_id = NEW.decided_by_id AND change.actor_id = NEW.maker_id)\n     OR (change.user_id = NEW.maker_id AND change.actor_id = NEW.decided_by_id)\n     OR (change.user_id = NEW.decided_by_id\n         AND change.actor_id IS DISTINCT FROM change.user_id\n         AND change.at > NEW.decided_at - interval '72 hours')\n) THEN\n  RAISE EXCEPTION 'Cannot approve: whoever approves has to be a second person.';\nEND IF;\nRETURN NEW;\n",
                    hash="2704c7c0f3a4d25110498b7087bc33b9a7d9cad8",
                    operation="UPDATE",
                    pgid="pgtrigger_approval_by_a_second_person_797b4",
                    table="staff_approvalrequest",
                    when="BEFORE",
                ),
            ),
        ),
    ]

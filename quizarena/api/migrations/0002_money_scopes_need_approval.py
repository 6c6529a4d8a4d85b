import django.contrib.postgres.fields
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

# Clients that are there go on: what they may do was decided before.
KEEP = """
UPDATE api_apiclient
SET approved_scopes = ARRAY(
  SELECT scope FROM unnest(scopes) AS scope
  WHERE scope IN ('refunds:write', 'promos:write') ORDER BY scope
)
WHERE revoked_at IS NULL
"""


class Migration(migrations.Migration):
    dependencies = [
        ("api", "0001_clients_and_kept_answers"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="apiclient",
            options={
                "permissions": [("approve_apiclient", "Can approve money scopes of API clients")],
                "verbose_name": "API client",
            },
        ),
        migrations.AddField(
            model_name="apiclient",
            name="approved_scopes",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=32), default=list, editable=False, size=None
            ),
        ),
        migrations.RunSQL(KEEP, migrations.RunSQL.noop),
        pgtrigger.migrations.AddTrigger(
            model_name="apiclient",
            trigger=pgtrigger.compiler.Trigger(
                name="scopes_approved_by_a_second_person",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF TG_OP = 'INSERT' AND NEW.approved_scopes <> '{}' THEN\n  RAISE EXCEPTION 'Cannot approve the scopes of a new client.';\nEND IF;\nIF TG_OP = 'UPDATE' AND EXISTS (\n  SELECT FROM unnest(NEW.approved_scopes) AS scope\n  WHERE scope <> ALL (OLD.approved_scopes) AND NOT EXISTS (\n    SELECT FROM public.staff_approvalrequest AS request\n    WHERE request.kind = 'api.money_scopes'\n      AND request.subject_type = 'api.apiclient'\n      AND request.subject_id = NEW.id::text\n      AND request.status = 'APPROVED'\n      AND request.parameters -> 'scopes' ? scope\n  )\n) THEN\n  RAISE EXCEPTION 'Cannot approve scopes without a second person.';\nEND IF;\nRETURN NEW;\n",
                    hash="c2594e255ac9675f17a31c7539e3523e68512e21",
                    operation="INSERT OR UPDATE",
                    pgid="pgtrigger_scopes_approved_by_a_second_person_e70c2",
                    table="api_apiclient",
                    when="BEFORE",
                ),
            ),
        ),
    ]

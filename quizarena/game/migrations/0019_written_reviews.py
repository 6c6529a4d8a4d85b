import django.contrib.postgres.fields
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("game", "0018_written_answers"),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name="reviewquestion",
            name="as_it_was_shown",
        ),
        migrations.AddField(
            model_name="reviewlog",
            name="text",
            field=models.CharField(max_length=200, null=True),
        ),
        migrations.AddField(
            model_name="reviewquestion",
            name="chips",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.PositiveSmallIntegerField(),
                db_default=[],
                default=list,
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="reviewquestion",
            name="placed",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.PositiveSmallIntegerField(),
                db_default=[],
                default=list,
                size=None,
            ),
        ),
        migrations.AlterField(
            model_name="reviewlog",
            name="choice",
            field=models.PositiveSmallIntegerField(null=True),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="reviewquestion",
            trigger=pgtrigger.compiler.Trigger(
                name="as_it_was_shown",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."review_id" IS DISTINCT FROM (NEW."review_id") OR OLD."number" IS DISTINCT FROM (NEW."number") OR OLD."is_repeat" IS DISTINCT FROM (NEW."is_repeat") OR OLD."card_id" IS DISTINCT FROM (NEW."card_id") OR OLD."version_id" IS DISTINCT FROM (NEW."version_id") OR OLD."order" IS DISTINCT FROM (NEW."order") OR OLD."chips" IS DISTINCT FROM (NEW."chips"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="86d402541d6e21bfacd7801554ee559f119dd6b5",
                    operation="UPDATE",
                    pgid="pgtrigger_as_it_was_shown_49f95",
                    table="game_reviewquestion",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="reviewlog",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("choice__isnull", False), ("text", None)),
                    models.Q(("choice", None), ("text__isnull", False)),
                    _connector="OR",
                ),
                name="reviewlog_choice_or_text",
            ),
        ),
        migrations.AddConstraint(
            model_name="reviewquestion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("placed__contained_by", models.F("chips")),
                    ("placed__len__lte", models.F("chips__len")),
                ),
                name="reviewquestion_placed_are_chips",
            ),
        ),
    ]

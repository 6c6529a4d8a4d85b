import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bot", "0013_player_rate_limits"),
        ("game", "0003_question_imports"),
        ("players", "0006_standard_names"),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(model_name="showing", name="answered_once"),
        pgtrigger.migrations.RemoveTrigger(model_name="showing", name="given_back_once"),
        migrations.RenameModel(old_name="Showing", new_name="RoundQuestion"),
        migrations.RemoveConstraint(model_name="roundquestion", name="showing_number_once"),
        migrations.RemoveConstraint(model_name="roundquestion", name="showing_one_open_per_round"),
        migrations.RemoveConstraint(
            model_name="roundquestion", name="showing_answered_or_given_back"
        ),
        migrations.RemoveConstraint(model_name="roundquestion", name="showing_answered_wholly"),
        migrations.RemoveConstraint(model_name="roundquestion", name="showing_choice_exists"),
        migrations.RemoveIndex(model_name="roundquestion", name="showing_waiting_of_question"),
        migrations.RenameField(
            model_name="roundquestion", old_name="given_back_at", new_name="refunded_at"
        ),
        migrations.AlterField(
            model_name="roundquestion",
            name="round",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="round_questions",
                to="game.round",
            ),
        ),
        migrations.RenameIndex(
            model_name="roundquestion", old_name="showing_recent", new_name="roundquestion_recent"
        ),
        migrations.AddIndex(
            model_name="roundquestion",
            index=models.Index(
                condition=models.Q(("answered_at", None), ("refunded_at", None)),
                fields=["question"],
                name="roundquestion_waiting",
            ),
        ),
        migrations.AddConstraint(
            model_name="roundquestion",
            constraint=models.UniqueConstraint(
                fields=("round", "number", "refunded_at"),
                name="roundquestion_number_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="roundquestion",
            constraint=models.UniqueConstraint(
                condition=models.Q(("answered_at", None), ("refunded_at", None)),
                fields=("round",),
                name="roundquestion_one_open_per_round",
            ),
        ),
        migrations.AddConstraint(
            model_name="roundquestion",
            constraint=models.CheckConstraint(
                condition=models.Q(("answered_at", None), ("refunded_at", None), _connector="OR"),
                name="roundquestion_answered_or_refunded",
            ),
        ),
        migrations.AddConstraint(
            model_name="roundquestion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("answered_at", None), ("choice", None), ("is_correct", None)),
                    models.Q(
                        ("answered_at__isnull", False),
                        ("choice__isnull", False),
                        ("is_correct__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="roundquestion_answered_wholly",
            ),
        ),
        migrations.AddConstraint(
            model_name="roundquestion",
            constraint=models.CheckConstraint(
                condition=models.Q(("choice", None), ("choice__lt", 4), _connector="OR"),
                name="roundquestion_choice_exists",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="roundquestion",
            trigger=pgtrigger.compiler.Trigger(
                name="answered_once",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."answered_at" IS NOT NULL)',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="54fa03fc25058704f8d11645365e7cb49a2e35ba",
                    operation="UPDATE",
                    pgid="pgtrigger_answered_once_39144",
                    table="game_roundquestion",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="roundquestion",
            trigger=pgtrigger.compiler.Trigger(
                name="refunded_once",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."refunded_at" IS NOT NULL)',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="37f22cdd0cb068fdcdae01a3f866b7a8c2c5de73",
                    operation="UPDATE",
                    pgid="pgtrigger_refunded_once_cea96",
                    table="game_roundquestion",
                    when="BEFORE",
                ),
            ),
        ),
    ]

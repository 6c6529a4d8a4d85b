import django.contrib.postgres.fields
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("players", "0001_player"),
    ]

    operations = [
        migrations.CreateModel(
            name="QuestionVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("question", models.CharField(max_length=500)),
                (
                    "options",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=100), size=4
                    ),
                ),
                ("correct_option_id", models.PositiveSmallIntegerField()),
                ("explanation", models.CharField(max_length=500)),
                ("created_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Round",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "mode",
                    models.CharField(
                        choices=[
                            ("QUICK_MIX_A1A2", "Quick mix A1-A2"),
                            ("ARTIKEL_SPRINT", "Artikel sprint"),
                            ("DAILY_CHALLENGE", "Daily challenge"),
                            ("CASES_PRACTICE", "Cases practice"),
                            ("TRENNBARE_VERBEN", "Trennbare Verben"),
                            ("WORD_ORDER", "Word order"),
                        ],
                        max_length=32,
                    ),
                ),
                ("start_key", models.CharField(max_length=64)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("OPEN", "open"),
                            ("FINISHED", "finished"),
                            ("STOPPED", "stopped"),
                        ],
                        default="OPEN",
                        max_length=8,
                    ),
                ),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("finished_at", None), ("state", "OPEN")),
                            models.Q(
                                models.Q(("state", "OPEN"), _negated=True),
                                ("finished_at__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="round_finished_has_finished_at",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Showing",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveSmallIntegerField()),
                (
                    "mode",
                    models.CharField(
                        choices=[
                            ("QUICK_MIX_A1A2", "Quick mix A1-A2"),
                            ("ARTIKEL_SPRINT", "Artikel sprint"),
                            ("DAILY_CHALLENGE", "Daily challenge"),
                            ("CASES_PRACTICE", "Cases practice"),
                            ("TRENNBARE_VERBEN", "Trennbare Verben"),
                            ("WORD_ORDER", "Word order"),
                        ],
                        max_length=32,
                    ),
                ),
                (
                    "order",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.PositiveSmallIntegerField(), size=4
                    ),
                ),
                ("shown_at", models.DateTimeField()),
                ("answered_at", models.DateTimeField(null=True)),
                ("choice", models.PositiveSmallIntegerField(null=True)),
                ("is_correct", models.BooleanField(null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("answered_at", None), ("choice", None), ("is_correct", None)),
                            models.Q(
                                ("answered_at__isnull", False),
                                ("choice__isnull", False),
                                ("is_correct__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="showing_answered_wholly",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("choice", None), ("choice__lt", 4), _connector="OR"),
                        name="showing_choice_exists",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Question",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("quiz_id", models.CharField(max_length=64, unique=True)),
                ("question", models.CharField(max_length=500)),
                ("option_1", models.CharField(max_length=100)),
                ("option_2", models.CharField(max_length=100)),
                ("option_3", models.CharField(max_length=100)),
                ("option_4", models.CharField(max_length=100)),
                (
                    "correct_option_id",
                    models.PositiveSmallIntegerField(
                        help_text="0 for the first option, up to 3 for the fourth."
                    ),
                ),
                ("explanation", models.CharField(max_length=500)),
                (
                    "level",
                    models.CharField(
                        choices=[("A1", "A1"), ("A2", "A2"), ("B1", "B1"), ("B2", "B2")],
                        max_length=2,
                    ),
                ),
                (
                    "category",
                    models.CharField(
                        choices=[
                            ("QUICK_MIX_A1A2", "Quick mix A1-A2"),
                            ("ARTIKEL_SPRINT", "Artikel sprint"),
                            ("DAILY_CHALLENGE", "Daily challenge"),
                            ("CASES_PRACTICE", "Cases practice"),
                            ("TRENNBARE_VERBEN", "Trennbare Verben"),
                            ("WORD_ORDER", "Word order"),
                        ],
                        max_length=32,
                    ),
                ),
                ("key", models.CharField(help_text="The fact that is asked for.", max_length=100)),
                ("is_enabled", models.BooleanField(default=True)),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("is_enabled", True)),
                        fields=["category", "level"],
                        name="question_playable",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("correct_option_id__lt", 4)),
                        name="question_correct_option_exists",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "category__in",
                                [
                                    "QUICK_MIX_A1A2",
                                    "ARTIKEL_SPRINT",
                                    "DAILY_CHALLENGE",
                                    "CASES_PRACTICE",
                                    "TRENNBARE_VERBEN",
                                    "WORD_ORDER",
                                ],
                            )
                        ),
                        name="question_category_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("level__in", ["A1", "A2", "B1", "B2"])),
                        name="question_level_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("option_1", models.F("option_2")), _negated=True),
                            models.Q(("option_1", models.F("option_3")), _negated=True),
                            models.Q(("option_1", models.F("option_4")), _negated=True),
                            models.Q(("option_2", models.F("option_3")), _negated=True),
                            models.Q(("option_2", models.F("option_4")), _negated=True),
                            models.Q(("option_3", models.F("option_4")), _negated=True),
                        ),
                        name="question_options_differ",
                    ),
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="question",
            trigger=pgtrigger.compiler.Trigger(
                name="count_version",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."correct_option_id" IS DISTINCT FROM (NEW."correct_option_id") OR OLD."explanation" IS DISTINCT FROM (NEW."explanation") OR OLD."option_1" IS DISTINCT FROM (NEW."option_1") OR OLD."option_2" IS DISTINCT FROM (NEW."option_2") OR OLD."option_3" IS DISTINCT FROM (NEW."option_3") OR OLD."option_4" IS DISTINCT FROM (NEW."option_4") OR OLD."question" IS DISTINCT FROM (NEW."question") OR OLD."version" IS DISTINCT FROM (NEW."version"))',
                    func="NEW.version = OLD.version + 1; RETURN NEW;",
                    hash="8af68c328cb9eb81500f8d21cedfa914ba16eddb",
                    operation="UPDATE",
                    pgid="pgtrigger_count_version_dbd97",
                    table="game_question",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="question",
            trigger=pgtrigger.compiler.Trigger(
                name="keep_first_version",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nINSERT INTO game_questionversion\n  (question_id, number, question, options, correct_option_id, explanation, created_at)\nVALUES (\n  NEW.id, NEW.version, NEW.question,\n  ARRAY[NEW.option_1, NEW.option_2, NEW.option_3, NEW.option_4],\n  NEW.correct_option_id, NEW.explanation, now()\n);\nRETURN NULL;\n",
                    hash="ecd64dc35c104194529830b6643769602065f924",
                    operation="INSERT",
                    pgid="pgtrigger_keep_first_version_f8a0b",
                    table="game_question",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="question",
            trigger=pgtrigger.compiler.Trigger(
                name="keep_next_version",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."version" IS DISTINCT FROM (NEW."version"))',
                    func="\nINSERT INTO game_questionversion\n  (question_id, number, question, options, correct_option_id, explanation, created_at)\nVALUES (\n  NEW.id, NEW.version, NEW.question,\n  ARRAY[NEW.option_1, NEW.option_2, NEW.option_3, NEW.option_4],\n  NEW.correct_option_id, NEW.explanation, now()\n);\nRETURN NULL;\n",
                    hash="d6fbaae43029136375bc9de2f1c24dde38258141",
                    operation="UPDATE",
                    pgid="pgtrigger_keep_next_version_82435",
                    table="game_question",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddField(
            model_name="questionversion",
            name="question_row",
            field=models.ForeignKey(
                db_column="question_id",
                on_delete=django.db.models.deletion.PROTECT,
                related_name="versions",
                to="game.question",
            ),
        ),
        migrations.AddField(
            model_name="round",
            name="player",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="rounds",
                to="players.player",
            ),
        ),
        migrations.AddField(
            model_name="showing",
            name="player",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, to="players.player"
            ),
        ),
        migrations.AddField(
            model_name="showing",
            name="question",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, to="game.question"
            ),
        ),
        migrations.AddField(
            model_name="showing",
            name="round",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="showings",
                to="game.round",
            ),
        ),
        migrations.AddField(
            model_name="showing",
            name="version",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, to="game.questionversion"
            ),
        ),
        migrations.AddConstraint(
            model_name="questionversion",
            constraint=models.UniqueConstraint(
                fields=("question_row", "number"), name="question_version_number_once"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="questionversion",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                    hash="87401eb4b2f2ea6deb224a91e75bbd430a15dee9",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_5bf18",
                    table="game_questionversion",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="round",
            constraint=models.UniqueConstraint(
                fields=("player", "start_key"), name="round_one_per_start_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="round",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "OPEN")),
                fields=("player",),
                name="round_one_open_per_player",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="round",
            trigger=pgtrigger.compiler.Trigger(
                name="round_moves",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _is_valid_transition BOOLEAN;",
                    func='SELECT CONCAT(OLD."state", \':\', NEW."state") = ANY(\'{OPEN:FINISHED,OPEN:STOPPED}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."state" IS DISTINCT FROM NEW."state") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "state" from "%" to "%" on table %\', OLD."state", NEW."state", TG_TABLE_NAME; ELSE RETURN NEW; END IF;',
                    hash="d36071429fab6d549fbb55b02af59d7e6d542ab2",
                    operation="UPDATE",
                    pgid="pgtrigger_round_moves_a35d8",
                    table="game_round",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="showing",
            index=models.Index(fields=["player", "mode", "-id"], name="showing_recent"),
        ),
        migrations.AddConstraint(
            model_name="showing",
            constraint=models.UniqueConstraint(
                fields=("round", "number"), name="showing_number_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="showing",
            constraint=models.UniqueConstraint(
                condition=models.Q(("answered_at", None)),
                fields=("round",),
                name="showing_one_open_per_round",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="showing",
            trigger=pgtrigger.compiler.Trigger(
                name="answered_once",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."answered_at" IS NOT NULL)',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="bcb7c143effa36b896811a1a2e8ed2192c52e7c0",
                    operation="UPDATE",
                    pgid="pgtrigger_answered_once_8d2db",
                    table="game_showing",
                    when="BEFORE",
                ),
            ),
        ),
    ]

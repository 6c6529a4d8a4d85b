import django.contrib.postgres.fields
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("game", "0004_standard_names"),
        ("players", "0006_standard_names"),
    ]

    operations = [
        migrations.CreateModel(
            name="DailyRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
                ("score", models.PositiveSmallIntegerField(null=True)),
                (
                    "player",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="daily_runs",
                        to="players.player",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="DailyAnswer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveSmallIntegerField()),
                ("choice", models.PositiveSmallIntegerField()),
                ("is_correct", models.BooleanField()),
                ("answered_at", models.DateTimeField()),
                (
                    "run",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="answers",
                        to="game.dailyrun",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="DailySet",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField(unique=True)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("drawn_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "daily challenge",
                "permissions": [
                    ("plan_dailyset", "Can draw daily challenges ahead and replace questions")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("starts_at__lt", models.F("ends_at"))),
                        name="dailyset_starts_before_it_ends",
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="dailyrun",
            name="set",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="runs",
                to="game.dailyset",
            ),
        ),
        migrations.CreateModel(
            name="DailyQuestion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveSmallIntegerField()),
                (
                    "level",
                    models.CharField(
                        choices=[("A1", "A1"), ("A2", "A2"), ("B1", "B1"), ("B2", "B2")],
                        max_length=2,
                    ),
                ),
                (
                    "order",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.PositiveSmallIntegerField(), size=4
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="game.questionversion"
                    ),
                ),
                (
                    "set",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="questions",
                        to="game.dailyset",
                    ),
                ),
            ],
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="dailyset",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                    hash="f72eaa876935ea78294a57a449750a2ef8085cb6",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_fcc59",
                    table="game_dailyset",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="dailyanswer",
            constraint=models.UniqueConstraint(
                fields=("run", "number"), name="dailyanswer_given_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="dailyanswer",
            constraint=models.CheckConstraint(
                condition=models.Q(("number__gte", 1), ("number__lte", 7)),
                name="dailyanswer_number_exists",
            ),
        ),
        migrations.AddConstraint(
            model_name="dailyanswer",
            constraint=models.CheckConstraint(
                condition=models.Q(("choice__lt", 4)), name="dailyanswer_choice_exists"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="dailyanswer",
            trigger=pgtrigger.compiler.Trigger(
                name="final",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="a224bdb0ce7b928f4a1f459c507c8424de860085",
                    operation="UPDATE",
                    pgid="pgtrigger_final_2f49a",
                    table="game_dailyanswer",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="dailyanswer",
            trigger=pgtrigger.compiler.Trigger(
                name="on_its_day",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE state RECORD;",
                    func="\nSELECT run.started_at, run.finished_at, daily_set.ends_at INTO STRICT state\nFROM game_dailyrun AS run JOIN game_dailyset AS daily_set ON daily_set.id = run.set_id\nWHERE run.id = NEW.run_id;\nIF state.finished_at IS NOT NULL THEN\n  RAISE EXCEPTION 'This run of a daily challenge is finished.';\nEND IF;\nIF NEW.answered_at < state.started_at OR NEW.answered_at >= state.ends_at THEN\n  RAISE EXCEPTION 'A daily challenge is played on its day.';\nEND IF;\nIF NEW.number <> 1 + (SELECT count(*) FROM game_dailyanswer WHERE run_id = NEW.run_id) THEN\n  RAISE EXCEPTION 'The questions of a daily challenge are answered in their order.';\nEND IF;\nRETURN NEW;\n",
                    hash="57642e853718000821cb17d62e34724bd14d9f21",
                    operation="INSERT",
                    pgid="pgtrigger_on_its_day_30299",
                    table="game_dailyanswer",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="dailyrun",
            index=models.Index(
                fields=["set", "score"],
                include=("started_at", "finished_at"),
                name="dailyrun_results",
            ),
        ),
        migrations.AddConstraint(
            model_name="dailyrun",
            constraint=models.UniqueConstraint(
                fields=("player", "set"), name="dailyrun_one_per_player_and_day"
            ),
        ),
        migrations.AddConstraint(
            model_name="dailyrun",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("finished_at", None), ("score", None)),
                    models.Q(
                        ("finished_at__gte", models.F("started_at")),
                        ("finished_at__isnull", False),
                        ("score__isnull", False),
                        ("score__lte", 7),
                    ),
                    _connector="OR",
                ),
                name="dailyrun_finished_has_score",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="dailyrun",
            trigger=pgtrigger.compiler.Trigger(
                name="finished_once",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."finished_at" IS NOT NULL)',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="8180f12c34b48b9cb1672ffffac5e6b19564e918",
                    operation="UPDATE",
                    pgid="pgtrigger_finished_once_4a2aa",
                    table="game_dailyrun",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="dailyrun",
            trigger=pgtrigger.compiler.Trigger(
                name="on_its_day",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE span RECORD;",
                    func="\nIF TG_OP = 'INSERT' THEN\n  PERFORM FROM game_dailyset WHERE id = NEW.set_id FOR SHARE;\nEND IF;\nSELECT starts_at, ends_at INTO STRICT span FROM game_dailyset WHERE id = NEW.set_id;\nIF NEW.started_at < span.starts_at OR NEW.started_at >= span.ends_at\n  OR NEW.finished_at >= span.ends_at\nTHEN\n  RAISE EXCEPTION 'A daily challenge is played on its day.';\nEND IF;\nIF NEW.finished_at IS NOT NULL AND (\n  SELECT count(*) <> 7 OR count(*) FILTER (WHERE is_correct) <> NEW.score\n  FROM game_dailyanswer WHERE run_id = NEW.id\n) THEN\n  RAISE EXCEPTION 'A finished run has 7 answers, and its score counts them.';\nEND IF;\nRETURN NEW;\n",
                    hash="e931dae2d3b227426a39cd8d5c745d3af8006238",
                    operation="INSERT OR UPDATE",
                    pgid="pgtrigger_on_its_day_4c40c",
                    table="game_dailyrun",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="dailyquestion",
            constraint=models.UniqueConstraint(
                fields=("set", "number"), name="dailyquestion_number_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="dailyquestion",
            constraint=models.CheckConstraint(
                condition=models.Q(("number__gte", 1), ("number__lte", 7)),
                name="dailyquestion_number_exists",
            ),
        ),
        migrations.AddConstraint(
            model_name="dailyquestion",
            constraint=models.CheckConstraint(
                condition=models.Q(("level__in", ["A1", "A2", "B1", "B2"])),
                name="dailyquestion_level_is_known",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="dailyquestion",
            trigger=pgtrigger.compiler.Trigger(
                name="before_the_first_run",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nPERFORM FROM game_dailyset WHERE id = NEW.set_id FOR UPDATE;\nIF EXISTS (SELECT FROM game_dailyrun WHERE set_id = NEW.set_id) THEN\n  RAISE EXCEPTION 'Somebody has started this daily challenge: its questions stay.';\nEND IF;\nRETURN NEW;\n",
                    hash="c3da6a46308992d9a8ce81db0a4ccd0f09df3f6e",
                    operation="INSERT OR UPDATE",
                    pgid="pgtrigger_before_the_first_run_8b84e",
                    table="game_dailyquestion",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="dailyquestion",
            trigger=pgtrigger.compiler.Trigger(
                name="not_again",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF EXISTS (\n  SELECT FROM game_dailyquestion AS other\n  JOIN game_dailyset AS other_set ON other_set.id = other.set_id\n  JOIN game_questionversion AS other_version ON other_version.id = other.version_id\n  JOIN game_questionversion AS version ON version.question_id = other_version.question_id\n  JOIN game_dailyset AS own_set ON own_set.id = NEW.set_id\n  WHERE version.id = NEW.version_id AND other.id <> NEW.id\n    AND abs(other_set.day - own_set.day) <= 30\n) THEN\n  RAISE EXCEPTION 'This question is in a daily challenge of the 30 days around.';\nEND IF;\nRETURN NEW;\n",
                    hash="455b270f1c02cce5ae8b8e467f72ac200faa502c",
                    operation="INSERT OR UPDATE",
                    pgid="pgtrigger_not_again_24439",
                    table="game_dailyquestion",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="dailyquestion",
            trigger=pgtrigger.compiler.Trigger(
                name="slot_is_fixed",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."set_id" IS DISTINCT FROM (NEW."set_id") OR OLD."number" IS DISTINCT FROM (NEW."number"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="aad195e60cc86dde20efdd01e69b25896c5f0798",
                    operation="UPDATE",
                    pgid="pgtrigger_slot_is_fixed_614e2",
                    table="game_dailyquestion",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="dailyquestion",
            trigger=pgtrigger.compiler.Trigger(
                name="never_deleted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                    hash="f01d29f7de7659826408188b50cd7f256636feca",
                    operation="DELETE",
                    pgid="pgtrigger_never_deleted_a9aff",
                    table="game_dailyquestion",
                    when="BEFORE",
                ),
            ),
        ),
    ]

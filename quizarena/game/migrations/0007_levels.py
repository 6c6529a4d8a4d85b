import django.contrib.postgres.fields
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("game", "0006_duels"),
        ("players", "0007_daily_goal"),
    ]

    operations = [
        migrations.CreateModel(
            name="Placement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField()),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "level",
                    models.CharField(
                        choices=[("A1", "A1"), ("A2", "A2"), ("B1", "B1"), ("B2", "B2")],
                        max_length=2,
                        null=True,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PlacementQuestion",
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
                ("shown_at", models.DateTimeField()),
                ("answered_at", models.DateTimeField(null=True)),
                ("choice", models.PositiveSmallIntegerField(null=True)),
                ("is_correct", models.BooleanField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="PlayerLevel",
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
                (
                    "level",
                    models.CharField(
                        choices=[("A1", "A1"), ("A2", "A2"), ("B1", "B1"), ("B2", "B2")],
                        max_length=2,
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("CHOSEN", "chosen by the player"),
                            ("PLACED", "found by the placement"),
                            ("RAISED", "raised by the answers"),
                            ("LOWERED", "lowered by the answers"),
                        ],
                        max_length=7,
                    ),
                ),
                ("since", models.DateTimeField()),
            ],
        ),
        migrations.RemoveIndex(
            model_name="question",
            name="question_playable",
        ),
        migrations.RemoveIndex(
            model_name="roundquestion",
            name="roundquestion_recent",
        ),
        migrations.AddField(
            model_name="question",
            name="topic",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="What it practises; empty: what its mode does. Topics are drawn equally often.",
                max_length=64,
            ),
        ),
        migrations.AddIndex(
            model_name="question",
            index=models.Index(
                condition=models.Q(("is_enabled", True)),
                fields=["category", "level", "topic", "id"],
                name="question_by_topic",
            ),
        ),
        migrations.AddIndex(
            model_name="round",
            index=models.Index(
                condition=models.Q(("state", "FINISHED")),
                fields=["player", "finished_at"],
                name="round_finished",
            ),
        ),
        migrations.AddIndex(
            model_name="roundquestion",
            index=models.Index(
                fields=["player", "mode", "-shown_at", "-id"], name="roundquestion_latest"
            ),
        ),
        migrations.AddField(
            model_name="placement",
            name="player",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="placements",
                to="players.player",
            ),
        ),
        migrations.AddField(
            model_name="placementquestion",
            name="placement",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="questions",
                to="game.placement",
            ),
        ),
        migrations.AddField(
            model_name="placementquestion",
            name="version",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, to="game.questionversion"
            ),
        ),
        migrations.AddField(
            model_name="playerlevel",
            name="player",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="levels",
                to="players.player",
            ),
        ),
        migrations.AddConstraint(
            model_name="placement",
            constraint=models.UniqueConstraint(
                fields=("player", "day"), name="placement_one_per_day"
            ),
        ),
        migrations.AddConstraint(
            model_name="placement",
            constraint=models.UniqueConstraint(
                condition=models.Q(("finished_at", None)),
                fields=("player",),
                name="placement_one_open_per_player",
            ),
        ),
        migrations.AddConstraint(
            model_name="placement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("finished_at", None), ("level", None)),
                    models.Q(
                        ("finished_at__gte", models.F("started_at")),
                        ("finished_at__isnull", False),
                        ("level__in", ["A1", "A2", "B1", "B2"]),
                        ("level__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="placement_finished_has_level",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="placement",
            trigger=pgtrigger.compiler.Trigger(
                name="finished_once",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."finished_at" IS NOT NULL)',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="f4fbd4e1ac0067250a79419202f9f752563e997c",
                    operation="UPDATE",
                    pgid="pgtrigger_finished_once_7af32",
                    table="game_placement",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="placement",
            trigger=pgtrigger.compiler.Trigger(
                name="finished_with_all_answers",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF NEW.finished_at IS NOT NULL AND (\n  SELECT count(*) <> 8 FROM game_placementquestion\n  WHERE placement_id = NEW.id AND answered_at IS NOT NULL\n) THEN\n  RAISE EXCEPTION 'A finished placement has 8 answers.';\nEND IF;\nRETURN NEW;\n",
                    hash="1d2d201ab0a8dad288cf0d75f8bcd13eb18aad58",
                    operation="INSERT OR UPDATE",
                    pgid="pgtrigger_finished_with_all_answers_19c86",
                    table="game_placement",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="placementquestion",
            constraint=models.UniqueConstraint(
                fields=("placement", "number"), name="placementquestion_number_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="placementquestion",
            constraint=models.CheckConstraint(
                condition=models.Q(("number__gte", 1), ("number__lte", 8)),
                name="placementquestion_number_exists",
            ),
        ),
        migrations.AddConstraint(
            model_name="placementquestion",
            constraint=models.CheckConstraint(
                condition=models.Q(("level__in", ["A1", "A2", "B1", "B2"])),
                name="placementquestion_level_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="placementquestion",
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
                name="placementquestion_answered_wholly",
            ),
        ),
        migrations.AddConstraint(
            model_name="placementquestion",
            constraint=models.CheckConstraint(
                condition=models.Q(("choice", None), ("choice__lt", 4), _connector="OR"),
                name="placementquestion_choice_exists",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="placementquestion",
            trigger=pgtrigger.compiler.Trigger(
                name="answered_once",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."answered_at" IS NOT NULL)',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="3fcb50ff42938c9d3f00b548f6629b67f3721b55",
                    operation="UPDATE",
                    pgid="pgtrigger_answered_once_36690",
                    table="game_placementquestion",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="placementquestion",
            trigger=pgtrigger.compiler.Trigger(
                name="as_it_was_shown",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."placement_id" IS DISTINCT FROM (NEW."placement_id") OR OLD."number" IS DISTINCT FROM (NEW."number") OR OLD."version_id" IS DISTINCT FROM (NEW."version_id") OR OLD."level" IS DISTINCT FROM (NEW."level") OR OLD."order" IS DISTINCT FROM (NEW."order") OR OLD."shown_at" IS DISTINCT FROM (NEW."shown_at"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="5bd01164ed482de8d20e7df036a061f2103e372b",
                    operation="UPDATE",
                    pgid="pgtrigger_as_it_was_shown_07269",
                    table="game_placementquestion",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="placementquestion",
            trigger=pgtrigger.compiler.Trigger(
                name="of_an_open_placement",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE finished TIMESTAMPTZ;",
                    func="\nSELECT finished_at INTO STRICT finished FROM game_placement WHERE id = NEW.placement_id FOR UPDATE;\nIF finished IS NOT NULL THEN\n  RAISE EXCEPTION 'This placement is finished.';\nEND IF;\nIF TG_OP = 'INSERT' AND NEW.number <> 1 + (\n  SELECT count(*) FROM game_placementquestion\n  WHERE placement_id = NEW.placement_id AND answered_at IS NOT NULL\n) THEN\n  RAISE EXCEPTION 'The questions of a placement are asked one after the other.';\nEND IF;\nRETURN NEW;\n",
                    hash="c73ae53929f83dcae551de2a7e341771e4b4acff",
                    operation="INSERT OR UPDATE",
                    pgid="pgtrigger_of_an_open_placement_8a09b",
                    table="game_placementquestion",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="playerlevel",
            constraint=models.UniqueConstraint(
                fields=("player", "mode"), name="playerlevel_one_per_player_and_mode"
            ),
        ),
        migrations.AddConstraint(
            model_name="playerlevel",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "mode__in",
                        (
                            "QUICK_MIX_A1A2",
                            "ARTIKEL_SPRINT",
                            "CASES_PRACTICE",
                            "TRENNBARE_VERBEN",
                            "WORD_ORDER",
                        ),
                    )
                ),
                name="playerlevel_mode_has_levels",
            ),
        ),
        migrations.AddConstraint(
            model_name="playerlevel",
            constraint=models.CheckConstraint(
                condition=models.Q(("level__in", ["A1", "A2", "B1", "B2"])),
                name="playerlevel_level_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="playerlevel",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason__in", ["CHOSEN", "PLACED", "RAISED", "LOWERED"])),
                name="playerlevel_reason_is_known",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="playerlevel",
            trigger=pgtrigger.compiler.Trigger(
                name="key_is_fixed",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."player_id" IS DISTINCT FROM (NEW."player_id") OR OLD."mode" IS DISTINCT FROM (NEW."mode"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="33fd4a96d1b0f9e2f8d37114792a9a32152198a3",
                    operation="UPDATE",
                    pgid="pgtrigger_key_is_fixed_567d4",
                    table="game_playerlevel",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="playerlevel",
            trigger=pgtrigger.compiler.Trigger(
                name="moved_by_answers",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE latest RECORD;",
                    func="\nIF NEW.reason NOT IN ('RAISED', 'LOWERED') THEN\n  RETURN NEW;\nEND IF;\nIF array_position(ARRAY['A1', 'A2', 'B1', 'B2'], NEW.level::text)\n  <> array_position(ARRAY['A1', 'A2', 'B1', 'B2'], coalesce(OLD.level, 'A1')::text)\n    + (CASE NEW.reason WHEN 'RAISED' THEN 1 ELSE -1 END)\nTHEN\n  RAISE EXCEPTION 'Answers move a level by one step.';\nEND IF;\nSELECT count(*) AS answered, count(*) FILTER (WHERE is_correct) AS correct INTO STRICT latest\nFROM (\n  SELECT is_correct, answered_at FROM game_roundquestion\n  WHERE player_id = NEW.player_id AND mode = NEW.mode AND answered_at IS NOT NULL\n  ORDER BY shown_at DESC, id DESC LIMIT 20\n) AS answer\nWHERE answered_at > coalesce(OLD.since, '-infinity');\nIF latest.answered < 20\n  OR (NEW.reason = 'RAISED' AND latest.correct * 100 < latest.answered * 80)\n  OR (NEW.reason = 'LOWERED' AND latest.correct * 100 >= latest.answered * 45)\nTHEN\n  RAISE EXCEPTION 'The answers since the last change do not move the level.';\nEND IF;\nRETURN NEW;\n",
                    hash="4e09d5d1ea5554e443b99680fc8333c57ba6bc44",
                    operation="INSERT OR UPDATE",
                    pgid="pgtrigger_moved_by_answers_d8071",
                    table="game_playerlevel",
                    when="BEFORE",
                ),
            ),
        ),
    ]

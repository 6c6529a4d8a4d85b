import django.contrib.postgres.constraints
import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.constraints
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.fields.json
import django.db.models.functions.comparison
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.contrib.postgres.operations import BtreeGistExtension
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("players", "0001_player"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        BtreeGistExtension(),
        migrations.CreateModel(
            name="ProverRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("started_at", models.DateTimeField()),
                ("seconds", models.FloatField(null=True)),
                ("wallets", models.PositiveBigIntegerField(default=0)),
                ("entries", models.PositiveBigIntegerField(default=0)),
                ("differences", models.PositiveIntegerField(default=0)),
            ],
            options={
                "verbose_name": "proof",
            },
        ),
        migrations.CreateModel(
            name="StreakDay",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField()),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("PLAYED", "played"),
                            ("FROZEN_SAVER", "frozen saver"),
                            ("FROZEN_PREMIUM", "frozen premium"),
                            ("SHIELDED", "shielded"),
                            ("MISSED", "missed"),
                            ("EARNED_BACK", "earned back"),
                        ],
                        max_length=16,
                    ),
                ),
                ("length", models.PositiveIntegerField()),
                ("told_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(
                            (
                                "outcome__in",
                                (
                                    "MISSED",
                                    "FROZEN_SAVER",
                                    "FROZEN_PREMIUM",
                                    "SHIELDED",
                                ),
                            ),
                            ("told_at", None),
                        ),
                        fields=["id"],
                        name="streak_day_untold",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "outcome__in",
                                [
                                    "PLAYED",
                                    "FROZEN_SAVER",
                                    "FROZEN_PREMIUM",
                                    "SHIELDED",
                                    "MISSED",
                                    "EARNED_BACK",
                                ],
                            )
                        ),
                        name="streak_day_outcome_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("length__gt", 0)), name="streak_day_is_of_a_streak"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Wallet",
            fields=[
                (
                    "player",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="wallet",
                        serialize=False,
                        to="players.player",
                    ),
                ),
                ("free_energy", models.PositiveSmallIntegerField()),
                ("paid_energy", models.PositiveIntegerField()),
                ("streak_savers", models.PositiveIntegerField()),
                ("duel_tickets", models.PositiveIntegerField()),
                ("energy_counted_until", models.DateTimeField(null=True)),
                ("changed_at", models.DateTimeField()),
            ],
            options={
                "permissions": [
                    ("adjust_wallet", "Can adjust what players own"),
                    ("grant_premium", "Can grant Premium and take it back"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("free_energy__lte", 20)),
                        name="wallet_free_energy_within_cap",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("free_energy", 0),
                            ("energy_counted_until__isnull", False),
                            _connector="OR",
                        ),
                        name="wallet_free_energy_is_counted",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LedgerEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "type",
                    models.CharField(
                        choices=[
                            ("WELCOME", "welcome energy"),
                            ("QUESTION", "question played"),
                            ("QUESTION_RETURNED", "question given back"),
                            ("PURCHASE_CREDIT", "purchase"),
                            ("PURCHASE_REFUND", "refund"),
                            ("PROMO_GRANT", "promo"),
                            ("REFERRAL_REWARD", "referral reward"),
                            ("PRIZE", "prize"),
                            ("STAFF_GRANT", "grant by staff"),
                            ("STAFF_ADJUSTMENT", "adjustment by staff"),
                            ("SAVER_USED", "streak saver used"),
                            ("SAVER_RETURNED", "streak saver given back"),
                            ("TICKET_USED", "duel ticket used"),
                            ("EARN_BACK", "streak earned back"),
                            ("TAKEN_BACK", "grant taken back"),
                        ],
                        max_length=24,
                    ),
                ),
                (
                    "asset",
                    models.CharField(
                        choices=[
                            ("FREE_ENERGY", "free energy"),
                            ("PAID_ENERGY", "paid energy"),
                            ("STREAK_SAVERS", "streak savers"),
                            ("DUEL_TICKETS", "duel tickets"),
                            ("PURCHASE", "purchase (Stars)"),
                            ("GOODS", "goods"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "direction",
                    models.CharField(
                        choices=[("CREDIT", "credit"), ("DEBIT", "debit")], max_length=6
                    ),
                ),
                ("amount", models.PositiveIntegerField()),
                ("free_energy", models.IntegerField(default=0)),
                ("paid_energy", models.IntegerField(default=0)),
                ("streak_savers", models.IntegerField(default=0)),
                ("duel_tickets", models.IntegerField(default=0)),
                ("free_energy_after", models.IntegerField()),
                ("paid_energy_after", models.IntegerField()),
                ("streak_savers_after", models.IntegerField()),
                ("duel_tickets_after", models.IntegerField()),
                ("energy_counted_until", models.DateTimeField(null=True)),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("GAME", "game"),
                            ("PURCHASE", "purchase"),
                            ("PROMO", "promo"),
                            ("REFERRAL", "referral"),
                            ("STAFF", "staff"),
                            ("SYSTEM", "system"),
                        ],
                        max_length=8,
                    ),
                ),
                ("idempotency_key", models.CharField(max_length=128)),
                ("fingerprint", models.CharField(max_length=64)),
                ("metadata", models.JSONField(default=dict)),
                ("shortfall", models.JSONField(null=True)),
                ("reason", models.CharField(blank=True, default="", max_length=500)),
                ("created_at", models.DateTimeField()),
                (
                    "player",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="players.player",
                    ),
                ),
                (
                    "reverses",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reversal",
                        to="economy.ledgerentry",
                    ),
                ),
                (
                    "staff",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "ledger",
                "indexes": [
                    models.Index(fields=["player", "-created_at", "-id"], name="entry_statement"),
                    django.contrib.postgres.indexes.BrinIndex(
                        fields=["created_at"], name="entry_by_day"
                    ),
                    models.Index(
                        condition=models.Q(("shortfall__isnull", False)),
                        fields=["-id"],
                        name="entry_shortfall",
                    ),
                    models.Index(
                        condition=models.Q(("staff__isnull", False)),
                        fields=["staff", "created_at"],
                        name="entry_by_staff",
                    ),
                    models.Index(
                        condition=models.Q(("type", "QUESTION"), _negated=True),
                        fields=["type", "-id"],
                        name="entry_by_type",
                    ),
                    models.Index(
                        django.contrib.postgres.indexes.OpClass(
                            "idempotency_key", name="varchar_pattern_ops"
                        ),
                        condition=models.Q(("type", "QUESTION"), _negated=True),
                        name="entry_key_prefix",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("player", "idempotency_key"), name="entry_one_per_key"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount__gt", 0), ("amount__lte", 1000000)),
                        name="entry_amount_makes_sense",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "type__in",
                                [
                                    "WELCOME",
                                    "QUESTION",
                                    "QUESTION_RETURNED",
                                    "PURCHASE_CREDIT",
                                    "PURCHASE_REFUND",
                                    "PROMO_GRANT",
                                    "REFERRAL_REWARD",
                                    "PRIZE",
                                    "STAFF_GRANT",
                                    "STAFF_ADJUSTMENT",
                                    "SAVER_USED",
                                    "SAVER_RETURNED",
                                    "TICKET_USED",
                                    "EARN_BACK",
                                    "TAKEN_BACK",
                                ],
                            )
                        ),
                        name="entry_type_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "asset__in",
                                [
                                    "FREE_ENERGY",
                                    "PAID_ENERGY",
                                    "STREAK_SAVERS",
                                    "DUEL_TICKETS",
                                    "PURCHASE",
                                    "GOODS",
                                ],
                            )
                        ),
                        name="entry_asset_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("direction__in", ["CREDIT", "DEBIT"])),
                        name="entry_direction_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "source__in",
                                ["GAME", "PURCHASE", "PROMO", "REFERRAL", "STAFF", "SYSTEM"],
                            )
                        ),
                        name="entry_source_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("idempotency_key", ""), _negated=True),
                        name="entry_key_is_not_empty",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("type__in", ["STAFF_GRANT", "STAFF_ADJUSTMENT"]), _negated=True
                            ),
                            models.Q(
                                ("staff__isnull", False), models.Q(("reason", ""), _negated=True)
                            ),
                            _connector="OR",
                        ),
                        name="entry_of_staff_has_staff_and_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("asset", "PAID_ENERGY"), _negated=True),
                            models.Q(("direction", "CREDIT"), ("paid_energy", models.F("amount"))),
                            models.Q(
                                ("direction", "DEBIT"),
                                (
                                    "paid_energy",
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.functions.comparison.Coalesce(
                                            django.db.models.functions.comparison.Cast(
                                                django.db.models.fields.json.KeyTextTransform(
                                                    "paid_energy", "shortfall"
                                                ),
                                                models.IntegerField(),
                                            ),
                                            0,
                                        ),
                                        "-",
                                        models.F("amount"),
                                    ),
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="entry_paid_energy_moves_its_amount",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("asset", "STREAK_SAVERS"), _negated=True),
                            models.Q(
                                ("direction", "CREDIT"), ("streak_savers", models.F("amount"))
                            ),
                            models.Q(
                                ("direction", "DEBIT"),
                                (
                                    "streak_savers",
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.functions.comparison.Coalesce(
                                            django.db.models.functions.comparison.Cast(
                                                django.db.models.fields.json.KeyTextTransform(
                                                    "streak_savers", "shortfall"
                                                ),
                                                models.IntegerField(),
                                            ),
                                            0,
                                        ),
                                        "-",
                                        models.F("amount"),
                                    ),
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="entry_streak_savers_move_their_amount",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("asset", "DUEL_TICKETS"), _negated=True),
                            models.Q(("direction", "CREDIT"), ("duel_tickets", models.F("amount"))),
                            models.Q(
                                ("direction", "DEBIT"),
                                (
                                    "duel_tickets",
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.functions.comparison.Coalesce(
                                            django.db.models.functions.comparison.Cast(
                                                django.db.models.fields.json.KeyTextTransform(
                                                    "duel_tickets", "shortfall"
                                                ),
                                                models.IntegerField(),
                                            ),
                                            0,
                                        ),
                                        "-",
                                        models.F("amount"),
                                    ),
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="entry_duel_tickets_move_their_amount",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("shortfall", None),
                            models.Q(("direction", "DEBIT"), ("reverses__isnull", False)),
                            _connector="OR",
                        ),
                        name="entry_falls_short_only_as_a_reversal",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ModeSpan",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
                ("laid_at", models.DateTimeField()),
                ("mode", models.CharField(max_length=32)),
                (
                    "entry",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="%(class)ss",
                        to="economy.ledgerentry",
                    ),
                ),
                (
                    "player",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="players.player",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "indexes": [
                    models.Index(fields=["player", "mode", "ends_at"], name="modespan_of_player")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gt", models.F("starts_at"))),
                        name="modespan_ends_after_it_starts",
                    ),
                    django.contrib.postgres.constraints.ExclusionConstraint(
                        condition=models.Q(("revoked_at", None)),
                        deferrable=django.db.models.constraints.Deferrable["IMMEDIATE"],
                        expressions=[
                            ("player", "="),
                            ("mode", "="),
                            (
                                models.Func(
                                    "starts_at",
                                    "ends_at",
                                    function="TSTZRANGE",
                                    output_field=django.contrib.postgres.fields.DateTimeRangeField(),
                                ),
                                "&&",
                            ),
                        ],
                        name="modespan_never_overlap",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="OutageDay",
            fields=[
                ("day", models.DateField(primary_key=True, serialize=False)),
                ("reason", models.CharField(max_length=500)),
                ("created_at", models.DateTimeField()),
                (
                    "staff",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True),
                        name="outage_day_has_a_reason",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PerfectRound",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("round_key", models.CharField(max_length=64)),
                ("finished_at", models.DateTimeField()),
                (
                    "player",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="players.player",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["player", "finished_at"], name="perfect_round_of_a_window")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("player", "round_key"), name="perfect_round_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PremiumSpan",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
                ("laid_at", models.DateTimeField()),
                (
                    "plan",
                    models.CharField(
                        choices=[
                            ("STARTER", "Starter"),
                            ("MONTH", "Month"),
                            ("SEASON", "Season"),
                            ("YEAR", "Year"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "entry",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="%(class)ss",
                        to="economy.ledgerentry",
                    ),
                ),
                (
                    "player",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="players.player",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "indexes": [
                    models.Index(fields=["player", "ends_at"], name="premiumspan_of_player"),
                    models.Index(
                        condition=models.Q(("revoked_at", None)),
                        fields=["ends_at"],
                        name="premiumspan_by_end",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gt", models.F("starts_at"))),
                        name="premiumspan_ends_after_it_starts",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("plan__in", ["STARTER", "MONTH", "SEASON", "YEAR"])),
                        name="premiumspan_plan_is_known",
                    ),
                    django.contrib.postgres.constraints.ExclusionConstraint(
                        condition=models.Q(("revoked_at", None)),
                        deferrable=django.db.models.constraints.Deferrable["IMMEDIATE"],
                        expressions=[
                            ("player", "="),
                            (
                                models.Func(
                                    "starts_at",
                                    "ends_at",
                                    function="TSTZRANGE",
                                    output_field=django.contrib.postgres.fields.DateTimeRangeField(),
                                ),
                                "&&",
                            ),
                        ],
                        name="premiumspan_never_overlap",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PremiumNotice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("ends_at", models.DateTimeField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("THREE_DAYS_LEFT", "three days left"),
                            ("ONE_DAY_LEFT", "one day left"),
                            ("ENDED", "ended"),
                        ],
                        max_length=16,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("told_at", models.DateTimeField(null=True)),
                (
                    "player",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="premium_notices",
                        to="players.player",
                    ),
                ),
                (
                    "span",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="notices",
                        to="economy.premiumspan",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("told_at", None)),
                        fields=["ends_at"],
                        name="premiumnotice_untold",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("player", "ends_at", "kind"), name="premiumnotice_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kind__in", ["THREE_DAYS_LEFT", "ONE_DAY_LEFT", "ENDED"])
                        ),
                        name="premiumnotice_kind_is_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ProverFinding",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "asset",
                    models.CharField(
                        choices=[
                            ("free_energy", "free energy"),
                            ("paid_energy", "paid energy"),
                            ("streak_savers", "streak savers"),
                            ("duel_tickets", "duel tickets"),
                        ],
                        max_length=16,
                    ),
                ),
                ("in_wallet", models.BigIntegerField(null=True)),
                ("by_entries", models.BigIntegerField(null=True)),
                (
                    "entry",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="economy.ledgerentry",
                    ),
                ),
                (
                    "player",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="players.player",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="findings",
                        to="economy.proverrun",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Streak",
            fields=[
                (
                    "player",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="streak",
                        serialize=False,
                        to="players.player",
                    ),
                ),
                ("current", models.PositiveIntegerField()),
                ("best", models.PositiveIntegerField()),
                ("last_active_day", models.DateField()),
                ("settled_through", models.DateField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("best__gt", 0), ("best__gte", models.F("current"))),
                        name="streak_best_is_the_best",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("settled_through__gte", models.F("last_active_day"))),
                        name="streak_active_days_are_settled",
                    ),
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="streak",
            trigger=pgtrigger.compiler.Trigger(
                name="never_deleted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                    hash="8ff0a12e95c4227074f482cf082112dc3695b272",
                    operation="DELETE",
                    pgid="pgtrigger_never_deleted_9503f",
                    table="economy_streak",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="streak",
            trigger=pgtrigger.compiler.Trigger(
                name="never_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'Cannot truncate streaks.';",
                    hash="0c2f551347749b1c9ca278294011f39ec271f5b2",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_never_truncated_1dd5e",
                    table="economy_streak",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddField(
            model_name="streakday",
            name="entry",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="streak_day",
                to="economy.ledgerentry",
            ),
        ),
        migrations.AddField(
            model_name="streakday",
            name="player",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="streak_days",
                to="players.player",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="wallet",
            trigger=pgtrigger.compiler.Trigger(
                name="only_the_ledger",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF pg_trigger_depth() > 1 THEN\n  RETURN coalesce(NEW, OLD);\nEND IF;\nRAISE EXCEPTION 'A balance changes only by a ledger entry.';\n",
                    hash="2ff6be2836559332a5e1238f79a3a185bb75d7e3",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_only_the_ledger_58cd4",
                    table="economy_wallet",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="wallet",
            trigger=pgtrigger.compiler.Trigger(
                name="never_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'Cannot truncate wallets.';",
                    hash="a516ad50bcc9daa77777f8ea0a72c86504aa913b",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_never_truncated_cb7c4",
                    table="economy_wallet",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgerentry",
            trigger=pgtrigger.compiler.Trigger(
                name="apply_to_wallet",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE wallet economy_wallet%ROWTYPE; short RECORD;",
                    func="\nSELECT * INTO wallet FROM economy_wallet WHERE player_id = NEW.player_id FOR UPDATE;\nIF NOT FOUND THEN\n  INSERT INTO economy_wallet\n    (player_id, free_energy, paid_energy, streak_savers, duel_tickets, changed_at)\n  VALUES (NEW.player_id, 0, 0, 0, 0, NEW.created_at)\n  ON CONFLICT DO NOTHING;\n  SELECT * INTO wallet FROM economy_wallet WHERE player_id = NEW.player_id FOR UPDATE;\nEND IF;\nIF EXISTS (\n  SELECT FROM economy_ledgerentry\n  WHERE player_id = NEW.player_id AND idempotency_key = NEW.idempotency_key\n) THEN\n  RETURN NULL;\nEND IF;\n-- Ids and instants follow the order in which the wallet was locked, not that of the callers.\nNEW.id := nextval(pg_get_serial_sequence('economy_ledgerentry', 'id'));\nNEW.created_at := greatest(NEW.created_at, wallet.changed_at);\nNEW.free_energy_after := wallet.free_energy + NEW.free_energy;\nNEW.paid_energy_after := wallet.paid_energy + NEW.paid_energy;\nNEW.streak_savers_after := wallet.streak_savers + NEW.streak_savers;\nNEW.duel_tickets_after := wallet.duel_tickets + NEW.duel_tickets;\nSELECT name, owned, -delta AS needed INTO short FROM (VALUES\n  ('free_energy', wallet.free_energy, NEW.free_energy),\n  ('paid_energy', wallet.paid_energy, NEW.paid_energy),\n  ('streak_savers', wallet.streak_savers, NEW.streak_savers),\n  ('duel_tickets', wallet.duel_tickets, NEW.duel_tickets)\n) AS balance (name, owned, delta) WHERE owned + delta < 0 LIMIT 1;\nIF FOUND THEN\n  RAISE EXCEPTION 'needs % of %, owns %', short.needed, short.name, short.owned\n    USING ERRCODE = 'QA001',\n          DETAIL = json_build_object(\n            'asset', short.name, 'owned', short.owned, 'needed', short.needed)::text;\nEND IF;\nUPDATE economy_wallet SET\n  free_energy = NEW.free_energy_after,\n  paid_energy = NEW.paid_energy_after,\n  streak_savers = NEW.streak_savers_after,\n  duel_tickets = NEW.duel_tickets_after,\n  energy_counted_until = coalesce(NEW.energy_counted_until, energy_counted_until),\n  changed_at = NEW.created_at\nWHERE player_id = NEW.player_id;\nRETURN NEW;\n",
                    hash="73d17752670144fa65d0c70a2e15426683b17bc1",
                    operation="INSERT",
                    pgid="pgtrigger_apply_to_wallet_794b8",
                    table="economy_ledgerentry",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgerentry",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                    hash="61ff6f08d5a19e1aa919c3fb2a45915851da2963",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_5a1af",
                    table="economy_ledgerentry",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgerentry",
            trigger=pgtrigger.compiler.Trigger(
                name="never_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'Cannot truncate the ledger.';",
                    hash="32a9fdf33d296f71b663e92d54b7f95639b8cf50",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_never_truncated_d7b8c",
                    table="economy_ledgerentry",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="modespan",
            trigger=pgtrigger.compiler.Trigger(
                name="keep_the_past",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF TG_OP = 'INSERT' THEN\n  IF NEW.starts_at < NEW.laid_at OR NEW.revoked_at IS NOT NULL THEN\n    RAISE EXCEPTION 'An entitlement begins now or later, and is not revoked yet.';\n  END IF;\nELSIF OLD.revoked_at IS NOT NULL\n  OR NEW.laid_at < OLD.laid_at\n  OR NEW.revoked_at <> NEW.laid_at\n  OR least(NEW.starts_at, NEW.laid_at) <> least(OLD.starts_at, NEW.laid_at)\n  OR least(NEW.ends_at, NEW.laid_at) <> least(OLD.ends_at, NEW.laid_at)\nTHEN\n  RAISE EXCEPTION 'The past of an entitlement stays as it was.';\nEND IF;\nRETURN NEW;\n",
                    hash="2e87d7301f2405799b7a49c15acb639b439bf9a2",
                    operation="INSERT OR UPDATE",
                    pgid="pgtrigger_keep_the_past_41153",
                    table="economy_modespan",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="modespan",
            trigger=pgtrigger.compiler.Trigger(
                name="never_deleted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                    hash="49de36340b8fc6552056849af0d1c03f39da4904",
                    operation="DELETE",
                    pgid="pgtrigger_never_deleted_ee6d0",
                    table="economy_modespan",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="modespan",
            trigger=pgtrigger.compiler.Trigger(
                name="never_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'Cannot truncate entitlements.';",
                    hash="89f60535fc7fbf06a004df05e5ce9596ba0bf076",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_never_truncated_4a56d",
                    table="economy_modespan",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="modespan",
            trigger=pgtrigger.compiler.Trigger(
                name="grant_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."player_id" IS DISTINCT FROM (NEW."player_id") OR OLD."entry_id" IS DISTINCT FROM (NEW."entry_id") OR OLD."mode" IS DISTINCT FROM (NEW."mode"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="1d4a62771bfcdf6a5e12ffe4c7b942907e31ca1d",
                    operation="UPDATE",
                    pgid="pgtrigger_grant_stays_00e23",
                    table="economy_modespan",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="outageday",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                    hash="e0ec2f9d7195067dbca1dc392cc66a3124dfdb17",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_c2530",
                    table="economy_outageday",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="outageday",
            trigger=pgtrigger.compiler.Trigger(
                name="never_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'Cannot truncate outage days.';",
                    hash="481c4703ed67a359a5f36eb8c9e3c89f43e95376",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_never_truncated_4b503",
                    table="economy_outageday",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="perfectround",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                    hash="a02de8e454bc814c90592717b932b3b8ac077502",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_9893e",
                    table="economy_perfectround",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="perfectround",
            trigger=pgtrigger.compiler.Trigger(
                name="never_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'Cannot truncate perfect rounds.';",
                    hash="d699ba9a5c31f8a0c584f4f1306321dcec9e87a6",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_never_truncated_03c97",
                    table="economy_perfectround",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="premiumspan",
            trigger=pgtrigger.compiler.Trigger(
                name="keep_the_past",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF TG_OP = 'INSERT' THEN\n  IF NEW.starts_at < NEW.laid_at OR NEW.revoked_at IS NOT NULL THEN\n    RAISE EXCEPTION 'An entitlement begins now or later, and is not revoked yet.';\n  END IF;\nELSIF OLD.revoked_at IS NOT NULL\n  OR NEW.laid_at < OLD.laid_at\n  OR NEW.revoked_at <> NEW.laid_at\n  OR least(NEW.starts_at, NEW.laid_at) <> least(OLD.starts_at, NEW.laid_at)\n  OR least(NEW.ends_at, NEW.laid_at) <> least(OLD.ends_at, NEW.laid_at)\nTHEN\n  RAISE EXCEPTION 'The past of an entitlement stays as it was.';\nEND IF;\nRETURN NEW;\n",
                    hash="8526c1f045ec465f6e20ec878e5a469cfeb11069",
                    operation="INSERT OR UPDATE",
                    pgid="pgtrigger_keep_the_past_d42c2",
                    table="economy_premiumspan",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="premiumspan",
            trigger=pgtrigger.compiler.Trigger(
                name="never_deleted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                    hash="a484435900ea90fdddbc5e22011b9705e1a519b3",
                    operation="DELETE",
                    pgid="pgtrigger_never_deleted_e44ba",
                    table="economy_premiumspan",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="premiumspan",
            trigger=pgtrigger.compiler.Trigger(
                name="never_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'Cannot truncate entitlements.';",
                    hash="aa6cd4ba53da247b5e65147a718e313b44ad019a",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_never_truncated_f4a9f",
                    table="economy_premiumspan",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="premiumspan",
            trigger=pgtrigger.compiler.Trigger(
                name="grant_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."player_id" IS DISTINCT FROM (NEW."player_id") OR OLD."entry_id" IS DISTINCT FROM (NEW."entry_id") OR OLD."plan" IS DISTINCT FROM (NEW."plan"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="d1a59307f2d33cd6a2f46d7d268c04ad6397c5b7",
                    operation="UPDATE",
                    pgid="pgtrigger_grant_stays_b62c8",
                    table="economy_premiumspan",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="streakday",
            index=models.Index(
                condition=models.Q(
                    (
                        "outcome__in",
                        (
                            "MISSED",
                            "FROZEN_SAVER",
                            "FROZEN_PREMIUM",
                        ),
                    )
                ),
                fields=["day", "player"],
                name="streak_day_shieldable",
            ),
        ),
        migrations.AddConstraint(
            model_name="streakday",
            constraint=models.UniqueConstraint(fields=("player", "day"), name="streak_day_once"),
        ),
        migrations.AddConstraint(
            model_name="streakday",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("entry__isnull", False), ("outcome", "FROZEN_SAVER")),
                    models.Q(models.Q(("outcome", "FROZEN_SAVER"), _negated=True), ("entry", None)),
                    _connector="OR",
                ),
                name="streak_day_of_a_saver_has_its_entry",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="streakday",
            trigger=pgtrigger.compiler.Trigger(
                name="outcome_moves",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _is_valid_transition BOOLEAN;",
                    func='SELECT CONCAT(OLD."outcome", \':\', NEW."outcome") = ANY(\'{MISSED:SHIELDED,MISSED:FROZEN_SAVER,MISSED:FROZEN_PREMIUM,FROZEN_SAVER:SHIELDED,FROZEN_PREMIUM:SHIELDED,MISSED:EARNED_BACK,MISSED:PLAYED,FROZEN_SAVER:PLAYED,FROZEN_PREMIUM:PLAYED,SHIELDED:PLAYED,EARNED_BACK:PLAYED}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."outcome" IS DISTINCT FROM NEW."outcome") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "outcome" from "%" to "%" on table %\', OLD."outcome", NEW."outcome", TG_TABLE_NAME; ELSE RETURN NEW; END IF;',
                    hash="09078336cf1f1c88917be30e0e15996bccb918e9",
                    operation="UPDATE",
                    pgid="pgtrigger_outcome_moves_ce278",
                    table="economy_streakday",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="streakday",
            trigger=pgtrigger.compiler.Trigger(
                name="day_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."player_id" IS DISTINCT FROM (NEW."player_id") OR OLD."day" IS DISTINCT FROM (NEW."day"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="fd2af0939a6e3b8a4491a19afbb83bd4141bffeb",
                    operation="UPDATE",
                    pgid="pgtrigger_day_stays_7da8b",
                    table="economy_streakday",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="streakday",
            trigger=pgtrigger.compiler.Trigger(
                name="never_deleted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                    hash="27d9708cf35d1ee8b9f17684293fe2c175d57bb7",
                    operation="DELETE",
                    pgid="pgtrigger_never_deleted_cac73",
                    table="economy_streakday",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="streakday",
            trigger=pgtrigger.compiler.Trigger(
                name="never_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'Cannot truncate the days of streaks.';",
                    hash="27417895f62af98e6b4ef603ad9c5e17fe5c1f19",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_never_truncated_11a3b",
                    table="economy_streakday",
                    when="BEFORE",
                ),
            ),
        ),
    ]

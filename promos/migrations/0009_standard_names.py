import django.db.models.deletion
import django.db.models.expressions
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("api", "0003_standard_names"),
        ("players", "0006_standard_names"),
        ("promos", "0008_batch_derivation"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RenameModel(old_name="Denial", new_name="DenylistEntry"),
        migrations.AlterField(
            model_name="denylistentry",
            name="player",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                primary_key=True,
                related_name="promo_denylist_entry",
                serialize=False,
                to="players.player",
            ),
        ),
        migrations.RemoveConstraint(
            model_name="redemption",
            name="redemption_hold_has_an_end",
        ),
        migrations.RemoveConstraint(
            model_name="redemption",
            name="redemption_turn_makes_sense",
        ),
        migrations.RemoveConstraint(model_name="denylistentry", name="denial_has_a_reason"),
        migrations.RenameIndex(
            model_name="denylistentry", old_name="denial_newest", new_name="denylistentry_newest"
        ),
        pgtrigger.migrations.RemoveTrigger(model_name="redemption", name="locked_once"),
        pgtrigger.migrations.RemoveTrigger(
            model_name="campaign",
            name="counted_by_redemptions",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="redemption",
            name="claim_a_use",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="redemption",
            name="count_the_move",
        ),
        migrations.RemoveConstraint(
            model_name="campaign",
            name="campaign_never_overrun",
        ),
        migrations.RemoveConstraint(
            model_name="campaign",
            name="campaign_budget_never_overrun",
        ),
        migrations.RemoveConstraint(
            model_name="redemption",
            name="redemption_taken_again_once",
        ),
        migrations.RemoveConstraint(
            model_name="redemption",
            name="redemption_lock_has_an_end",
        ),
        migrations.RemoveConstraint(
            model_name="referralnotice",
            name="referral_notice_waits_once",
        ),
        migrations.RemoveIndex(
            model_name="redemption",
            name="redemption_lapses",
        ),
        migrations.RemoveIndex(
            model_name="referralnotice",
            name="referral_notice_untold",
        ),
        migrations.RemoveIndex(
            model_name="referralnotice",
            name="referral_notice_untold_player",
        ),
        migrations.RenameField(
            model_name="campaign",
            old_name="held",
            new_name="reserved",
        ),
        migrations.RenameField(
            model_name="campaign",
            old_name="stars_held",
            new_name="stars_reserved",
        ),
        migrations.RenameField(
            model_name="redemption",
            old_name="turn",
            new_name="attempt_number",
        ),
        migrations.RenameField(
            model_name="redemption",
            old_name="is_kept",
            new_name="is_locked_for_payment",
        ),
        migrations.RenameField(
            model_name="referralnotice",
            old_name="told_at",
            new_name="notified_at",
        ),
        migrations.RenameIndex(
            model_name="redemption",
            new_name="redemption_reserved",
            old_name="redemption_held",
        ),
        migrations.AddIndex(
            model_name="redemption",
            index=models.Index(
                condition=models.Q(("is_locked_for_payment", False), ("status", "RESERVED")),
                fields=["reserved_until"],
                name="redemption_lapses",
            ),
        ),
        migrations.AddIndex(
            model_name="referralnotice",
            index=models.Index(
                condition=models.Q(("notified_at", None)),
                fields=["id"],
                include=("player", "kind"),
                name="referral_notice_unsent",
            ),
        ),
        migrations.AddIndex(
            model_name="referralnotice",
            index=models.Index(
                condition=models.Q(("notified_at", None)),
                fields=["player"],
                name="referral_notice_unsent_player",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="campaign",
            trigger=pgtrigger.compiler.Trigger(
                name="counted_by_redemptions",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF pg_trigger_depth() > 1 THEN\n  RETURN NEW;\nEND IF;\nIF TG_OP = 'INSERT' THEN\n  IF (NEW.reserved, NEW.applied, NEW.stars_reserved, NEW.stars_given)\n    IS DISTINCT FROM (0, 0, 0, 0)\n  THEN\n    RAISE EXCEPTION 'A campaign begins with nothing used.';\n  END IF;\nELSIF (NEW.reserved, NEW.applied, NEW.stars_reserved, NEW.stars_given)\n  IS DISTINCT FROM (OLD.reserved, OLD.applied, OLD.stars_reserved, OLD.stars_given)\nTHEN\n  RAISE EXCEPTION 'What a campaign has given is counted by its redemptions.';\nEND IF;\nRETURN NEW;\n",
                    hash="36b692220dc1e88c852ba3dc8481dd0b52933b87",
                    operation="INSERT OR UPDATE",
                    pgid="pgtrigger_counted_by_redemptions_88bc0",
                    table="promos_campaign",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="redemption",
            trigger=pgtrigger.compiler.Trigger(
                name="claim_a_use",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF NEW.status NOT IN ('RESERVED', 'APPLIED') OR NEW.stars_off <> 0 THEN\n  RAISE EXCEPTION 'A redemption begins as a reservation or as used, and takes no Stars off yet.';\nEND IF;\nPERFORM FROM promos_campaign AS campaign JOIN promos_code AS code\n  ON code.campaign_id = campaign.id AND code.id = NEW.code_id AND code.is_shared = NEW.is_shared\nWHERE campaign.id = NEW.campaign_id\nFOR NO KEY UPDATE OF campaign;\nIF NOT FOUND THEN\n  RAISE EXCEPTION 'A redemption is of a code of its campaign.';\nEND IF;\nIF NOT NEW.is_shared AND EXISTS (\n  SELECT FROM promos_redemption WHERE code_id = NEW.code_id AND status <> 'EXPIRED'\n) OR EXISTS (\n  SELECT FROM promos_redemption\n  WHERE campaign_id = NEW.campaign_id AND player_id = NEW.player_id\n    AND (status <> 'EXPIRED' OR attempt_number = NEW.attempt_number)\n) THEN\n  RETURN NULL;\nEND IF;\nUPDATE promos_campaign\nSET reserved = reserved + (NEW.status = 'RESERVED')::int,\n    applied = applied + (NEW.status = 'APPLIED')::int\nWHERE id = NEW.campaign_id AND status = 'ACTIVE'\n  AND starts_at <= NEW.created_at AND (ends_at IS NULL OR ends_at > NEW.created_at)\n  AND (uses_max IS NULL OR applied + reserved < uses_max);\nIF NOT FOUND THEN\n  RETURN NULL;\nEND IF;\nRETURN NEW;\n",
                    hash="05013d8a195711df7f729c80793b480ed37bad1e",
                    operation="INSERT",
                    pgid="pgtrigger_claim_a_use_fda40",
                    table="promos_redemption",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="redemption",
            trigger=pgtrigger.compiler.Trigger(
                name="locked_once",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.locked_until IS NOT NULL AND NEW.locked_until IS DISTINCT FROM OLD.locked_until)",
                    func="RAISE EXCEPTION 'How long a reservation is locked for payment is not prolonged.';",
                    hash="2e6f91b0eb72e5d419fc57b8b1c4f87a36e956f1",
                    operation="UPDATE",
                    pgid="pgtrigger_locked_once_b0f42",
                    table="promos_redemption",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="redemption",
            trigger=pgtrigger.compiler.Trigger(
                name="count_the_move",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF (NEW.id, NEW.campaign_id, NEW.code_id, NEW.is_shared, NEW.player_id, NEW.attempt_number,\n    NEW.created_at)\n  IS DISTINCT FROM\n   (OLD.id, OLD.campaign_id, OLD.code_id, OLD.is_shared, OLD.player_id, OLD.attempt_number,\n    OLD.created_at)\nTHEN\n  RAISE EXCEPTION 'A redemption stays what it is of.';\nEND IF;\nIF (NEW.status, NEW.stars_off) IS NOT DISTINCT FROM (OLD.status, OLD.stars_off) THEN\n  RETURN NEW;\nEND IF;\nIF NEW.stars_off <> OLD.stars_off AND (OLD.status, NEW.status) <> ('RESERVED', 'RESERVED') THEN\n  RAISE EXCEPTION 'What a redemption takes off is fixed while it is reserved.';\nEND IF;\nUPDATE promos_campaign\nSET reserved = reserved - (OLD.status = 'RESERVED')::int + (NEW.status = 'RESERVED')::int,\n    applied = applied + (OLD.status = 'RESERVED' AND NEW.status = 'APPLIED')::int,\n    stars_reserved = stars_reserved\n      - CASE WHEN OLD.status = 'RESERVED' THEN OLD.stars_off ELSE 0 END\n      + CASE WHEN NEW.status = 'RESERVED' THEN NEW.stars_off ELSE 0 END,\n    stars_given = stars_given\n      + CASE WHEN OLD.status = 'RESERVED' AND NEW.status = 'APPLIED' THEN NEW.stars_off ELSE 0 END\nWHERE id = NEW.campaign_id\n  AND (stars_max IS NULL OR NEW.stars_off <= OLD.stars_off\n       OR stars_given + stars_reserved - OLD.stars_off + NEW.stars_off <= stars_max);\nIF NOT FOUND THEN\n  RETURN NULL;\nEND IF;\nRETURN NEW;\n",
                    hash="0ed2c4736a1313b53f051b860128aa8415f90677",
                    operation="UPDATE",
                    pgid="pgtrigger_count_the_move_94d33",
                    table="promos_redemption",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="campaign",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("uses_max", None),
                    (
                        "uses_max__gte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("applied"), "+", models.F("reserved")
                        ),
                    ),
                    _connector="OR",
                ),
                name="campaign_never_overrun",
            ),
        ),
        migrations.AddConstraint(
            model_name="campaign",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("stars_max", None),
                    models.Q(
                        ("stars_max__gt", 0),
                        (
                            "stars_max__gte",
                            django.db.models.expressions.CombinedExpression(
                                models.F("stars_given"), "+", models.F("stars_reserved")
                            ),
                        ),
                    ),
                    _connector="OR",
                ),
                name="campaign_budget_never_overrun",
            ),
        ),
        migrations.AddConstraint(
            model_name="redemption",
            constraint=models.UniqueConstraint(
                fields=("campaign", "player", "attempt_number"), name="redemption_taken_again_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="redemption",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("is_locked_for_payment", True), ("status", "RESERVED"), _negated=True
                    ),
                    ("locked_until__isnull", False),
                    _connector="OR",
                ),
                name="redemption_lock_has_an_end",
            ),
        ),
        migrations.AddConstraint(
            model_name="referralnotice",
            constraint=models.UniqueConstraint(
                condition=models.Q(("notified_at", None)),
                fields=("reward", "kind"),
                name="referral_notice_waits_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="redemption",
            constraint=models.CheckConstraint(
                condition=models.Q(("attempt_number__gte", 1), ("attempt_number__lte", 2)),
                name="redemption_attempt_number_makes_sense",
            ),
        ),
        migrations.AddConstraint(
            model_name="redemption",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "RESERVED"), _negated=True),
                    ("reserved_until__isnull", False),
                    _connector="OR",
                ),
                name="redemption_reservation_has_an_end",
            ),
        ),
        migrations.AddConstraint(
            model_name="denylistentry",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="denylistentry_has_a_reason"
            ),
        ),
    ]

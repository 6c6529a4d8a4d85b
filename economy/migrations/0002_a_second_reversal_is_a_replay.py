import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("economy", "0001_ledger_and_wallets"),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name="ledgerentry",
            name="apply_to_wallet",
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgerentry",
            trigger=pgtrigger.compiler.Trigger(
                name="apply_to_wallet",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE wallet economy_wallet%ROWTYPE; short RECORD;",
                    func="\nSELECT * INTO wallet FROM economy_wallet WHERE player_id = NEW.player_id FOR UPDATE;\nIF NOT FOUND THEN\n  INSERT INTO economy_wallet\n    (player_id, free_energy, paid_energy, streak_savers, duel_tickets, changed_at)\n  VALUES (NEW.player_id, 0, 0, 0, 0, NEW.created_at)\n  ON CONFLICT DO NOTHING;\n  SELECT * INTO wallet FROM economy_wallet WHERE player_id = NEW.player_id FOR UPDATE;\nEND IF;\nIF EXISTS (\n  SELECT FROM economy_ledgerentry\n  WHERE player_id = NEW.player_id AND idempotency_key = NEW.idempotency_key\n) THEN\n  RETURN NULL;\nEND IF;\nIF NEW.reverses_id IS NOT NULL AND EXISTS (\n  SELECT FROM economy_ledgerentry WHERE reverses_id = NEW.reverses_id\n) THEN\n  RETURN NULL;\nEND IF;\n-- Ids and instants follow the order in which the wallet was locked, not that of the callers.\nNEW.id := nextval('economy_ledgerentry_id_seq');\nNEW.created_at := greatest(NEW.created_at, wallet.changed_at);\nNEW.free_energy_after := wallet.free_energy + NEW.free_energy;\nNEW.paid_energy_after := wallet.paid_energy + NEW.paid_energy;\nNEW.streak_savers_after := wallet.streak_savers + NEW.streak_savers;\nNEW.duel_tickets_after := wallet.duel_tickets + NEW.duel_tickets;\nIF least(\n  NEW.free_energy_after, NEW.paid_energy_after, NEW.streak_savers_after, NEW.duel_tickets_after\n) < 0 THEN\n  SELECT name, owned, -delta AS needed INTO short FROM (VALUES\n    ('free_energy', wallet.free_energy, NEW.free_energy),\n    ('paid_energy', wallet.paid_energy, NEW.paid_energy),\n    ('streak_savers', wallet.streak_savers, NEW.streak_savers),\n    ('duel_tickets', wallet.duel_tickets, NEW.duel_tickets)\n  ) AS balance (name, owned, delta) WHERE owned + delta < 0 LIMIT 1;\n  RAISE EXCEPTION 'needs % of %, owns %', short.needed, short.name, short.owned\n    USING ERRCODE = 'QA001',\n          DETAIL = json_build_object(\n            'asset', short.name, 'owned', short.owned, 'needed', short.needed)::text;\nEND IF;\nUPDATE economy_wallet SET\n  free_energy = NEW.free_energy_after,\n  paid_energy = NEW.paid_energy_after,\n  streak_savers = NEW.streak_savers_after,\n  duel_tickets = NEW.duel_tickets_after,\n  energy_counted_until = coalesce(NEW.energy_counted_until, energy_counted_until),\n  changed_at = NEW.created_at\nWHERE player_id = NEW.player_id;\nRETURN NEW;\n",
                    hash="11b0389dec9492f55d7ab492aaba75191cee1e68",
                    operation="INSERT",
                    pgid="pgtrigger_apply_to_wallet_794b8",
                    table="economy_ledgerentry",
                    when="BEFORE",
                ),
            ),
        ),
    ]

"""Wallets, and the ledger that alone can change them. Product rules, section 3."""

import pgtrigger
from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex, OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce
from django.utils.text import capfirst

from economy.energy import FREE_CAP

# What a wallet holds. Each is a column of the wallet, and a signed delta of every entry.
ASSETS = ("free_energy", "paid_energy", "streak_savers", "duel_tickets")
# No single move is larger than this; what asks for more is a mistake.
AMOUNT_MAX = 1_000_000


class Asset(models.TextChoices):
    """What an entry is about. The last two stand for everything they delivered together."""

    FREE_ENERGY = "FREE_ENERGY", "free energy"
    PAID_ENERGY = "PAID_ENERGY", "paid energy"
    STREAK_SAVERS = "STREAK_SAVERS", "streak savers"
    DUEL_TICKETS = "DUEL_TICKETS", "duel tickets"
    PURCHASE = "PURCHASE", "purchase (Stars)"
    GOODS = "GOODS", "goods"


class Direction(models.TextChoices):
    """To the player, or from the player."""

    CREDIT = "CREDIT", "credit"
    DEBIT = "DEBIT", "debit"


class EntryType(models.TextChoices):
    """Why something moved, or was given that no wallet holds: Premium, a streak earned back."""

    WELCOME = "WELCOME", "welcome energy"
    QUESTION = "QUESTION", "question played"
    QUESTION_RETURNED = "QUESTION_RETURNED", "question given back"
    PURCHASE_CREDIT = "PURCHASE_CREDIT", "purchase"
    PURCHASE_REFUND = "PURCHASE_REFUND", "refund"
    PROMO_GRANT = "PROMO_GRANT", "promo"
    REFERRAL_REWARD = "REFERRAL_REWARD", "referral reward"
    PRIZE = "PRIZE", "prize"
    COMEBACK = "COMEBACK", "present for coming back"
    STAFF_GRANT = "STAFF_GRANT", "grant by staff"
    STAFF_ADJUSTMENT = "STAFF_ADJUSTMENT", "adjustment by staff"
    SAVER_USED = "SAVER_USED", "streak saver used"
    SAVER_RETURNED = "SAVER_RETURNED", "streak saver given back"
    TICKET_USED = "TICKET_USED", "duel ticket used"
    TICKET_RETURNED = "TICKET_RETURNED", "duel ticket given back"
    EARN_BACK = "EARN_BACK", "streak earned back"
    TAKEN_BACK = "TAKEN_BACK", "grant taken back"
    GRACE = "GRACE", "days of grace for a renewal"


class Source(models.TextChoices):
    """Who asked for the move."""

    GAME = "GAME", "game"
    PURCHASE = "PURCHASE", "purchase"
    PROMO = "PROMO", "promo"
    REFERRAL = "REFERRAL", "referral"
    STAFF = "STAFF", "staff"
    SYSTEM = "SYSTEM", "system"


# What has a member of staff and a reason.
STAFF_TYPES = (EntryType.STAFF_GRANT, EntryType.STAFF_ADJUSTMENT)

# Locks the wallet, makes it if the player has none, looks for the key and for an earlier reversal
# of the same entry, applies the deltas and writes the balances after them into the entry. A replay
# inserts nothing.
APPLY_TO_WALLET = """
SELECT * INTO wallet FROM economy_wallet WHERE player_id = NEW.player_id FOR UPDATE;
IF NOT FOUND THEN
  INSERT INTO economy_wallet
    (player_id, free_energy, paid_energy, streak_savers, duel_tickets, changed_at)
  VALUES (NEW.player_id, 0, 0, 0, 0, NEW.created_at)
  ON CONFLICT DO NOTHING;
  SELECT * INTO wallet FROM economy_wallet WHERE player_id = NEW.player_id FOR UPDATE;
END IF;
IF EXISTS (
  SELECT FROM economy_ledgerentry
  WHERE player_id = NEW.player_id AND idempotency_key = NEW.idempotency_key
) THEN
  RETURN NULL;
END IF;
IF NEW.reverses_id IS NOT NULL AND EXISTS (
  SELECT FROM economy_ledgerentry WHERE reverses_id = NEW.reverses_id
) THEN
  RETURN NULL;
END IF;
-- Ids and instants follow the order in which the wallet was locked, not that of the callers.
NEW.id := nextval('economy_ledgerentry_id_seq');
NEW.created_at := greatest(NEW.created_at, wallet.changed_at);
NEW.free_energy_after := wallet.free_energy + NEW.free_energy;
NEW.paid_energy_after := wallet.paid_energy + NEW.paid_energy;
NEW.streak_savers_after := wallet.streak_savers + NEW.streak_savers;
NEW.duel_tickets_after := wallet.duel_tickets + NEW.duel_tickets;
IF least(
  NEW.free_energy_after, NEW.paid_energy_after, NEW.streak_savers_after, NEW.duel_tickets_after
) < 0 THEN
  SELECT name, owned, -delta AS needed INTO short FROM (VALUES
    ('free_energy', wallet.free_energy, NEW.free_energy),
    ('paid_energy', wallet.paid_energy, NEW.paid_energy),
    ('streak_savers', wallet.streak_savers, NEW.streak_savers),
    ('duel_tickets', wallet.duel_tickets, NEW.duel_tickets)
  ) AS balance (name, owned, delta) WHERE owned + delta < 0 LIMIT 1;
  RAISE EXCEPTION 'needs % of %, owns %', short.needed, short.name, short.owned
    USING ERRCODE = 'QA001',
          DETAIL = json_build_object(
            'asset', short.name, 'owned', short.owned, 'needed', short.needed)::text;
END IF;
UPDATE economy_wallet SET
  free_energy = NEW.free_energy_after,
  paid_energy = NEW.paid_energy_after,
  streak_savers = NEW.streak_savers_after,
  duel_tickets = NEW.duel_tickets_after,
  energy_counted_until = coalesce(NEW.energy_counted_until, energy_counted_until),
  changed_at = NEW.created_at
WHERE player_id = NEW.player_id;
RETURN NEW;
"""

ONLY_THE_LEDGER = """
IF pg_trigger_depth() > 1 THEN
  RETURN coalesce(NEW, OLD);
END IF;
RAISE EXCEPTION 'A balance changes only by a ledger entry.';
"""


def moves_its_amount(asset: Asset, column: str) -> Q:
    """Return the condition that an entry about `asset` moves `column` by just its amount."""
    missing = Coalesce(Cast(KT(f"shortfall__{column}"), models.IntegerField()), 0)
    return (
        ~Q(asset=asset.value)
        | Q(direction="CREDIT", **{column: F("amount")})
        | Q(direction="DEBIT", **{column: missing - F("amount")})
    )


def never_truncated(name: str, what: str) -> pgtrigger.Trigger:
    """Return the trigger that refuses TRUNCATE of a table, naming `what` is in it."""
    return pgtrigger.Trigger(
        name=name,
        level=pgtrigger.Statement,
        when=pgtrigger.Before,
        operation=pgtrigger.Truncate,
        func=f"RAISE EXCEPTION 'Cannot truncate {what}.';",
    )


class Wallet(models.Model):
    """What a player owns now. Only the database writes here, when an entry is inserted."""

    player = models.OneToOneField(
        "players.Player", primary_key=True, on_delete=models.PROTECT, related_name="wallet"
    )
    free_energy = models.PositiveSmallIntegerField()
    paid_energy = models.PositiveIntegerField()
    streak_savers = models.PositiveIntegerField()
    duel_tickets = models.PositiveIntegerField()
    # Up to here regeneration is in free_energy (economy/energy.py); nothing before the welcome.
    energy_counted_until = models.DateTimeField(null=True)
    # The instant of the last entry; none of an earlier instant can follow it.
    changed_at = models.DateTimeField()

    class Meta:
        permissions = [
            ("adjust_wallet", "Can adjust what players own"),
            ("grant_premium", "Can grant Premium and take it back"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(free_energy__lte=FREE_CAP), name="wallet_free_energy_within_cap"
            ),
            models.CheckConstraint(
                condition=Q(free_energy=0) | Q(energy_counted_until__isnull=False),
                name="wallet_free_energy_is_counted",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="only_the_ledger",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                func=ONLY_THE_LEDGER,
            ),
            never_truncated("never_truncated", "wallets"),
        ]

    def __str__(self) -> str:
        return f"wallet of player {self.pk}"

    @property
    def page_name(self) -> str:
        """Return what the heading of its page calls it."""
        return f"Wallet of {self.player}"


# What is not written with every question of the game.
NOT_A_QUESTION = ~Q(type="QUESTION")


class LedgerEntry(models.Model):
    """One business event and what it moved: append-only, once per player and key."""

    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="entries", db_index=False
    )
    type = models.CharField(max_length=24, choices=EntryType)
    asset = models.CharField(max_length=16, choices=Asset)
    direction = models.CharField(max_length=6, choices=Direction)
    amount = models.PositiveIntegerField()
    free_energy = models.IntegerField(default=0)
    paid_energy = models.IntegerField(default=0)
    streak_savers = models.IntegerField(default=0)
    duel_tickets = models.IntegerField(default=0)
    free_energy_after = models.IntegerField()
    paid_energy_after = models.IntegerField()
    streak_savers_after = models.IntegerField()
    duel_tickets_after = models.IntegerField()
    # Moves the wallet's count along, where the entry is about energy.
    energy_counted_until = models.DateTimeField(null=True)
    source = models.CharField(max_length=8, choices=Source)
    idempotency_key = models.CharField(max_length=128)
    # SHA-256 of what was asked for under the key.
    fingerprint = models.CharField(max_length=64)
    metadata = models.JSONField(default=dict)
    # What could not be taken back because it was spent: {asset: amount}.
    shortfall = models.JSONField(null=True)
    reverses = models.OneToOneField(
        "self", null=True, on_delete=models.PROTECT, related_name="reversal"
    )
    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    reason = models.CharField(max_length=500, blank=True, default="")
    created_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "ledger"
        indexes = [
            # A player's statement, newest first, and the balances as of an instant.
            models.Index(fields=["player", "-created_at", "-id"], name="entry_statement"),
            # A player's timeline, in which nearly all entries would be questions.
            models.Index(
                fields=["player", "-created_at", "-id"],
                condition=NOT_A_QUESTION,
                name="entry_of_player_but_questions",
            ),
            # Sources and sinks of a day; append-only, so blocks are in order.
            BrinIndex(fields=["created_at"], name="entry_by_day"),
            # What finance has to look at.
            models.Index(
                fields=["-id"], condition=Q(shortfall__isnull=False), name="entry_shortfall"
            ),
            # What a member of staff has done on a day.
            models.Index(
                fields=["staff", "created_at"],
                condition=Q(staff__isnull=False),
                name="entry_by_staff",
            ),
            # The admin's filter and search. Questions are nearly all there is: who looks for one
            # goes by its player, and playing does not pay for these.
            models.Index(fields=["type", "-id"], condition=NOT_A_QUESTION, name="entry_by_type"),
            models.Index(
                OpClass("idempotency_key", name="varchar_pattern_ops"),
                condition=NOT_A_QUESTION,
                name="entry_key_prefix",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["player", "idempotency_key"], name="entry_one_per_key"),
            models.CheckConstraint(
                condition=Q(amount__gt=0, amount__lte=AMOUNT_MAX), name="entry_amount_makes_sense"
            ),
            models.CheckConstraint(
                condition=Q(type__in=EntryType.values), name="entry_type_is_known"
            ),
            models.CheckConstraint(
                condition=Q(asset__in=Asset.values), name="entry_asset_is_known"
            ),
            models.CheckConstraint(
                condition=Q(direction__in=Direction.values), name="entry_direction_is_known"
            ),
            models.CheckConstraint(
                condition=Q(source__in=Source.values), name="entry_source_is_known"
            ),
            models.CheckConstraint(condition=~Q(idempotency_key=""), name="entry_key_is_not_empty"),
            models.CheckConstraint(
                condition=~Q(type__in=[one.value for one in STAFF_TYPES])
                | (Q(staff__isnull=False) & ~Q(reason="")),
                name="entry_of_staff_has_staff_and_reason",
            ),
            # An entry about one asset moves it by its amount, of which a debit may fall short; free
            # energy also carries what has regenerated since the last touch.
            models.CheckConstraint(
                condition=moves_its_amount(Asset.PAID_ENERGY, "paid_energy"),
                name="entry_paid_energy_moves_its_amount",
            ),
            models.CheckConstraint(
                condition=moves_its_amount(Asset.STREAK_SAVERS, "streak_savers"),
                name="entry_streak_savers_move_their_amount",
            ),
            models.CheckConstraint(
                condition=moves_its_amount(Asset.DUEL_TICKETS, "duel_tickets"),
                name="entry_duel_tickets_move_their_amount",
            ),
            models.CheckConstraint(
                condition=Q(shortfall=None) | Q(direction="DEBIT", reverses__isnull=False),
                name="entry_falls_short_only_as_a_reversal",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="apply_to_wallet",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                declare=[("wallet", "economy_wallet%ROWTYPE"), ("short", "RECORD")],
                func=APPLY_TO_WALLET,
            ),
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            never_truncated("never_truncated", "the ledger"),
        ]

    def __str__(self) -> str:
        return f"{self.direction} {self.amount} {self.asset} ({self.type})"

    @property
    def page_name(self) -> str:
        """Return what the heading of its page calls it."""
        return f"{capfirst(self.get_type_display())} of {self.player}"

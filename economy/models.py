"""What players own, and the ledger that alone can change it. Product rules, section 3."""

from datetime import date, datetime
from typing import Self, TypeVar

import pgtrigger
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.contrib.postgres.indexes import BrinIndex, OpClass
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce

from economy.energy import FREE_CAP
from economy.goods import Plan
from economy.streak_rules import DAY, OUTCOME_MOVES, SHIELDABLE, Outcome
from quizarena.staff import dates

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


# --- Entitlements ---------------------------------------------------------------------------------

# What lies before `laid_at` has happened and stays as it was, whatever happens to the rest.
KEEP_THE_PAST = """
IF TG_OP = 'INSERT' THEN
  IF NEW.starts_at < NEW.laid_at OR NEW.revoked_at IS NOT NULL THEN
    RAISE EXCEPTION 'An entitlement begins now or later, and is not revoked yet.';
  END IF;
ELSIF OLD.revoked_at IS NOT NULL
  OR NEW.laid_at < OLD.laid_at
  OR NEW.revoked_at <> NEW.laid_at
  OR least(NEW.starts_at, NEW.laid_at) <> least(OLD.starts_at, NEW.laid_at)
  OR least(NEW.ends_at, NEW.laid_at) <> least(OLD.ends_at, NEW.laid_at)
THEN
  RAISE EXCEPTION 'The past of an entitlement stays as it was.';
END IF;
RETURN NEW;
"""


class SpanStatus(models.TextChoices):
    """What a span is at an instant. Never stored: nothing has to run for it to change."""

    SCHEDULED = "SCHEDULED", "scheduled"
    ACTIVE = "ACTIVE", "active"
    EXPIRED = "EXPIRED", "expired"
    REVOKED = "REVOKED", "revoked"


def time_range(starts: str, ends: str) -> models.Func:
    """Return the instants from the first field up to, not at, the second.

    A plain Func, so that migrations name no class of ours.
    """
    return models.Func(starts, ends, function="TSTZRANGE", output_field=DateTimeRangeField())


Row_co = TypeVar("Row_co", bound="Span", covariant=True)


class SpanQuerySet(models.QuerySet[Row_co]):
    """Questions about spans."""

    def begun(self, at: datetime) -> Self:
        """Return those that had begun at `at`, and not been revoked before they could."""
        return self.filter(Q(revoked_at=None) | Q(revoked_at__gt=F("starts_at")), starts_at__lte=at)

    def active(self, at: datetime) -> Self:
        """Return those that were, are or will be active at `at`, revoked later or not."""
        return self.filter(
            Q(revoked_at=None) | Q(revoked_at__gt=at), starts_at__lte=at, ends_at__gt=at
        )

    def live(self, now: datetime) -> Self:
        """Return the active and the scheduled ones, in the order in which they follow."""
        return self.filter(revoked_at=None, ends_at__gt=now).order_by("starts_at")


def active_sql(span: str) -> str:
    """Return `SpanQuerySet.active` as SQL about the row `span` and the parameter `now`."""
    return (
        f"({span}.starts_at <= %(now)s AND {span}.ends_at > %(now)s"
        f" AND ({span}.revoked_at IS NULL OR {span}.revoked_at > %(now)s))"
    )


class Span(models.Model):
    """Time that one grant entitles a player to, from `starts_at` up to, not at, `ends_at`.

    A grant has several when a higher plan has gone before what was left of it. A revoked span
    says until when it would have lasted, and what it was before `revoked_at` is still true.
    """

    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    # The grant.
    entry = models.ForeignKey(LedgerEntry, on_delete=models.PROTECT, related_name="%(class)ss")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    # When it was given this place; what is before is history.
    laid_at = models.DateTimeField()

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="%(class)s_ends_after_it_starts"
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="keep_the_past",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func=KEEP_THE_PAST,
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            never_truncated("never_truncated", "entitlements"),
        ]

    def status(self, at: datetime) -> SpanStatus:
        """Return what it was, is or will be at `at`."""
        if self.revoked_at is not None and self.revoked_at <= at:
            return SpanStatus.REVOKED
        if self.ends_at <= at:
            return SpanStatus.EXPIRED
        return SpanStatus.ACTIVE if self.starts_at <= at else SpanStatus.SCHEDULED

    @property
    def until(self) -> datetime:
        """Return when it really ended, or will as things stand."""
        return min(self.ends_at, self.revoked_at or self.ends_at)

    @property
    def lane(self) -> str:
        """Return what it must not overlap in: spans of one player and lane follow each other."""
        raise NotImplementedError

    @property
    def rank(self) -> int:
        """Return how far in front of its lane it lies; equals lie in order of age."""
        raise NotImplementedError


class PremiumSpanQuerySet(SpanQuerySet["PremiumSpan"]):
    """Questions about Premium."""

    def final(self) -> Self:
        """Return those after which Premium is over: no other begins there or later."""
        later = PremiumSpan.objects.filter(
            Q(revoked_at=None) | Q(revoked_at__gt=F("starts_at")),
            player=OuterRef("player"),
            starts_at__gte=OuterRef("ends_at"),
        )
        return self.filter(~Exists(later), revoked_at=None)


class PremiumSpan(Span):
    """Premium of one plan. At any instant a player has at most one."""

    plan = models.CharField(max_length=8, choices=[(plan.value, plan.title()) for plan in Plan])

    objects = PremiumSpanQuerySet.as_manager()

    class Meta(Span.Meta):
        abstract = False
        indexes = [
            # Whether a player has Premium: asked with every question.
            models.Index(fields=["player", "ends_at"], name="premiumspan_of_player"),
            # Of which ends players have to be notified.
            models.Index(
                fields=["ends_at"], condition=Q(revoked_at=None), name="premiumspan_by_end"
            ),
        ]
        constraints = [
            *Span.Meta.constraints,
            models.CheckConstraint(
                condition=Q(plan__in=[plan.value for plan in Plan]),
                name="premiumspan_plan_is_known",
            ),
            ExclusionConstraint(
                expressions=[
                    ("player", RangeOperators.EQUAL),
                    (time_range("starts_at", "ends_at"), RangeOperators.OVERLAPS),
                ],
                condition=Q(revoked_at=None),
                # Checked after each statement, not each row: one statement moves all of them.
                deferrable=models.Deferrable.IMMEDIATE,
                name="premiumspan_never_overlap",
            ),
        ]
        triggers = [
            *Span.Meta.triggers,
            pgtrigger.ReadOnly(name="grant_stays", fields=["player", "entry", "plan"]),
        ]

    def __str__(self) -> str:
        return f"{self.plan} until {dates.moment(self.until)}"

    @property
    def lane(self) -> str:
        """Return the one lane that Premium has."""
        return "PREMIUM"

    @property
    def rank(self) -> int:
        """Return the plan's rank: a higher plan lies in front."""
        return Plan(self.plan).rank


class ModeSpan(Span):
    """Access to one mode. At any instant a player has at most one for it."""

    mode = models.CharField(max_length=32)

    objects = SpanQuerySet["ModeSpan"].as_manager()

    class Meta(Span.Meta):
        abstract = False
        indexes = [
            # Whether a mode is open to a player: asked with every start.
            models.Index(fields=["player", "mode", "ends_at"], name="modespan_of_player"),
        ]
        constraints = [
            *Span.Meta.constraints,
            ExclusionConstraint(
                expressions=[
                    ("player", RangeOperators.EQUAL),
                    ("mode", RangeOperators.EQUAL),
                    (time_range("starts_at", "ends_at"), RangeOperators.OVERLAPS),
                ],
                condition=Q(revoked_at=None),
                deferrable=models.Deferrable.IMMEDIATE,
                name="modespan_never_overlap",
            ),
        ]
        triggers = [
            *Span.Meta.triggers,
            pgtrigger.ReadOnly(name="grant_stays", fields=["player", "entry", "mode"]),
        ]

    def __str__(self) -> str:
        return f"{self.mode} until {dates.moment(self.until)}"

    @property
    def lane(self) -> str:
        """Return the mode: each has a lane of its own."""
        return self.mode

    @property
    def rank(self) -> int:
        """Return the same rank for every grant: the older lies in front."""
        return 0


class NoticeKind(models.TextChoices):
    """Which notice of the end of Premium it is."""

    THREE_DAYS_LEFT = "THREE_DAYS_LEFT", "three days left"
    ONE_DAY_LEFT = "ONE_DAY_LEFT", "one day left"
    ENDED = "ENDED", "ended"


class PremiumNoticeQuerySet(models.QuerySet["PremiumNotice"]):
    """Questions about notices."""

    def undelivered(self) -> Self:
        """Return those not yet sent whose end still holds, the earliest end first."""
        return self.filter(
            Exists(
                PremiumSpan.objects.final().filter(pk=OuterRef("span"), ends_at=OuterRef("ends_at"))
            ),
            notified_at=None,
        ).order_by("ends_at", "pk")


class PremiumNotice(models.Model):
    """A notice of an end of Premium, sent once. The bot fetches it."""

    player = models.ForeignKey(
        "players.Player",
        on_delete=models.PROTECT,
        related_name="premium_notices",
        db_index=False,
    )
    span = models.ForeignKey(PremiumSpan, on_delete=models.PROTECT, related_name="notices")
    # The end as it was when this was written; the span's own may move.
    ends_at = models.DateTimeField()
    kind = models.CharField(max_length=16, choices=NoticeKind)
    created_at = models.DateTimeField()
    notified_at = models.DateTimeField(null=True)

    objects = PremiumNoticeQuerySet.as_manager()

    class Meta:
        indexes = [
            # What the bot has to fetch.
            models.Index(
                fields=["ends_at"], condition=Q(notified_at=None), name="premiumnotice_unsent"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["player", "ends_at", "kind"], name="premiumnotice_once"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=NoticeKind.values), name="premiumnotice_kind_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {dates.moment(self.ends_at)}"


# --- Streaks --------------------------------------------------------------------------------------

# The outcomes of a day of which the player is notified.
NOTICE_OUTCOMES = (*SHIELDABLE, Outcome.SHIELDED)


class StreakQuerySet(models.QuerySet["Streak"]):
    """Questions about streaks."""

    def due(self, *, today: date) -> Self:
        """Return the streaks that have days to roll over, or to shield after the fact."""
        return self.filter(
            Q(current__gt=0, rolled_over_through__lt=today - DAY)
            | Exists(StreakDay.objects.shieldable().filter(player=OuterRef("player")))
        )

    def waiting(self, *, day: date) -> Self:
        """Return the streaks that run and have not been played for on `day` or later."""
        return self.filter(current__gt=0, last_active_day__lt=day)


class Streak(models.Model):
    """A player's streak as its days have made it, up to and including `rolled_over_through`."""

    player = models.OneToOneField(
        "players.Player", primary_key=True, on_delete=models.PROTECT, related_name="streak"
    )
    current = models.PositiveIntegerField()
    best = models.PositiveIntegerField()
    last_active_day = models.DateField()
    rolled_over_through = models.DateField()

    objects = StreakQuerySet.as_manager()

    class Meta:
        indexes = [
            # How many running streaks an outage would end.
            models.Index(
                fields=["last_active_day"], condition=Q(current__gt=0), name="streak_running"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(best__gte=F("current"), best__gt=0), name="streak_best_is_the_best"
            ),
            models.CheckConstraint(
                condition=Q(rolled_over_through__gte=F("last_active_day")),
                name="streak_active_days_are_rolled_over",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            never_truncated("never_truncated", "streaks"),
        ]

    def __str__(self) -> str:
        return f"streak of {self.current}"


class StreakDayQuerySet(models.QuerySet["StreakDay"]):
    """Questions about days."""

    def undelivered(self) -> Self:
        """Return the saved days and lost streaks that await their notice, oldest first."""
        return self.filter(outcome__in=NOTICE_OUTCOMES, notified_at=None).order_by("pk")

    def shieldable(self) -> Self:
        """Return the days of outages that have cost a player something."""
        return self.filter(outcome__in=SHIELDABLE, day__in=OutageDay.objects.values("day"))


class StreakDay(models.Model):
    """The outcome of one day of a player's streak.

    A day on which there was no streak has no row. So a MISSED day is one that ended a streak.
    """

    # The constraint that each day is there once is the index, too.
    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="streak_days", db_index=False
    )
    day = models.DateField()
    outcome = models.CharField(
        max_length=16, choices=[(one.value, one.replace("_", " ").lower()) for one in Outcome]
    )
    # The streak that the day prolonged, kept or, missed, ended.
    length = models.PositiveIntegerField()
    # The saver that was used.
    entry = models.OneToOneField(
        LedgerEntry, null=True, on_delete=models.PROTECT, related_name="streak_day"
    )
    notified_at = models.DateTimeField(null=True)

    objects = StreakDayQuerySet.as_manager()

    class Meta:
        indexes = [
            # Of which days players have to be notified.
            models.Index(
                fields=["id"],
                condition=Q(outcome__in=[one.value for one in NOTICE_OUTCOMES], notified_at=None),
                name="streak_day_unsent",
            ),
            # Whom an outage day has cost something.
            models.Index(
                fields=["day", "player"],
                condition=Q(outcome__in=[one.value for one in SHIELDABLE]),
                name="streak_day_shieldable",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["player", "day"], name="streak_day_once"),
            models.CheckConstraint(
                condition=Q(outcome__in=[outcome.value for outcome in Outcome]),
                name="streak_day_outcome_is_known",
            ),
            models.CheckConstraint(condition=Q(length__gt=0), name="streak_day_is_of_a_streak"),
            models.CheckConstraint(
                condition=Q(outcome="FROZEN_SAVER", entry__isnull=False)
                | (~Q(outcome="FROZEN_SAVER") & Q(entry=None)),
                name="streak_day_of_a_saver_has_its_entry",
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="outcome_moves",
                field="outcome",
                transitions=[(old.value, new.value) for old, new in OUTCOME_MOVES],
            ),
            pgtrigger.ReadOnly(name="day_stays", fields=["player", "day"]),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            never_truncated("never_truncated", "the days of streaks"),
        ]

    def __str__(self) -> str:
        return f"{self.day}: {self.outcome}"

    @property
    def streak(self) -> int:
        """The streak when the day is over."""
        return 0 if self.outcome == Outcome.MISSED else self.length


class PerfectRound(models.Model):
    """A round of ten right answers that counts towards earning a lost streak back."""

    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    round_key = models.CharField(max_length=64)
    finished_at = models.DateTimeField()

    class Meta:
        indexes = [
            # How many of the window of a loss there are.
            models.Index(fields=["player", "finished_at"], name="perfect_round_of_a_window"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["player", "round_key"], name="perfect_round_once"),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            never_truncated("never_truncated", "perfect rounds"),
        ]

    def __str__(self) -> str:
        return self.round_key


class OutageDay(models.Model):
    """A day on which an outage of ours kept players from playing: it costs nobody a streak."""

    day = models.DateField(primary_key=True)
    # Who has declared it; nobody where it follows from recorded downtime.
    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    reason = models.CharField(max_length=500)
    created_at = models.DateTimeField()

    class Meta:
        permissions = [("declare_outage", "Can declare a day an outage of ours")]
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="outage_day_has_a_reason"),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            never_truncated("never_truncated", "outage days"),
        ]

    def __str__(self) -> str:
        return f"{self.day}: {self.reason}"


# --- Verification ---------------------------------------------------------------------------------


class VerificationRun(models.Model):
    """One verification of the ledger: every wallet, recomputed from its entries."""

    started_at = models.DateTimeField()
    # Empty while it runs, and for ever if somebody has stopped it.
    seconds = models.FloatField(null=True)
    wallets = models.PositiveBigIntegerField(default=0)
    entries = models.PositiveBigIntegerField(default=0)
    # How many findings there are.
    differences = models.PositiveIntegerField(default=0)
    control_run = models.OneToOneField(
        "ControlRun", null=True, on_delete=models.PROTECT, related_name="ledger_verification"
    )

    class Meta:
        verbose_name = "ledger check"

    def __str__(self) -> str:
        return f"ledger check {self.pk}"


class VerificationFinding(models.Model):
    """A wallet's balance, or one stated by an entry, that is not the sum of the entries."""

    run = models.ForeignKey(VerificationRun, on_delete=models.PROTECT, related_name="findings")
    player = models.ForeignKey("players.Player", on_delete=models.PROTECT, related_name="+")
    asset = models.CharField(
        max_length=16, choices=[(asset, asset.replace("_", " ")) for asset in ASSETS]
    )
    # Empty if the player has no wallet.
    in_wallet = models.BigIntegerField(null=True)
    # Empty if the player has no entries.
    by_entries = models.BigIntegerField(null=True)
    # The first entry whose balance is not the sum up to it, if there is one.
    entry = models.ForeignKey(LedgerEntry, null=True, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"player {self.player_id}: {self.sentence}"

    @property
    def sentence(self) -> str:
        """What is wrong, in words."""
        asset = self.get_asset_display()
        if self.in_wallet is None:
            return f"no wallet, but entries that sum up to {self.by_entries:,} {asset}"
        if self.by_entries is None:
            return f"no entries, but a wallet with {self.in_wallet:,} {asset}"
        if self.in_wallet != self.by_entries:
            return f"{self.in_wallet:,} {asset} in the wallet, {self.by_entries:,} by the entries"
        return f"the {asset} after entry {self.entry_id} is not the sum of the entries up to it"


# --- Controls -------------------------------------------------------------------------------------


class ControlRunQuerySet(models.QuerySet["ControlRun"]):
    """Questions about runs."""

    def clean(self) -> Self:
        """Return those that came to their end and found nothing that is still open."""
        return self.filter(finished_at__isnull=False, findings=0, error="")


class ControlRun(models.Model):
    """One run of a control (economy/controls.py), or the clean ones of an hour."""

    control = models.CharField(max_length=32)
    started_at = models.DateTimeField()
    # When the latest of the runs that this row stands for began.
    last_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    runs = models.PositiveIntegerField(default=1)
    # How many items were looked at.
    checked = models.PositiveBigIntegerField(default=0)
    # How many findings are open at the end of the run.
    findings = models.PositiveIntegerField(default=0)
    # The name of the error that ended the run early.
    error = models.CharField(max_length=200, blank=True, default="")
    # Of the findings the one that its alert names, where another table has them.
    headline = ""

    objects = ControlRunQuerySet.as_manager()

    class Meta:
        verbose_name = "control run"
        indexes = [
            # The latest run of a control, and its latest clean one.
            models.Index(fields=["control", "-id"], name="controlrun_latest"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(last_at__gte=F("started_at")),
                name="controlrun_last_is_not_before_first",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.control} {self.pk}"

    @property
    def is_clean(self) -> bool:
        """Whether it came to its end and found nothing that is still open."""
        return self.finished_at is not None and not self.findings and not self.error


class ControlFinding(models.Model):
    """Something that a run has found and that no table of its own control keeps."""

    run = models.ForeignKey(ControlRun, on_delete=models.PROTECT, related_name="found")
    summary = models.CharField(max_length=500)
    # What it is about, if that has a page.
    subject_type = models.CharField(max_length=64, blank=True, default="")
    subject_id = models.CharField(max_length=64, blank=True, default="")
    details = models.JSONField(default=dict)

    class Meta:
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            never_truncated("never_truncated", "the findings of controls"),
        ]

    def __str__(self) -> str:
        return self.summary

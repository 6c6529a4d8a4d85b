"""Premium and open modes by their spans, and notices of their ends. Product rules, section 6."""

from datetime import datetime
from typing import Self, TypeVar

import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from economy.goods import Plan
from economy.models.ledger import LedgerEntry, never_truncated
from quizarena.staff import dates

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

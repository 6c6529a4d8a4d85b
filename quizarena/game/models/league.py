"""Leagues: the groups of a week, who is in them, and how they ended."""

from datetime import date
from typing import Self

import pgtrigger
from django.db import models
from django.db.models import Q

from quizarena.game.league_rules import GROUP_SIZE, Outcome, Tier
from quizarena.staff import dates

TIER_NAMES = {
    Tier.BRONZE: "Bronze",
    Tier.SILBER: "Silber",
    Tier.GOLD: "Gold",
    Tier.PLATIN: "Platin",
    Tier.DIAMANT: "Diamant",
}
# Django's choices of them.
TIERS = [(tier.value, name) for tier, name in TIER_NAMES.items()]
OUTCOMES = [
    (Outcome.ROSE.value, "rose"),
    (Outcome.STAYED.value, "stayed"),
    (Outcome.FELL.value, "fell"),
    (Outcome.LEFT.value, "left the leagues"),
]

# A place is taken in an open group of the week, and kept; how a week has ended stays.
MEMBER_MOVES = f"""
IF TG_OP = 'UPDATE' THEN
  IF OLD.outcome <> '' THEN
    RAISE EXCEPTION 'How a league week has ended stays.';
  END IF;
  IF OLD.group_id IS NOT NULL
    AND (NEW.group_id, NEW.number) IS DISTINCT FROM (OLD.group_id, OLD.number)
  THEN
    RAISE EXCEPTION 'A place in a league group is kept.';
  END IF;
END IF;
IF NEW.group_id IS NULL THEN
  RETURN NEW;
END IF;
SELECT week, tier, finished_at INTO STRICT own FROM game_leaguegroup WHERE id = NEW.group_id;
IF own.week <> NEW.week THEN
  RAISE EXCEPTION 'A league group is of the week of its members.';
END IF;
IF own.finished_at IS NOT NULL THEN
  RAISE EXCEPTION 'This league group is finished.';
END IF;
IF (own.tier = {Tier.BRONZE.value} AND NEW.outcome = 'FELL')
  OR (own.tier = {Tier.DIAMANT.value} AND NEW.outcome = 'ROSE')
THEN
  RAISE EXCEPTION 'Nobody falls from the lowest tier or rises from the highest.';
END IF;
RETURN NEW;
"""  # noqa: S608 -- the numbers are constants.
GROUP_FINISHES = """
IF EXISTS (
  SELECT FROM game_leaguemember WHERE group_id = NEW.id AND outcome = ''
) THEN
  RAISE EXCEPTION 'A league group is finished when all of its members have their outcome.';
END IF;
RETURN NEW;
"""


class LeaguePlayer(models.Model):
    """The tier of a player, and whether the player takes part."""

    player = models.OneToOneField(
        "players.Player", primary_key=True, on_delete=models.PROTECT, related_name="league"
    )
    tier = models.PositiveSmallIntegerField(choices=TIERS, default=Tier.BRONZE.value)
    opted_out_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(tier__gte=Tier.BRONZE.value, tier__lte=Tier.DIAMANT.value),
                name="leagueplayer_tier_exists",
            ),
        ]

    def __str__(self) -> str:
        return f"{TIER_NAMES[Tier(self.tier)]}, player {self.player_id}"


class LeagueGroup(models.Model):
    """Up to thirty players of one tier who compare themselves for a week."""

    # Its Monday.
    week = models.DateField()
    tier = models.PositiveSmallIntegerField(choices=TIERS)
    # From 1, in the order in which they were opened.
    number = models.PositiveIntegerField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "league group"
        indexes = [
            # What is to be finished.
            models.Index(
                fields=["week", "id"],
                condition=Q(finished_at=None),
                name="leaguegroup_unfinished",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["week", "tier", "number"], name="leaguegroup_number_once"
            ),
            models.CheckConstraint(
                condition=Q(tier__gte=Tier.BRONZE.value, tier__lte=Tier.DIAMANT.value),
                name="leaguegroup_tier_exists",
            ),
            models.CheckConstraint(
                condition=Q(week__week_day=2), name="leaguegroup_week_begins_on_monday"
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(name="group_stays", fields=["week", "tier", "number"]),
            pgtrigger.Protect(
                name="finished_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__finished_at__isnull=False),
            ),
            pgtrigger.Trigger(
                name="finishes_wholly",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(new__finished_at__isnull=False),
                func=GROUP_FINISHES,
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{TIER_NAMES[Tier(self.tier)]} {self.number}, week of {dates.day(self.week)}"


class LeagueMemberQuerySet(models.QuerySet["LeagueMember"]):
    """Questions about members."""

    def waiting(self) -> Self:
        """Return those who have points of their week and no group yet, first come first."""
        waiting = self.filter(group=None, left_at=None)
        return waiting.order_by("week", "joined_at", "player")

    def of_week(self, week: date) -> Self:
        """Return those of a week."""
        return self.filter(week=week)


class LeagueMember(models.Model):
    """A player's week in the league. The database makes it with the week's first points."""

    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="league_weeks", db_index=False
    )
    week = models.DateField()
    joined_at = models.DateTimeField()
    group = models.ForeignKey(
        LeagueGroup, null=True, on_delete=models.PROTECT, related_name="members", db_index=False
    )
    # From 1, in the order of joining: one of the thirty places of the group.
    number = models.PositiveSmallIntegerField(null=True)
    # Since when the player is out of the leagues in the middle of the week.
    left_at = models.DateTimeField(null=True)
    # How the week has ended.
    outcome = models.CharField(max_length=6, choices=OUTCOMES, blank=True, default="")
    place = models.PositiveSmallIntegerField(null=True)
    points = models.PositiveSmallIntegerField(null=True)

    objects = LeagueMemberQuerySet.as_manager()

    class Meta:
        verbose_name = "league member"
        indexes = [
            # Who waits for a group.
            models.Index(
                fields=["week", "joined_at", "player"],
                condition=Q(group=None, left_at=None),
                name="leaguemember_waiting",
            ),
        ]
        constraints = [
            # The index of a player's weeks, too.
            models.UniqueConstraint(fields=["player", "week"], name="leaguemember_once_a_week"),
            # The index of a group's members, too; with the next one never more than thirty of them.
            models.UniqueConstraint(fields=["group", "number"], name="leaguemember_number_once"),
            models.CheckConstraint(
                condition=Q(group=None, number=None)
                | Q(
                    group__isnull=False,
                    number__isnull=False,
                    number__gte=1,
                    number__lte=GROUP_SIZE,
                ),
                name="leaguemember_number_exists",
            ),
            models.CheckConstraint(
                condition=Q(outcome="", place=None, points=None)
                | Q(outcome=Outcome.LEFT.value, place=None, points=None, left_at__isnull=False)
                | Q(
                    outcome__in=[Outcome.ROSE.value, Outcome.STAYED.value, Outcome.FELL.value],
                    group__isnull=False,
                    left_at=None,
                    place__isnull=False,
                    place__gte=1,
                    place__lte=GROUP_SIZE,
                    points__isnull=False,
                    points__gte=1,
                ),
                name="leaguemember_outcome_is_whole",
            ),
            # Two do not share a place.
            models.UniqueConstraint(fields=["group", "place"], name="leaguemember_place_once"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="moves",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                declare=[("own", "RECORD")],
                func=MEMBER_MOVES,
            ),
            pgtrigger.ReadOnly(name="member_stays", fields=["player", "week"]),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"player {self.player_id} in the week of {dates.day(self.week)}"

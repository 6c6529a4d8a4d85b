"""What the places of a cup bring: prizes and badges."""

import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import IntegerRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value

from economy.goods import Goods, Plan
from quizarena.game.models.tournament import Tournament
from quizarena.game.tournament_rules import FORMATS, TournamentKind

_CUP = FORMATS[TournamentKind.CUP]


class CupPrize(models.Model):
    """What the places of a cup bring, beside the badges; set by operators."""

    place_from = models.PositiveSmallIntegerField()
    place_to = models.PositiveSmallIntegerField()
    paid_energy = models.PositiveSmallIntegerField(default=0)
    streak_savers = models.PositiveSmallIntegerField(default=0)
    duel_tickets = models.PositiveSmallIntegerField(default=0)
    # Of the lowest plan.
    premium_days = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ("place_from",)
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    place_from__gte=1,
                    place_to__gte=F("place_from"),
                    place_to__lte=_CUP.players_max,
                ),
                name="cupprize_places_of_a_cup",
                violation_error_message=f"Places are 1 to {_CUP.players_max}, the first one first.",
            ),
            models.CheckConstraint(
                condition=Q(paid_energy__gt=0)
                | Q(streak_savers__gt=0)
                | Q(duel_tickets__gt=0)
                | Q(premium_days__gt=0),
                name="cupprize_contains_something",
                violation_error_message="A prize must contain at least one item.",
            ),
            models.CheckConstraint(
                condition=Q(
                    paid_energy__lte=100,
                    streak_savers__lte=5,
                    duel_tickets__lte=10,
                    premium_days__lte=30,
                ),
                name="cupprize_is_bounded",
                violation_error_message=(
                    "At most 100 energy, 5 streak savers, 10 duel tickets and 30 days of Premium."
                ),
            ),
            ExclusionConstraint(
                expressions=[
                    (
                        Func(
                            F("place_from"),
                            F("place_to"),
                            Value("[]"),
                            function="int4range",
                            output_field=IntegerRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    )
                ],
                name="cupprize_one_per_place",
                violation_error_message="One of these places has a prize already.",
            ),
        ]

    def __str__(self) -> str:
        if self.place_from == self.place_to:
            return f"place {self.place_from}"
        return f"places {self.place_from} to {self.place_to}"

    @property
    def goods(self) -> Goods:
        """Return what it delivers."""
        return Goods(
            paid_energy=self.paid_energy,
            streak_savers=self.streak_savers,
            duel_tickets=self.duel_tickets,
            premium=Plan.STARTER if self.premium_days else None,
            premium_days=self.premium_days,
        )


class BadgeKind(models.TextChoices):
    """What a player can show."""

    CUP_FIRST = "CUP_FIRST", "first in a cup"
    CUP_SECOND = "CUP_SECOND", "second in a cup"
    CUP_THIRD = "CUP_THIRD", "third in a cup"
    CUPS_IN_A_ROW = "CUPS_IN_A_ROW", "five cups in a row"


class Badge(models.Model):
    """Something that a player has reached in a cup: one of each place, the row of five once."""

    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="badges", db_index=False
    )
    kind = models.CharField(max_length=13, choices=BadgeKind)
    tournament = models.ForeignKey(Tournament, on_delete=models.PROTECT, related_name="badges")
    awarded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["player", "kind", "tournament"], name="badge_once_per_tournament"
            ),
            models.UniqueConstraint(
                fields=["tournament", "kind"],
                condition=~Q(kind="CUPS_IN_A_ROW"),
                name="badge_of_a_place_once",
            ),
            models.UniqueConstraint(
                fields=["player"], condition=Q(kind="CUPS_IN_A_ROW"), name="badge_of_a_row_once"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=BadgeKind.values), name="badge_kind_is_known"
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of player {self.player_id}"

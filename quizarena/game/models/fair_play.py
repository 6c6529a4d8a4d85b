"""What staff are asked to look at for fair play, and what they think of it."""

from typing import Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.text import capfirst

from quizarena.game.fair_play_rules import FINDING_MOVES, FindingKind, FindingState

KIND_NAMES = {
    FindingKind.FAST_ANSWERS: "answers too fast",
    FindingKind.SAME_ANSWERS: "two accounts answer alike",
    FindingKind.ONLY_LOSES_TO: "only loses against one other",
}


class FairPlayFindingQuerySet(models.QuerySet["FairPlayFinding"]):
    """Questions about findings."""

    def undecided(self) -> Self:
        """Return those that nobody has dismissed or confirmed."""
        return self.filter(state=FindingState.OPEN)


class FairPlayFinding(models.Model):
    """One thing about one or two accounts in one day or week; it changes nothing by itself."""

    kind = models.CharField(
        max_length=13, choices=[(kind.value, name) for kind, name in KIND_NAMES.items()]
    )
    # Of two who answer alike, the earlier account is the player.
    player = models.ForeignKey("players.Player", on_delete=models.PROTECT, related_name="+")
    other = models.ForeignKey(
        "players.Player", null=True, on_delete=models.PROTECT, related_name="+"
    )
    # The business days of which it is.
    first_day = models.DateField()
    last_day = models.DateField()
    # What was counted, by the names of the rule's arguments (quizarena/game/fair_play_rules.py);
    # counted anew while it is open.
    figures = models.JSONField()
    found_at = models.DateTimeField()
    state = models.CharField(
        max_length=9,
        choices=[(state.value, state.lower()) for state in FindingState],
        default=FindingState.OPEN.value,
    )
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    note = models.CharField(max_length=500, blank=True, default="")

    objects = FairPlayFindingQuerySet.as_manager()

    class Meta:
        permissions = [("decide_fairplayfinding", "Can dismiss and confirm fair-play findings")]
        indexes = [
            # How many wait, in the sidebar.
            models.Index(fields=["-id"], condition=Q(state="OPEN"), name="fairplayfinding_open"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "player", "other", "first_day"],
                nulls_distinct=False,
                name="fairplayfinding_once_per_players_and_window",
            ),
            models.CheckConstraint(
                condition=Q(kind="FAST_ANSWERS", other=None, last_day=F("first_day"))
                | (
                    Q(kind="SAME_ANSWERS", other__isnull=False, player__lt=F("other"))
                    | (Q(kind="ONLY_LOSES_TO", other__isnull=False) & ~Q(player=F("other")))
                )
                & Q(first_day__week_day=2, last_day=F("first_day") + 6),
                name="fairplayfinding_is_of_a_day_or_of_two_in_a_week",
            ),
            models.CheckConstraint(
                condition=Q(state="OPEN", decided_at=None, decided_by=None, note="")
                | (
                    Q(
                        state__in=["DISMISSED", "CONFIRMED"],
                        decided_at__isnull=False,
                        decided_by__isnull=False,
                    )
                    & ~Q(note="")
                ),
                name="fairplayfinding_decided_wholly",
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="finding_moves",
                field="state",
                transitions=[(old.value, new.value) for old, new in FINDING_MOVES],
            ),
            pgtrigger.Protect(
                name="begins_open",
                operation=pgtrigger.Insert,
                condition=~pgtrigger.Q(new__state=FindingState.OPEN.value),
            ),
            pgtrigger.Protect(
                name="decided_once",
                operation=pgtrigger.Update,
                condition=~pgtrigger.Q(old__state=FindingState.OPEN.value),
            ),
            pgtrigger.ReadOnly(
                name="subject_is_fixed",
                fields=["kind", "player", "other", "first_day", "last_day", "found_at"],
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"finding {self.pk}"

    @property
    def page_name(self) -> str:
        """Return what the heading of its page calls it."""
        return f"{capfirst(self.get_kind_display())}: {self.player}"

"""What a campaign brings: its holdout compared with the others. Product rules, section 8."""

import pgtrigger
from django.db import models
from django.db.models import F, Q

from promos.models.campaign import Campaign


class Uplift(models.Model):
    """The comparison of a campaign's holdout with the others, and how far it is counted.

    First the participants are recorded, page by page; then they are counted, again and again, each
    time up to one instant. promos/uplift.py does both.
    """

    campaign = models.OneToOneField(
        Campaign, primary_key=True, on_delete=models.PROTECT, related_name="uplift"
    )
    # From here what participants do counts, up to the campaign's end.
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)

    # The last player who was looked at, and when that was the last of all.
    recorded_to = models.BigIntegerField(default=0)
    recorded_at = models.DateTimeField(null=True)

    # Up to when the count that is being made goes, and the last participant in it.
    counting_until = models.DateTimeField(null=True)
    counted_to = models.BigIntegerField(default=0)
    # Up to when the latest complete count goes.
    counted_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gte=F("begins_at")),
                name="uplift_ends_after_it_begins",
            ),
            models.CheckConstraint(
                condition=Q(recorded_at__isnull=False) | Q(counting_until=None, counted_until=None),
                name="uplift_is_recorded_before_it_is_counted",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="begin_stays",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "(OLD.begins_at <> NEW.begins_at OR (OLD.ends_at IS NOT NULL AND"
                    " OLD.ends_at IS DISTINCT FROM NEW.ends_at) OR (OLD.recorded_at IS NOT NULL AND"
                    " OLD.recorded_at IS DISTINCT FROM NEW.recorded_at))"
                ),
                func="RAISE EXCEPTION 'Who is compared, and from when to when, stays.';",
            ),
        ]

    def __str__(self) -> str:
        return f"uplift of {self.campaign}"


class Participant(models.Model):
    """A player who was in the segment of a campaign when it began, and in which group."""

    # The constraint begins with it.
    uplift = models.ForeignKey(
        Uplift, on_delete=models.CASCADE, related_name="participants", db_index=False
    )
    player = models.ForeignKey("players.Player", on_delete=models.PROTECT, related_name="+")
    is_held_out = models.BooleanField()

    class Meta:
        constraints = [
            # The order in which they are counted, too.
            models.UniqueConstraint(fields=["uplift", "player"], name="participant_once"),
        ]
        triggers = [pgtrigger.Protect(name="group_stays", operation=pgtrigger.Update)]

    def __str__(self) -> str:
        return f"player {self.player_id}, {'held out' if self.is_held_out else 'offered'}"


class GroupCount(models.Model):
    """What one group has done up to an instant: sums, and sums of the squares of each player's."""

    uplift = models.ForeignKey(
        Uplift, on_delete=models.CASCADE, related_name="counts", db_index=False
    )
    until = models.DateTimeField()
    is_held_out = models.BooleanField()
    players = models.PositiveIntegerField()
    buyers = models.PositiveIntegerField()
    purchases = models.PositiveBigIntegerField()
    purchases_squared = models.PositiveBigIntegerField()
    stars = models.PositiveBigIntegerField()
    stars_squared = models.PositiveBigIntegerField()
    active_players = models.PositiveIntegerField()
    active_days = models.PositiveBigIntegerField()
    active_days_squared = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["uplift", "until", "is_held_out"], name="groupcount_once"
            ),
            models.CheckConstraint(
                condition=Q(buyers__lte=F("players"), active_players__lte=F("players")),
                name="groupcount_counts_players_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{'held out' if self.is_held_out else 'offered'}: {self.players:,} players"

"""What a chat has: its player's reminders, the staff it belongs to, the cards it gets."""

from django.conf import settings
from django.db import models
from django.db.models import Q

# When the daily reminders come, unless the player chooses another hour.
DAILY_HOUR = 18


class Zone(models.TextChoices):
    """The clocks that players choose from, by a city that everybody knows."""

    LOS_ANGELES = "America/Los_Angeles", "Los Angeles"
    CHICAGO = "America/Chicago", "Chicago"
    NEW_YORK = "America/New_York", "New York"
    SAO_PAULO = "America/Sao_Paulo", "São Paulo"
    LONDON = "Europe/London", "London"
    BERLIN = "Europe/Berlin", "Berlin"
    KYIV = "Europe/Kyiv", "Kyiv"
    ISTANBUL = "Europe/Istanbul", "Istanbul"
    DUBAI = "Asia/Dubai", "Dubai"
    TASHKENT = "Asia/Tashkent", "Tashkent"
    DELHI = "Asia/Kolkata", "Delhi"
    BANGKOK = "Asia/Bangkok", "Bangkok"
    BEIJING = "Asia/Shanghai", "Beijing"
    TOKYO = "Asia/Tokyo", "Tokyo"
    SYDNEY = "Australia/Sydney", "Sydney"


class ReminderSettings(models.Model):
    """Which messages a player wants without asking, and by which clock they live.

    Who has no row has these defaults.
    """

    player = models.OneToOneField(
        "players.Player",
        primary_key=True,
        on_delete=models.PROTECT,
        related_name="reminder_settings",
    )
    zone = models.CharField(
        max_length=32, choices=Zone, default=Zone.BERLIN, db_default=Zone.BERLIN
    )
    streak_risk = models.BooleanField(default=False, db_default=False)
    daily_round = models.BooleanField(default=False, db_default=False)
    daily_challenge = models.BooleanField(default=False, db_default=False)
    # When cards are due.
    review = models.BooleanField(default=False, db_default=False)
    # Of these three daily reminders, of which one comes.
    daily_hour = models.PositiveSmallIntegerField(default=DAILY_HOUR, db_default=DAILY_HOUR)
    # Section 6 of the product rules promises it; it can be switched off all the same.
    premium = models.BooleanField(default=True, db_default=True)
    # Beside the two messages of a day: the player has asked for the duel.
    duels = models.BooleanField(default=True, db_default=True)
    # Broadcasts.
    news = models.BooleanField(default=True, db_default=True)
    # When the player was asked whether the bot may remind, which happens once.
    asked_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "reminder settings"
        indexes = [
            # Whom to remind when it is ten in the evening somewhere, page by page.
            models.Index(
                fields=["zone", "player"],
                condition=Q(streak_risk=True),
                name="remindersettings_risk",
            ),
            # Whom to remind at an hour of their choice.
            models.Index(
                fields=["zone", "daily_hour", "player"],
                condition=Q(daily_round=True),
                name="remindersettings_daily",
            ),
            models.Index(
                fields=["zone", "daily_hour", "player"],
                condition=Q(daily_challenge=True),
                name="remindersettings_challenge",
            ),
            models.Index(
                fields=["zone", "daily_hour", "player"],
                condition=Q(review=True),
                name="remindersettings_review",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(zone__in=Zone.values), name="remindersettings_zone_is_known"
            ),
            models.CheckConstraint(
                condition=Q(daily_hour__gte=8, daily_hour__lte=21),
                name="remindersettings_hour_is_not_quiet",
            ),
        ]

    def __str__(self) -> str:
        return f"reminder settings of {self.player_id}"


class StaffPlayer(models.Model):
    """As which player a member of staff looks at what the bot will say."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        primary_key=True,
        on_delete=models.CASCADE,
        related_name="own_player",
    )
    player = models.ForeignKey("players.Player", on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"{self.user} is {self.player}"


class CardKind(models.TextChoices):
    """Of what a card is a picture; its `subject` is the id of that."""

    DAILY = "DAILY", "run of a daily challenge"
    DUEL = "DUEL", "duel"
    CUP = "CUP", "cup"
    STREAK = "STREAK", "streak of so many days"


class Card(models.Model):
    """The picture of a result that a player gets, or has got, below its text."""

    kind = models.CharField(max_length=8, choices=CardKind)
    subject = models.BigIntegerField()
    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="cards", db_index=False
    )
    created_at = models.DateTimeField()
    # When it was put into the outbox, or found to be too late.
    sent_at = models.DateTimeField(null=True)
    # The call that sends it, as long as that is kept.
    call_id = models.BigIntegerField(null=True)
    # Under which Telegram keeps the picture, once it has it.
    file_id = models.CharField(max_length=255, blank=True, default="")

    class Meta:
        indexes = [
            models.Index(fields=["id"], condition=Q(sent_at=None), name="card_due"),
            # Whose file's id is still to be read from its call.
            models.Index(
                fields=["sent_at"],
                condition=Q(file_id="", call_id__isnull=False),
                name="card_without_file_id",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["player", "kind", "subject"], name="card_one_of_each_result"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=CardKind.values), name="card_kind_is_known"
            ),
            models.CheckConstraint(
                condition=Q(call_id=None) | Q(sent_at__isnull=False), name="card_sent_has_sent_at"
            ),
        ]

    def __str__(self) -> str:
        return f"card of {self.get_kind_display()} {self.subject}"


class TournamentBoard(models.Model):
    """A message that shows a player the standings of a tournament, and as of when."""

    player = models.ForeignKey(
        "players.Player", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    tournament = models.ForeignKey("game.Tournament", on_delete=models.CASCADE, related_name="+")
    message_id = models.BigIntegerField()
    # A number that grows whenever somebody finishes a round, or the next one begins.
    version = models.PositiveIntegerField()
    # What led to it; a later tap on the message has turned it into something else.
    update_id = models.BigIntegerField()
    # What stands above the standings while the round lasts: why the last answer was right or wrong.
    above = models.TextField(blank=True, default="")
    # The question that was answered last: as long as it stands above, its row stands below.
    answered = models.ForeignKey(
        "game.QuestionVersion",
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["player", "tournament"], name="tournamentboard_one_message"
            ),
        ]

    def __str__(self) -> str:
        return f"board of tournament {self.tournament_id} for player {self.player_id}"

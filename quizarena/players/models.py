"""Who plays."""

from typing import Self

import pgtrigger
from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models.functions import Concat, Upper

from quizarena.staff import dates, reasons


class Language(models.TextChoices):
    """The languages of the interface; who speaks none of them begins with English."""

    GERMAN = "de", "Deutsch"
    ENGLISH = "en", "English"
    UKRAINIAN = "uk", "Українська"

    @classmethod
    def for_staff(cls) -> list[tuple[str, str]]:
        """Return each language with its English name, for the admin."""
        return [(language.value, language.name.capitalize()) for language in cls]


class Awaited(models.TextChoices):
    """What the bot has asked a player to write in the next message."""

    PAYMENT_QUESTION = "PAYMENT_QUESTION", "a question about a payment"
    PROMO_CODE = "PROMO_CODE", "a promo code"
    PUBLIC_NAME = "PUBLIC_NAME", "a name for others"


# So many rounds a day can be somebody's goal.
DAILY_GOALS = (1, 2, 3)


# Both names at Telegram with a blank before each, so that a blank and a word find its beginning.
FULL_NAME = Concat(models.Value(" "), "first_name", models.Value(" "), "last_name")
# A shorter word is looked for at the beginnings of names only: a trigram has three letters.
WORD_ANYWHERE_MIN = 3


class PlayerQuerySet(models.QuerySet["Player"]):
    """Questions about players."""

    def named(self, term: str) -> Self:
        """Return those in whose names at Telegram every word of the term occurs, in either case."""
        players = self.alias(full_name=FULL_NAME)
        for word in term.split():
            part = word if len(word) >= WORD_ANYWHERE_MIN else f" {word}"
            players = players.filter(full_name__icontains=part)
        return players

    def known_as(self, telegram_id: int) -> Self:
        """Return the player with this Telegram id, or nobody."""
        return self.filter(telegram_id=telegram_id)


class Player(models.Model):
    """A person who wrote to the bot."""

    telegram_id = models.BigIntegerField(unique=True)
    first_name = models.CharField(max_length=128)
    last_name = models.CharField(max_length=128, blank=True, default="")
    username = models.CharField(max_length=64, blank=True, default="")
    language = models.CharField(max_length=2, choices=Language, default=Language.GERMAN)
    created_at = models.DateTimeField()
    # The first /start: only there can an invitation be taken (product rules, section 9).
    started_at = models.DateTimeField(null=True, blank=True)
    last_seen_at = models.DateTimeField()
    bot_blocked_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when the player has blocked the bot."
    )
    suspended_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when staff have shut the player out."
    )
    suspension_notified_at = models.DateTimeField(null=True, blank=True)
    # So many finished rounds a day the player wants.
    daily_goal = models.PositiveSmallIntegerField(default=1, db_default=1)
    awaits = models.CharField(max_length=32, choices=Awaited, blank=True, default="")
    awaits_until = models.DateTimeField(null=True, blank=True)
    # What others see (quizarena/players/names.py): a name of the player's choice, the last one that
    # staff have reset, and whether others see any.
    public_name = models.CharField(max_length=20, blank=True, default="", db_default="")
    reset_name = models.CharField(max_length=128, blank=True, default="", db_default="")
    is_hidden = models.BooleanField(default=False, db_default=False)

    objects = PlayerQuerySet.as_manager()

    class Meta:
        permissions = [
            ("suspend_player", "Can suspend and unsuspend players"),
            ("reset_name_player", "Can reset the names of players"),
        ]
        indexes = [
            # The admin's search by the beginning of a user name, in either case.
            models.Index(
                OpClass(Upper("username"), name="text_pattern_ops"), name="player_username_prefix"
            ),
            # The admin's search by names at Telegram.
            GinIndex(OpClass(Upper(FULL_NAME), name="gin_trgm_ops"), name="player_names"),
            # The admin's filters: who is suspended, who has blocked the bot.
            models.Index(
                fields=["-id"],
                condition=models.Q(suspended_at__isnull=False),
                name="player_suspended",
            ),
            models.Index(
                fields=["-id"],
                condition=models.Q(bot_blocked_at__isnull=False),
                name="player_bot_blocked",
            ),
            # Who has started on a day.
            models.Index(
                fields=["started_at"],
                condition=models.Q(started_at__isnull=False),
                name="player_by_start",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(daily_goal__in=DAILY_GOALS), name="player_daily_goal_exists"
            ),
            models.CheckConstraint(
                condition=models.Q(language__in=[code for code, _ in settings.LANGUAGES]),
                name="player_language_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(suspension_notified_at=None)
                | models.Q(suspended_at__isnull=False),
                name="player_notified_only_when_suspended",
            ),
            models.CheckConstraint(
                condition=models.Q(awaits="", awaits_until=None)
                | (~models.Q(awaits="") & models.Q(awaits_until__isnull=False)),
                name="player_is_awaited_until_an_end",
            ),
            models.CheckConstraint(
                condition=models.Q(public_name="") | models.Q(public_name__regex=r"^\S.*\S$"),
                name="player_public_name_has_two_characters",
            ),
        ]

    def __str__(self) -> str:
        return f"@{self.username}" if self.username else f"{self.first_name} ({self.telegram_id})"


NOTE_MAX_LENGTH = 2000
MESSAGE_MAX_LENGTH = 3500


class Note(models.Model):
    """Something about a player that staff should know. What it says stands in its versions."""

    player = models.ForeignKey(Player, on_delete=models.PROTECT, related_name="notes")

    def __str__(self) -> str:
        return f"note {self.pk}"


class NoteVersion(models.Model):
    """A note as somebody has written it: an edit adds a version, and all of them stay."""

    note = models.ForeignKey(
        Note, on_delete=models.PROTECT, related_name="versions", db_index=False
    )
    number = models.PositiveIntegerField()
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    at = models.DateTimeField()
    text = models.TextField(max_length=NOTE_MAX_LENGTH)
    # Whether it stands in the summary of the player's page.
    is_pinned = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["note", "number"], name="noteversion_numbered_once"),
            models.CheckConstraint(condition=~models.Q(text=""), name="noteversion_says_something"),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.note}, version {self.number}"


class StaffMessageQuerySet(models.QuerySet["StaffMessage"]):
    """Questions about messages."""

    def notice_due(self) -> Self:
        """Return those that the bot has not sent yet, the oldest first."""
        return self.filter(notified_at=None).order_by("id")


class StaffMessage(models.Model):
    """What staff write to a player of their own accord."""

    player = models.ForeignKey(
        Player, on_delete=models.PROTECT, related_name="staff_messages", db_index=False
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    at = models.DateTimeField()
    text = models.TextField(max_length=MESSAGE_MAX_LENGTH)
    reason = models.CharField(max_length=reasons.MAX_LENGTH)
    notified_at = models.DateTimeField(null=True)

    objects = StaffMessageQuerySet.as_manager()

    class Meta:
        permissions = [("write_staffmessage", "Can write to players")]
        indexes = [
            # A player's timeline.
            models.Index(fields=["player", "-at", "-id"], name="staffmessage_of_player"),
            # What the bot has to send.
            models.Index(
                fields=["id"], condition=models.Q(notified_at=None), name="staffmessage_unsent"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(text="") & ~models.Q(reason=""),
                name="staffmessage_has_text_and_reason",
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(
                name="message_stays", fields=["player", "author", "at", "text", "reason"]
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.player} {dates.moment(self.at)}"

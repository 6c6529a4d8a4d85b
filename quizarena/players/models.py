"""Who plays."""

import re
from datetime import timedelta
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
        return [(language.value, language.staff_name) for language in cls]

    @property
    def staff_name(self) -> str:
        """What staff call it."""
        return self.name.capitalize()


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
# What is neither letter nor digit, at either end of a word.
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")


class PlayerQuerySet(models.QuerySet["Player"]):
    """Questions about players."""

    def named(self, term: str) -> Self:
        """Return those in whose names at Telegram every word of the term occurs, in either case.

        What is neither letter nor digit at the ends of a word is left out, and nobody is found by
        that alone: the index has letters and digits only, and everybody would be compared.
        """
        words = dict.fromkeys(_EDGES.sub("", word) for word in term.split())
        words.pop("", None)
        if not words:
            return self.none()
        players = self.alias(full_name=FULL_NAME)
        for word in words:
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
    # The row stays under a pseudonym, for what refers to it (quizarena/players/deletions.py).
    deleted_at = models.DateTimeField(null=True, blank=True)
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
            # No account of Telegram has a negative id: whoever comes back is a new player. And who
            # has read the row just before cannot write the names back, or let messages out to it.
            models.CheckConstraint(
                condition=models.Q(deleted_at=None)
                | models.Q(
                    telegram_id__lt=0,
                    first_name="Deleted player",
                    last_name="",
                    username="",
                    public_name="",
                    reset_name="",
                    bot_blocked_at__isnull=False,
                ),
                name="player_deleted_has_a_pseudonym",
            ),
            models.CheckConstraint(
                condition=models.Q(public_name="") | models.Q(public_name__regex=r"^\S.*\S$"),
                name="player_public_name_has_two_characters",
            ),
        ]

    def __str__(self) -> str:
        return f"@{self.username}" if self.username else f"{self.first_name} ({self.telegram_id})"


# --- What staff write -----------------------------------------------------------------------------

# Both stay as they were written, until the account of the player is deleted.
NOTE_STAYS = """
IF NEW.text = '…' AND to_jsonb(NEW) - 'text' = to_jsonb(OLD) - 'text' AND EXISTS (
  SELECT FROM players_note AS note JOIN players_deletionrequest AS deletion
    ON deletion.player_id = note.player_id
  WHERE note.id = OLD.note_id AND deletion.state = 'ERASING'
) THEN
  RETURN NEW;
END IF;
RAISE EXCEPTION 'A version of a note stays as it was written.';
"""
MESSAGE_STAYS = """
IF to_jsonb(NEW) - 'notified_at' = to_jsonb(OLD) - 'notified_at' THEN
  RETURN NEW;
END IF;
IF NEW.text = '…' AND NEW.reason = '…'
   AND to_jsonb(NEW) - '{text,reason,notified_at}'::text[]
     = to_jsonb(OLD) - '{text,reason,notified_at}'::text[]
   AND EXISTS (
     SELECT FROM players_deletionrequest AS deletion
     WHERE deletion.player_id = OLD.player_id AND deletion.state = 'ERASING'
   ) THEN
  RETURN NEW;
END IF;
RAISE EXCEPTION 'A message stays as it was written.';
"""
NOTE_MAX_LENGTH = 2000
MESSAGE_MAX_LENGTH = 3500


class Note(models.Model):
    """Something about a player that staff should know. What it says stands in its versions."""

    player = models.ForeignKey(Player, on_delete=models.PROTECT, related_name="notes")
    # What of the player it is about, if not all: "payments.supportrequest" and its key.
    subject_type = models.CharField(max_length=64, blank=True, default="")
    subject_id = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        indexes = [
            # The notes on one thing.
            models.Index(
                fields=["subject_type", "subject_id"],
                condition=~models.Q(subject_type=""),
                name="note_on_subject",
            ),
        ]

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
            pgtrigger.Trigger(
                name="version_stays",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func=NOTE_STAYS,
            ),
            pgtrigger.Protect(name="version_never_deleted", operation=pgtrigger.Delete),
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
    # One form is one message, however often it is sent.
    decision = models.UUIDField(unique=True)
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
            pgtrigger.Trigger(
                name="message_stays",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func=MESSAGE_STAYS,
            ),
            pgtrigger.Protect(name="message_never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.player} {dates.moment(self.at)}"


# --- Personal data --------------------------------------------------------------------------------

# So long a player can change their mind about the deletion of their account.
DELETION_DELAY = timedelta(days=7)


class DeletionState(models.TextChoices):
    """How far the deletion of an account is."""

    ASKED = "ASKED", "asked for"
    CANCELLED = "CANCELLED", "cancelled"
    ERASING = "ERASING", "being carried out"
    DONE = "DONE", "done"


# Every arrow of a deletion's life.
DELETION_MOVES = (
    (DeletionState.ASKED, DeletionState.CANCELLED),
    (DeletionState.ASKED, DeletionState.ERASING),
    (DeletionState.ERASING, DeletionState.DONE),
)


# A deletion begins as a wish; what it erases are the names of its player, and nothing else, since
# a function of the database believes it (bot/migrations/0020_erase_personal_data.py).
DELETION_IS_OF_ITS_PLAYER = """
IF TG_OP = 'INSERT' THEN
  IF NEW.state <> 'ASKED' THEN
    RAISE EXCEPTION 'A deletion begins with asking for it.';
  END IF;
  RETURN NEW;
END IF;
IF (NEW.player_id, NEW.asked_at, NEW.due_at) IS DISTINCT FROM
   (OLD.player_id, OLD.asked_at, OLD.due_at) THEN
  RAISE EXCEPTION 'A deletion stays what was asked for.';
END IF;
IF NEW.state = 'ERASING' AND OLD.state = 'ERASING'
   AND (NEW.telegram_id, NEW.names) IS DISTINCT FROM (OLD.telegram_id, OLD.names) THEN
  RAISE EXCEPTION 'A deletion erases what it has begun with.';
END IF;
IF NEW.state = 'ERASING' AND OLD.state <> 'ERASING' AND NOT EXISTS (
  SELECT FROM players_player AS player
  WHERE player.id = NEW.player_id AND player.telegram_id = NEW.telegram_id
    AND NEW.names <@ jsonb_build_array(
      player.first_name, player.last_name, '@' || player.username, player.public_name,
      player.reset_name
    )
) THEN
  RAISE EXCEPTION 'A deletion erases the names of its player.';
END IF;
RETURN NEW;
"""


class DeletionRequestQuerySet(models.QuerySet["DeletionRequest"]):
    """Questions about deletions."""

    def running(self) -> Self:
        """Return those that are neither cancelled nor done."""
        return self.filter(state__in=[DeletionState.ASKED, DeletionState.ERASING])


class DeletionRequest(models.Model):
    """A player's wish to be deleted (/delete_me). Product rules, section 16."""

    player = models.ForeignKey(Player, on_delete=models.PROTECT, related_name="deletion_requests")
    state = models.CharField(max_length=9, choices=DeletionState, default=DeletionState.ASKED)
    asked_at = models.DateTimeField()
    # From then on it is carried out and cannot be cancelled.
    due_at = models.DateTimeField()
    begun_at = models.DateTimeField(null=True)
    # When it was cancelled, or done.
    ended_at = models.DateTimeField(null=True)
    # Who it was, for as long as that is still being erased elsewhere.
    telegram_id = models.BigIntegerField(null=True)
    names = models.JSONField(default=list)

    objects = DeletionRequestQuerySet.as_manager()

    class Meta:
        indexes = [
            # What is to be carried out.
            models.Index(
                fields=["due_at"],
                condition=models.Q(state__in=["ASKED", "ERASING"]),
                name="deletionrequest_due",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["player"],
                condition=models.Q(state__in=["ASKED", "ERASING"]),
                name="deletionrequest_one_running",
            ),
            models.CheckConstraint(
                condition=models.Q(due_at=models.F("asked_at") + DELETION_DELAY),
                name="deletionrequest_due_after_seven_days",
            ),
            models.CheckConstraint(
                condition=models.Q(state="ASKED", begun_at=None, ended_at=None)
                | models.Q(state="CANCELLED", begun_at=None, ended_at__isnull=False)
                | models.Q(state="ERASING", begun_at__gte=models.F("due_at"), ended_at=None)
                | models.Q(state="DONE", begun_at__isnull=False, ended_at__isnull=False),
                name="deletionrequest_times_fit_its_state",
            ),
            models.CheckConstraint(
                condition=models.Q(state="ERASING", telegram_id__isnull=False)
                | (~models.Q(state="ERASING") & models.Q(telegram_id=None, names=[])),
                name="deletionrequest_forgets_who_it_was",
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="deletion_moves",
                field="state",
                transitions=[(old.value, new.value) for old, new in DELETION_MOVES],
            ),
            pgtrigger.Trigger(
                name="deletion_is_of_its_player",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func=DELETION_IS_OF_ITS_PLAYER,
            ),
            pgtrigger.Protect(name="deletion_never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"deletion of player {self.player_id}"

    @property
    def page_name(self) -> str:
        """Return what the heading of its page calls it."""
        return f"Deletion of {self.player}"


class DataRequest(models.Model):
    """A player's wish to have what is stored about them (/my_data). Product rules, section 16."""

    player = models.ForeignKey(Player, on_delete=models.PROTECT, related_name="data_requests")
    asked_at = models.DateTimeField()
    # When the file went into the outbox, or when it was too late for that.
    sent_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # What is to be put together.
            models.Index(
                fields=["id"], condition=models.Q(sent_at=None), name="datarequest_waiting"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["player"],
                condition=models.Q(sent_at=None),
                name="datarequest_one_waiting",
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="datarequest_sent_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__sent_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"data of player {self.player_id}"


class PurgeRun(models.Model):
    """What a nightly purge has deleted of one table. Product rules, section 16."""

    # What was purged, by its table.
    table = models.CharField(max_length=64)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    deleted = models.PositiveIntegerField()
    # Its time was over before its work: the next night continues.
    has_more = models.BooleanField()

    class Meta:
        indexes = [
            # The admin's list, and what is older than a year.
            models.Index(fields=["-started_at", "-id"], name="purgerun_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.table}: {self.deleted}"

    @property
    def page_name(self) -> str:
        """Return what the heading of its page calls it."""
        return f"Purge of {dates.moment(self.started_at)}"

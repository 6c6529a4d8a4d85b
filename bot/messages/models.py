"""What the bot says on its own: reminders and broadcasts."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from bot.chat.models import Zone
from bot.queue.models import OutgoingCall
from quizarena.players.models import Language
from quizarena.staff import dates


class ReminderKind(models.TextChoices):
    """What the bot says on its own to somebody who has not asked; all of it counts together."""

    STREAK_RISK = "STREAK_RISK", "streak at risk"
    DAILY_ROUND = "DAILY_ROUND", "daily round"
    DAILY_CHALLENGE = "DAILY_CHALLENGE", "daily challenge"
    REVIEW = "REVIEW", "cards to review"
    PREMIUM = "PREMIUM", "end of Premium"
    STREAK_NEWS = "STREAK_NEWS", "what became of a streak"
    INVITATIONS = "INVITATIONS", "news of invited friends and rewards"


class Reminder(models.Model):
    """One message that the bot has sent to a player on its own, or had no place left for.

    The two ordinals of a day are the two places: a third message cannot be stored as sent.
    """

    # The constraints are the indexes, too.
    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="reminders", db_index=False
    )
    kind = models.CharField(max_length=16, choices=ReminderKind)
    # The day by the player's own clock.
    day = models.DateField()
    # Empty: it was skipped, because two had been sent.
    ordinal = models.PositiveSmallIntegerField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["player", "day", "kind"], name="reminder_one_of_a_kind_and_day"
            ),
            models.UniqueConstraint(
                fields=["player", "day", "ordinal"], name="reminder_one_in_each_place"
            ),
            models.CheckConstraint(
                condition=Q(ordinal=None) | Q(ordinal__in=[1, 2]),
                name="reminder_two_places_a_day",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=ReminderKind.values), name="reminder_kind_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {dates.day(self.day)}"


class ReminderSweep(models.Model):
    """How far everybody who is due at one instant, by one clock, has been looked at."""

    kind = models.CharField(max_length=16, choices=ReminderKind)
    zone = models.CharField(max_length=32, choices=Zone)
    due_at = models.DateTimeField()
    # The last player who was looked at; they come by id.
    cursor = models.BigIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["due_at", "kind", "zone"], name="remindersweep_one_of_an_instant"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} in {self.zone} at {dates.moment(self.due_at)}"


class BroadcastStatus(models.TextChoices):
    """Where a broadcast stands."""

    DRAFT = "DRAFT", "draft"
    SCHEDULED = "SCHEDULED", "scheduled"
    RUNNING = "RUNNING", "running"
    PAUSED = "PAUSED", "paused"
    DONE = "DONE", "done"
    STOPPED = "STOPPED", "stopped"


# Every arrow of a broadcast's life. What is not here cannot happen.
BROADCAST_MOVES = (
    (BroadcastStatus.DRAFT, BroadcastStatus.SCHEDULED),
    (BroadcastStatus.SCHEDULED, BroadcastStatus.DRAFT),
    (BroadcastStatus.SCHEDULED, BroadcastStatus.RUNNING),
    (BroadcastStatus.RUNNING, BroadcastStatus.PAUSED),
    (BroadcastStatus.PAUSED, BroadcastStatus.RUNNING),
    (BroadcastStatus.RUNNING, BroadcastStatus.DONE),
    (BroadcastStatus.DRAFT, BroadcastStatus.STOPPED),
    (BroadcastStatus.SCHEDULED, BroadcastStatus.STOPPED),
    (BroadcastStatus.RUNNING, BroadcastStatus.STOPPED),
    (BroadcastStatus.PAUSED, BroadcastStatus.STOPPED),
)
# From the first message on.
BROADCAST_BEGUN = (
    BroadcastStatus.RUNNING,
    BroadcastStatus.PAUSED,
    BroadcastStatus.DONE,
)


class Screen(models.TextChoices):
    """Where the button of a broadcast can lead inside the bot."""

    MENU = "menu", "play"
    SHOP = "shop", "shop"
    PROMO = "promo", "enter a promo code"
    WALLET = "wallet", "wallet"
    STATS = "stats", "statistics"
    SETTINGS = "settings", "settings"


# What an operator writes; it stays once it is scheduled.
BROADCAST_TERMS = (
    "name",
    "text_de",
    "text_en",
    "text_uk",
    "label_de",
    "label_en",
    "label_uk",
    "screen",
    "url",
    "for_language",
    "for_active_days",
    "for_lapsed_days",
    "for_premium",
    "for_paid",
)
# With the one campaign that it is about, which another broadcast would not take over.
BROADCAST_FIELDS = (*BROADCAST_TERMS, "announces")
TERMS_STAY = """
IF OLD.status <> 'DRAFT' THEN
  RAISE EXCEPTION 'What a broadcast says, and to whom, stays once it is scheduled.';
END IF;
RETURN NEW;
"""


def _complete(prefix: str) -> Q:
    """Return that there is a text in every language that the segment reaches."""
    filled = {language: ~Q(**{f"{prefix}_{language}": ""}) for language in Language.values}
    everybody = Q(for_language="")
    for condition in filled.values():
        everybody &= condition
    complete = everybody
    for language, condition in filled.items():
        complete |= Q(for_language=language) & condition
    return complete


class Broadcast(models.Model):
    """One message to many players, as an operator has written it, and how far it has come."""

    name = models.CharField(max_length=80)
    text_de = models.TextField(blank=True, default="")
    text_en = models.TextField(blank=True, default="")
    text_uk = models.TextField(blank=True, default="")
    label_de = models.CharField(max_length=40, blank=True, default="")
    label_en = models.CharField(max_length=40, blank=True, default="")
    label_uk = models.CharField(max_length=40, blank=True, default="")
    # Where the button leads: one of the two, or there is no button.
    screen = models.CharField(max_length=16, choices=Screen, blank=True, default="")
    url = models.CharField(max_length=500, blank=True, default="")

    # The segment; what is empty does not matter.
    for_language = models.CharField(max_length=2, choices=Language, blank=True, default="")
    for_active_days = models.PositiveSmallIntegerField(null=True, blank=True)
    for_lapsed_days = models.PositiveSmallIntegerField(null=True, blank=True)
    for_premium = models.BooleanField(null=True, blank=True)
    for_paid = models.BooleanField(null=True, blank=True)
    # The campaign that it is about, whose holdout does not get it.
    announces = models.ForeignKey(
        "promos.Campaign", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    status = models.CharField(max_length=10, choices=BroadcastStatus, default=BroadcastStatus.DRAFT)
    # One page of the console makes one broadcast, however often it is sent.
    key = models.UUIDField(unique=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    scheduled_at = models.DateTimeField(null=True, blank=True)
    # Whose day it counts for.
    scheduled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
    )
    # Whether a second person has agreed that it is sent as it is.
    is_approved = models.BooleanField(default=False)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    # When it last made progress.
    progressed_at = models.DateTimeField(null=True, blank=True)

    # The last player who was looked at for the list of recipients, and whether that was the last.
    cursor = models.BigIntegerField(default=0)
    is_gathered = models.BooleanField(default=False)
    # Counted in the transaction of what they count.
    recipients = models.PositiveIntegerField(default=0)
    sent = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    blocked = models.PositiveIntegerField(default=0)
    given_up = models.PositiveIntegerField(default=0)
    maybe_sent = models.PositiveIntegerField(default=0)
    left_out = models.PositiveIntegerField(default=0)

    class Meta:
        permissions = [
            ("run_broadcast", "Can write, start, pause and stop broadcasts"),
            ("approve_broadcast", "Can approve broadcasts to many players"),
        ]
        indexes = [
            # What the job has to start and to continue.
            models.Index(
                fields=["id"],
                condition=Q(status__in=["SCHEDULED", "RUNNING"]),
                name="broadcast_alive",
            ),
            # What one person sends on a day.
            models.Index(fields=["scheduled_by", "scheduled_at"], name="broadcast_of_day"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=BroadcastStatus.values), name="broadcast_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["DRAFT", "STOPPED"]) | _complete("text"),
                name="broadcast_says_something_to_everybody",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["DRAFT", "STOPPED"])
                | Q(screen="", url="")
                | _complete("label"),
                name="broadcast_button_has_its_labels",
            ),
            models.CheckConstraint(
                condition=Q(screen="") | Q(url=""), name="broadcast_button_leads_to_one_place"
            ),
            models.CheckConstraint(
                condition=Q(url="") | Q(url__startswith="https://"),
                name="broadcast_url_is_https",
            ),
            models.CheckConstraint(
                condition=Q(screen="") | Q(screen__in=Screen.values),
                name="broadcast_screen_is_known",
            ),
            models.CheckConstraint(
                condition=Q(for_active_days=None) | Q(for_lapsed_days=None),
                name="broadcast_nobody_is_active_and_lapsed",
            ),
            models.CheckConstraint(
                condition=(Q(for_active_days=None) | Q(for_active_days__gte=1))
                & (Q(for_lapsed_days=None) | Q(for_lapsed_days__gte=1)),
                name="broadcast_days_are_at_least_one",
            ),
            models.CheckConstraint(
                condition=Q(status="DRAFT", scheduled_at=None)
                | Q(status="STOPPED")
                | (~Q(status="DRAFT") & Q(scheduled_at__isnull=False)),
                name="broadcast_scheduled_has_scheduled_at",
            ),
            models.CheckConstraint(
                condition=~Q(status="DRAFT", is_approved=True),
                name="broadcast_draft_is_not_approved",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=BROADCAST_BEGUN)
                | Q(started_at__isnull=False, progressed_at__isnull=False),
                name="broadcast_begun_has_started_at",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["DONE", "STOPPED"], ended_at__isnull=False)
                | (~Q(status__in=["DONE", "STOPPED"]) & Q(ended_at=None)),
                name="broadcast_over_has_ended_at",
            ),
            models.CheckConstraint(
                condition=Q(
                    recipients__gte=F("sent")
                    + F("refused")
                    + F("blocked")
                    + F("given_up")
                    + F("maybe_sent")
                    + F("left_out")
                ),
                name="broadcast_counts_its_recipients",
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="broadcast_moves",
                field="status",
                transitions=[(old.value, new.value) for old, new in BROADCAST_MOVES],
            ),
            pgtrigger.Trigger(
                name="terms_stay",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange(*BROADCAST_FIELDS),
                func=TERMS_STAY,
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return self.name

    def text(self, language: str) -> str:
        """Return what a player who speaks `language` reads."""
        return str(getattr(self, f"text_{self.for_language or language}"))

    def label(self, language: str) -> str:
        """Return what stands on the button for a player who speaks `language`."""
        return str(getattr(self, f"label_{self.for_language or language}"))

    @property
    def languages(self) -> list[str]:
        """The languages that the segment reaches."""
        return [self.for_language] if self.for_language else list(Language.values)

    @property
    def finished(self) -> int:
        """How many recipients have an outcome, whichever it is."""
        return sum(
            (self.sent, self.refused, self.blocked, self.given_up, self.maybe_sent, self.left_out)
        )

    @property
    def left(self) -> int:
        """How many recipients are still to come, of those that are known."""
        return self.recipients - self.finished


class Delivered(models.TextChoices):
    """How a broadcast has fared with one recipient."""

    PENDING = "PENDING", "pending"
    QUEUED = "QUEUED", "on its way"
    SENT = "SENT", "sent"
    REFUSED = "REFUSED", "refused by Telegram"
    BLOCKED = "BLOCKED", "has blocked the bot"
    GIVEN_UP = "GIVEN_UP", "given up"
    MAYBE_SENT = "MAYBE_SENT", "maybe sent"
    LEFT_OUT = "LEFT_OUT", "left out"


# QUEUED -> PENDING is a call that was cancelled before it left: the broadcast is paused or over.
# LEFT_OUT has blocked the bot, was suspended or wants no news any more since the list was made.
DELIVERED_MOVES = (
    (Delivered.PENDING, Delivered.QUEUED),
    (Delivered.PENDING, Delivered.LEFT_OUT),
    (Delivered.QUEUED, Delivered.PENDING),
    (Delivered.QUEUED, Delivered.SENT),
    (Delivered.QUEUED, Delivered.REFUSED),
    (Delivered.QUEUED, Delivered.BLOCKED),
    (Delivered.QUEUED, Delivered.GIVEN_UP),
    (Delivered.QUEUED, Delivered.MAYBE_SENT),
)


class BroadcastRecipient(models.Model):
    """That a player gets a broadcast, once, and what has come of it."""

    # The constraint and the index begin with it.
    broadcast = models.ForeignKey(
        Broadcast, on_delete=models.PROTECT, related_name="addressees", db_index=False
    )
    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="broadcasts"
    )
    outcome = models.CharField(
        max_length=10, choices=Delivered, default=Delivered.PENDING, db_default=Delivered.PENDING
    )
    # The outbox deletes its calls after a month; the outcome has been copied long before.
    call = models.ForeignKey(
        OutgoingCall,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "recipient"
        indexes = [
            # Who comes next, and the list of those with one outcome.
            models.Index(fields=["broadcast", "outcome", "id"], name="recipient_by_outcome"),
            # Whose calls are on their way.
            models.Index(
                fields=["broadcast"], condition=Q(outcome="QUEUED"), name="recipient_queued"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["broadcast", "player"], name="recipient_once_per_broadcast"
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=Delivered.values), name="recipient_outcome_is_known"
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["PENDING", "LEFT_OUT"], call=None)
                | (~Q(outcome__in=["PENDING", "LEFT_OUT"]) & Q(call__isnull=False)),
                name="recipient_has_a_call_once_it_left",
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["PENDING", "QUEUED"], finished_at=None)
                | (~Q(outcome__in=["PENDING", "QUEUED"]) & Q(finished_at__isnull=False)),
                name="recipient_finished_has_finished_at",
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="recipient_moves",
                field="outcome",
                transitions=[(old.value, new.value) for old, new in DELIVERED_MOVES],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.outcome} {self.pk}"

    @property
    def page_name(self) -> str:
        """Return what the heading of its page calls it."""
        return f"{self.broadcast} to {self.player}"

"""The two queues between Telegram and the game, and the pace of the outgoing one."""

import pgtrigger
from django.db import models
from django.db.models import Q


class InboxState(models.TextChoices):
    """Where an update stands."""

    NEW = "NEW", "new"
    WORKING = "WORKING", "working"
    DONE = "DONE", "done"
    DEAD = "DEAD", "dead"


# Every arrow of an update's life. WORKING -> NEW is a failure that will be tried again, or the
# claim of a dead worker; DEAD -> NEW is a person's "try again".
INBOX_MOVES = (
    (InboxState.NEW, InboxState.WORKING),
    (InboxState.WORKING, InboxState.NEW),
    (InboxState.WORKING, InboxState.DONE),
    (InboxState.WORKING, InboxState.DEAD),
    (InboxState.DEAD, InboxState.NEW),
)


class InboxUpdate(models.Model):
    """One update as Telegram sent it, and how far we are with it."""

    update_id = models.BigIntegerField(primary_key=True)
    kind = models.CharField(max_length=64)
    # The Telegram id of whoever caused it; updates of one player are worked on in order.
    player_key = models.BigIntegerField(null=True)
    payload = models.JSONField()
    state = models.CharField(max_length=8, choices=InboxState, default=InboxState.NEW)
    received_at = models.DateTimeField()
    due_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    # How often it was claimed. It also fences: a worker whose claim was taken over finds a
    # higher number here and leaves the update alone.
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.TextField(blank=True, default="")

    class Meta:
        verbose_name = "update"
        permissions = [("try_again_inboxupdate", "Can try dead updates again")]
        indexes = [
            # The next updates to claim, and the age of the oldest one (readyz).
            models.Index(
                fields=["due_at", "update_id"],
                condition=Q(state__in=["NEW", "WORKING"]),
                name="inbox_waiting",
            ),
            # "Is an earlier update of this player still waiting?"
            models.Index(
                fields=["player_key", "update_id"],
                condition=Q(state__in=["NEW", "WORKING"]),
                name="inbox_waiting_of_player",
            ),
            # "Is one of this player's updates being worked on?"
            models.Index(
                fields=["player_key"], condition=Q(state="WORKING"), name="inbox_working_of_player"
            ),
            # A player's timeline in the admin.
            models.Index(fields=["player_key", "-update_id"], name="inbox_of_player"),
            # The admin's list of dead updates.
            models.Index(fields=["-update_id"], condition=Q(state="DEAD"), name="inbox_dead"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=InboxState.values), name="inbox_state_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(state="WORKING") | Q(claimed_at__isnull=False),
                name="inbox_working_has_claimed_at",
            ),
            models.CheckConstraint(
                condition=Q(state="DONE", done_at__isnull=False)
                | (~Q(state="DONE") & Q(done_at=None)),
                name="inbox_done_has_done_at",
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="inbox_moves",
                field="state",
                transitions=[(old.value, new.value) for old, new in INBOX_MOVES],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.update_id}"


class Lane(models.IntegerChoices):
    """How urgent a call is. Answers overtake bulk."""

    ANSWER = 0, "answer"
    BULK = 1, "bulk"


class CallState(models.TextChoices):
    """Where an outgoing call stands."""

    PENDING = "PENDING", "pending"
    SENDING = "SENDING", "sending"
    SENT = "SENT", "sent"
    REFUSED = "REFUSED", "refused by Telegram"
    GIVEN_UP = "GIVEN_UP", "given up"
    MAYBE_SENT = "MAYBE_SENT", "maybe sent"
    SUPERSEDED = "SUPERSEDED", "superseded by a newer edit"


# What did not go well; a person may let it be tried again.
FAILED_STATES = (CallState.REFUSED, CallState.GIVEN_UP, CallState.MAYBE_SENT)
# What did not reach the player, as far as anybody knows.
UNDELIVERED_STATES = (*FAILED_STATES, CallState.SUPERSEDED)
CALL_MOVES = (
    (CallState.PENDING, CallState.SENDING),
    (CallState.PENDING, CallState.GIVEN_UP),  # It expired before it could be sent.
    (CallState.PENDING, CallState.SUPERSEDED),
    (CallState.SENDING, CallState.PENDING),
    (CallState.SENDING, CallState.SENT),
    (CallState.SENDING, CallState.REFUSED),
    (CallState.SENDING, CallState.GIVEN_UP),
    (CallState.SENDING, CallState.MAYBE_SENT),
    (CallState.REFUSED, CallState.PENDING),
    (CallState.GIVEN_UP, CallState.PENDING),
    (CallState.MAYBE_SENT, CallState.PENDING),
)


class OutgoingCall(models.Model):
    """One call to the Bot API, written in the transaction that wants it made."""

    method = models.CharField(max_length=64)
    # The chat whose calls keep their order; empty for calls that have none (answers to callback
    # queries, commands of the bot).
    chat_key = models.BigIntegerField(null=True)
    parameters = models.JSONField()
    # {parameter: [file name, MIME type, content in base64]} of what is uploaded with the call; not
    # kept once Telegram has it.
    files = models.JSONField(null=True)
    lane = models.PositiveSmallIntegerField(choices=Lane, default=Lane.ANSWER)
    # A new message counts against the pace of its chat; an edit does not.
    paced = models.BooleanField()
    state = models.CharField(max_length=10, choices=CallState, default=CallState.PENDING)
    caused_by = models.ForeignKey(
        InboxUpdate, null=True, on_delete=models.SET_NULL, related_name="calls"
    )
    # The question that the player sees once the call is made; empty again when it has failed and
    # was refunded. Such questions are never deleted, so nothing has to watch over the reference.
    round_question = models.ForeignKey(
        "game.RoundQuestion",
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    # From when on it is not worth sending: a reminder that comes at night reminds of nothing.
    expires_at = models.DateTimeField(null=True)
    claimed_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    # How often a sender has claimed it. It fences: an outcome names its claim, and that of a
    # claim which another sender has taken over changes nothing.
    claim_number = models.PositiveIntegerField(default=0, db_default=0)
    # An earlier try may have arrived: Telegram has no idempotency key for sends.
    delivery_uncertain = models.BooleanField(default=False)
    error = models.TextField(blank=True, default="")
    message_id = models.BigIntegerField(null=True)
    # Under which Telegram keeps the photo that was uploaded.
    file_id = models.CharField(max_length=255, blank=True, default="", db_default="")

    class Meta:
        verbose_name = "outgoing call"
        permissions = [("send_again_outgoingcall", "Can send failed calls again")]
        indexes = [
            # The next calls to claim.
            models.Index(
                fields=["lane", "id"], condition=Q(state="PENDING"), name="outbox_pending"
            ),
            # "Is an earlier call of this chat still on its way?"
            models.Index(
                fields=["chat_key", "lane", "id"],
                condition=Q(state__in=["PENDING", "SENDING"]),
                name="outbox_waiting_of_chat",
            ),
            # The claims of dead senders, and the age of the oldest waiting call (readyz).
            models.Index(
                fields=["due_at"],
                condition=Q(state__in=["PENDING", "SENDING"]),
                name="outbox_waiting",
            ),
            # Calls whose time is over before they could leave.
            models.Index(
                fields=["expires_at"],
                condition=Q(state="PENDING", expires_at__isnull=False),
                name="outbox_expires",
            ),
            # A player's timeline in the admin.
            models.Index(fields=["chat_key", "-id"], name="outbox_of_chat"),
            # The admin's list of what did not go well.
            models.Index(
                fields=["state", "-id"],
                condition=Q(state__in=["REFUSED", "GIVEN_UP", "MAYBE_SENT"]),
                name="outbox_failed",
            ),
            # Questions that did not reach their players.
            models.Index(
                fields=["id"],
                condition=Q(
                    state__in=["REFUSED", "GIVEN_UP", "MAYBE_SENT", "SUPERSEDED"],
                    round_question__isnull=False,
                ),
                name="outbox_unshown",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=CallState.values), name="outbox_state_is_known"
            ),
            models.CheckConstraint(
                condition=(
                    Q(state__in=["PENDING", "SENDING"], finished_at=None)
                    | (~Q(state__in=["PENDING", "SENDING"]) & Q(finished_at__isnull=False))
                ),
                name="outbox_finished_has_finished_at",
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="outbox_moves",
                field="state",
                transitions=[(old.value, new.value) for old, new in CALL_MOVES],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.pk}"

    @property
    def page_name(self) -> str:
        """Return what the heading of its page calls it."""
        return f"Call {self.pk}: {self.method}"


class RateLimit(models.Model):
    """When the next call of one kind or chat may leave, for all senders together.

    The theoretical arrival time of the generic cell rate algorithm, kept per name: `chat:<id>`,
    `bulk`, `answers`; `stop` is until when nothing leaves at all.
    """

    name = models.CharField(max_length=32, primary_key=True)
    free_at = models.DateTimeField()
    # When Telegram last limited this chat, and until when (its retry_after).
    limited_at = models.DateTimeField(null=True)
    limited_until = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # "How many chats were limited within the same seconds?"
            models.Index(
                fields=["limited_at"],
                condition=Q(limited_at__isnull=False),
                name="ratelimit_recently_limited",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(limited_at=None, limited_until=None)
                | Q(limited_at__isnull=False, limited_until__isnull=False),
                name="ratelimit_has_both_times",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} from {self.free_at:%H:%M:%S.%f}"


class PlayerRateLimit(models.Model):
    """How fast a player acts: the generic cell rate algorithm over when their updates came in."""

    player_key = models.BigIntegerField(primary_key=True)
    # The theoretical arrival time of the next action.
    free_at = models.DateTimeField()
    # The verdict on the last action (bot/queue/inbox.py), and when the player was last notified.
    verdict = models.CharField(max_length=8)
    notified_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.player_key} from {self.free_at:%H:%M:%S.%f}"

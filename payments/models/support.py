"""What players ask about their payments, and what support answers."""

from typing import Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from economy.models import never_truncated
from quizarena.staff import dates


class SupportRequestQuerySet(models.QuerySet["SupportRequest"]):
    """Questions about requests."""

    def unanswered(self) -> Self:
        """Return those that wait for support, the oldest first."""
        return self.filter(answered_at=None).order_by("asked_at")

    def answer_due(self) -> Self:
        """Return those whose answers are not sent yet, the oldest first."""
        return self.filter(answered_at__isnull=False, notified_at=None).order_by("answered_at")


class SupportRequest(models.Model):
    """What a player wrote to /paysupport (Telegram asks for that command), and the answer."""

    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="support_requests"
    )
    # Empty while a player who has only sent pictures is asked for words.
    text = models.TextField(max_length=4096, blank=True)
    # What was sent along: [{"kind": "photo", "file_id": "..."}], as Telegram keeps it.
    attachments = models.JSONField(default=list)
    # Telegram's media_group_id of what was sent along, if there were several.
    album = models.CharField(max_length=64, blank=True, default="")
    asked_at = models.DateTimeField()
    answer = models.TextField(max_length=3500, blank=True, default="")
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    # Or closed, if nobody has answered: its player is deleted.
    answered_at = models.DateTimeField(null=True)
    notified_at = models.DateTimeField(null=True)

    objects = SupportRequestQuerySet.as_manager()

    class Meta:
        permissions = [("answer_supportrequest", "Can answer players who ask about payments")]
        indexes = [
            # The admin's list: what waits comes first.
            models.Index(fields=["-answered_at", "id"], name="supportrequest_list"),
            # What waits for support.
            models.Index(
                fields=["asked_at"], condition=Q(answered_at=None), name="supportrequest_open"
            ),
            # What the bot has to send.
            models.Index(
                fields=["answered_at"],
                condition=Q(answered_at__isnull=False, notified_at=None),
                name="supportrequest_answer_due",
            ),
            # "Is this picture of an album that has asked something?"
            models.Index(
                fields=["player", "album"], condition=~Q(album=""), name="supportrequest_album"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(text="") | ~Q(attachments=[]), name="supportrequest_says_something"
            ),
            models.CheckConstraint(
                condition=Q(answered_at=None, answered_by=None, answer="")
                | (Q(answered_at__isnull=False, answered_by__isnull=False) & ~Q(answer=""))
                # Closed: the player is deleted.
                | Q(answered_by=None, answer="", notified_at__isnull=False),
                name="supportrequest_answer_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(notified_at=None) | Q(answered_at__isnull=False),
                name="supportrequest_notified_when_answered",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            never_truncated("never_truncated", "what players have asked"),
        ]

    def __str__(self) -> str:
        return f"{self.player} {dates.moment(self.asked_at)}"


class SupportFile(models.Model):
    """A file that a player has sent to support, fetched because somebody wants to see it.

    Telegram keeps the file itself; what was fetched is purged a day later and can be fetched again.
    """

    request = models.ForeignKey(SupportRequest, on_delete=models.PROTECT, related_name="files")
    # Which of the request's attachments it is.
    number = models.PositiveSmallIntegerField()
    wanted_at = models.DateTimeField()
    # When it is asked for (again); empty once it is there, or cannot be had.
    due_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    content = models.BinaryField(null=True)
    error = models.TextField(blank=True, default="")

    class Meta:
        indexes = [
            # What a worker has to fetch.
            models.Index(
                fields=["due_at"], condition=Q(due_at__isnull=False), name="supportfile_due"
            ),
            # What is to be purged.
            models.Index(fields=["wanted_at"], name="supportfile_wanted"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["request", "number"], name="supportfile_one_each"),
            models.CheckConstraint(
                condition=Q(due_at__isnull=False, content=None)
                | (Q(due_at=None) & (Q(content__isnull=False) ^ ~Q(error=""))),
                name="supportfile_waits_or_is_there_or_failed",
            ),
        ]

    def __str__(self) -> str:
        return f"file {self.number} of {self.request}"

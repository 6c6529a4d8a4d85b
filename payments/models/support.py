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
    """What a player wrote to /paysupport (Telegram asks for that command), and the answer.

    What the same player writes before the request is solved is a request of its own with the first
    one as its `thread`.
    """

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
    # The first request of the thread; empty for that one itself.
    thread = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="further")
    answer = models.TextField(max_length=3500, blank=True, default="")
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    # Without an answer of its own: answered together with a later one of its thread, by whom. Or
    # closed, by nobody: its player is deleted.
    answered_at = models.DateTimeField(null=True)
    notified_at = models.DateTimeField(null=True)
    # Of the first of a thread: when the whole of it was done with. By nobody: closed as above.
    solved_at = models.DateTimeField(null=True)
    solved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )

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
            # How long first answers and solutions have taken lately.
            models.Index(
                fields=["answered_at"],
                condition=Q(thread=None, answered_by__isnull=False),
                name="supportrequest_first_answer",
            ),
            models.Index(
                fields=["solved_at"],
                condition=Q(solved_by__isnull=False),
                name="supportrequest_solved",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(text="") | ~Q(attachments=[]), name="supportrequest_says_something"
            ),
            models.CheckConstraint(
                condition=Q(answered_at=None, answered_by=None, answer="")
                | (Q(answered_at__isnull=False, answered_by__isnull=False) & ~Q(answer=""))
                # Closed, or answered together with a later one: nothing is to be sent.
                | Q(answered_at__isnull=False, answer="", notified_at__isnull=False),
                name="supportrequest_answer_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(notified_at=None) | Q(answered_at__isnull=False),
                name="supportrequest_notified_when_answered",
            ),
            models.CheckConstraint(
                condition=Q(solved_at=None, solved_by=None)
                | Q(thread=None, solved_at__isnull=False, answered_at__isnull=False),
                name="supportrequest_solved_as_a_thread",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            never_truncated("never_truncated", "what players have asked"),
        ]

    def __str__(self) -> str:
        return f"{self.player} {dates.moment(self.asked_at)}"

    @property
    def first(self) -> "SupportRequest":
        """Return the request with which its thread began."""
        return self.thread or self


class SupportTemplate(models.Model):
    """An answer that support gives often, in every language, with placeholders.

    What the placeholders are: payments/support_templates.py.
    """

    name = models.CharField(max_length=80, unique=True)
    text_de = models.TextField("German", max_length=3000)
    text_en = models.TextField("English", max_length=3000)
    text_uk = models.TextField("Ukrainian", max_length=3000)
    is_active = models.BooleanField("offered", default=True)

    class Meta:
        verbose_name = "answer template"
        constraints = [
            models.CheckConstraint(
                condition=~Q(text_de="") & ~Q(text_en="") & ~Q(text_uk=""),
                name="supporttemplate_has_every_language",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def text(self, language: str) -> str:
        """Return the text in a language of players."""
        return str(getattr(self, f"text_{language}"))


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

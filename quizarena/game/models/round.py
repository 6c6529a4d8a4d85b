"""Rounds, and the questions that they ask."""

from typing import Self

import pgtrigger
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from quizarena.game.models.frozen_question import WritableQuestion, order_of_its_options
from quizarena.game.models.question import Mode, Question

# So many questions has a round, and one that lets a player try a locked mode.
ROUND_LENGTH = 10
SAMPLE_LENGTH = 3


class RoundState(models.TextChoices):
    """Where a round stands."""

    OPEN = "OPEN", "open"
    FINISHED = "FINISHED", "finished"
    STOPPED = "STOPPED", "stopped"


ROUND_MOVES = (
    (RoundState.OPEN, RoundState.FINISHED),
    (RoundState.OPEN, RoundState.STOPPED),
)


class Round(models.Model):
    """One sitting of one player in one mode."""

    player = models.ForeignKey("players.Player", on_delete=models.PROTECT, related_name="rounds")
    mode = models.CharField(max_length=32, choices=Mode)
    # The button that started it: tapped twice, it starts one round.
    start_key = models.CharField(max_length=64)
    state = models.CharField(max_length=8, choices=RoundState, default=RoundState.OPEN)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    # The business day whose sample of a locked mode it is.
    sample_day = models.DateField(null=True)

    class Meta:
        indexes = [
            # How many rounds a player has finished today.
            models.Index(
                fields=["player", "finished_at"],
                condition=Q(state="FINISHED"),
                name="round_finished",
            ),
            # How many rounds were finished on a day.
            BrinIndex(fields=["finished_at"], name="round_by_day"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["player", "start_key"], name="round_one_per_start_key"),
            models.UniqueConstraint(
                fields=["player"], condition=Q(state="OPEN"), name="round_one_open_per_player"
            ),
            models.CheckConstraint(
                condition=Q(state="OPEN", finished_at=None)
                | (~Q(state="OPEN") & Q(finished_at__isnull=False)),
                name="round_finished_has_finished_at",
            ),
            models.UniqueConstraint(
                fields=["player", "sample_day"],
                condition=Q(sample_day__isnull=False),
                name="round_one_sample_per_player_and_day",
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="round_moves",
                field="state",
                transitions=[(old.value, new.value) for old, new in ROUND_MOVES],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mode} {self.pk} ({self.state})"

    @property
    def is_sample(self) -> bool:
        """Return whether it lets the player try a mode that is locked."""
        return self.sample_day is not None

    @property
    def length(self) -> int:
        """Return how many questions it has when it is played to its end."""
        return SAMPLE_LENGTH if self.is_sample else ROUND_LENGTH


class RoundQuestionQuerySet(models.QuerySet["RoundQuestion"]):
    """Questions about questions of rounds."""

    def waiting(self) -> Self:
        """Return those that have been neither answered nor refunded."""
        return self.filter(answered_at=None, refunded_at=None)

    def withdrawn(self) -> Self:
        """Return those that a round waits for though editors have withdrawn the question."""
        return self.waiting().filter(question__is_enabled=False, round__state=RoundState.OPEN)


class RoundQuestion(WritableQuestion):
    """A question as it was shown to a player, with its options shuffled, and the answer.

    Or that it was refunded: nobody saw it, or it was withdrawn. Then another one takes its place.
    """

    round = models.ForeignKey(
        Round, on_delete=models.PROTECT, related_name="round_questions", db_index=False
    )
    # Its place in the round, from 1.
    number = models.PositiveSmallIntegerField()
    player = models.ForeignKey("players.Player", on_delete=models.PROTECT)
    mode = models.CharField(max_length=32, choices=Mode)
    question = models.ForeignKey(Question, on_delete=models.PROTECT, db_index=False)
    shown_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    # The bank's number of the chosen option.
    choice = models.PositiveSmallIntegerField(null=True)
    # What was answered without options: what was typed, or the sentence that was put together.
    # Empty is "I don't know", NULL is no such answer.
    text = models.CharField(max_length=200, null=True)  # noqa: DJ001
    is_correct = models.BooleanField(null=True)
    refunded_at = models.DateTimeField(null=True)

    objects = RoundQuestionQuerySet.as_manager()

    class Meta:
        indexes = [
            # The last questions of a player in a mode, and those of a day.
            models.Index(
                fields=["player", "mode", "-shown_at", "-id"], name="roundquestion_latest"
            ),
            # Selection of the next question: when has the player been shown this one.
            models.Index(fields=["player", "question", "-shown_at"], name="roundquestion_seen"),
            # Who waits with a question that is withdrawn.
            models.Index(
                fields=["question"],
                condition=Q(answered_at=None, refunded_at=None),
                name="roundquestion_waiting",
            ),
            # The answers of a day.
            BrinIndex(fields=["answered_at"], name="roundquestion_by_day"),
            # What was shown on a day.
            BrinIndex(fields=["shown_at"], name="roundquestion_shown_by_day"),
        ]
        constraints = [
            *WritableQuestion.Meta.constraints,
            # The index of a round's questions, too, and therefore of all of them.
            models.UniqueConstraint(
                fields=["round", "number", "refunded_at"],
                nulls_distinct=False,
                name="roundquestion_number_once",
            ),
            models.UniqueConstraint(
                fields=["round"],
                condition=Q(answered_at=None, refunded_at=None),
                name="roundquestion_one_open_per_round",
            ),
            models.CheckConstraint(
                condition=Q(answered_at=None) | Q(refunded_at=None),
                name="roundquestion_answered_or_refunded",
            ),
            models.CheckConstraint(
                condition=Q(answered_at=None, choice=None, text=None, is_correct=None)
                | Q(answered_at__isnull=False, is_correct__isnull=False)
                & (Q(choice__isnull=False, text=None) | Q(choice=None, text__isnull=False)),
                name="roundquestion_answered_wholly",
            ),
            models.CheckConstraint(
                condition=Q(choice=None) | Q(choice__lt=F("order__len")),
                name="roundquestion_choice_exists",
            ),
        ]
        triggers = [
            order_of_its_options(),
            pgtrigger.Protect(
                name="answered_once",
                operation=pgtrigger.Update,
                # What was typed can be erased, and nothing else changed (quizarena/ops/erasure.py).
                condition=pgtrigger.Condition(
                    "OLD.answered_at IS NOT NULL AND (OLD.text IS NULL"
                    " OR NEW.text IS DISTINCT FROM '…'"
                    " OR to_jsonb(OLD) - 'text' <> to_jsonb(NEW) - 'text')"
                ),
            ),
            pgtrigger.Protect(
                name="refunded_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__refunded_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"question {self.pk}"


class PastAnswers(models.Model):
    """How a player has answered questions that are not kept any more, by mode and level.

    What is shown of a player's accuracy counts them, too (quizarena/game/statistics.py).
    """

    player = models.ForeignKey("players.Player", on_delete=models.PROTECT, related_name="+")
    mode = models.CharField(max_length=32, choices=Mode)
    level = models.CharField(max_length=2)
    answered = models.PositiveIntegerField()
    correct = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["player", "mode", "level"], name="pastanswers_one_each"
            ),
            models.CheckConstraint(
                condition=Q(correct__lte=F("answered")), name="pastanswers_correct_were_answered"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.correct} of {self.answered}"

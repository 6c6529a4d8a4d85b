"""Review cards, the reviews in which they are asked, and what was predicted and answered."""

from typing import Self

import pgtrigger
from django.db import models
from django.db.models import Q

from economy.models import never_truncated
from quizarena.game.models.frozen_question import WritableQuestion, order_of_its_options
from quizarena.game.models.question import OPTIONS, Question, QuestionVersion
from quizarena.staff import dates

# So many questions has a review at most.
REVIEW_LENGTH = 20
# So many cards come to a player on a business day at most.
NEW_CARDS_PER_DAY = 50

# A trigger before the insert runs for a card that exists, too, and must not keep ON CONFLICT from
# finding it. The row of the day is the lock; whoever has waited for it looks again.
COUNT_CARD = f"""
IF EXISTS (
  SELECT FROM game_reviewcard WHERE player_id = NEW.player_id AND question_id = NEW.question_id
) THEN
  RETURN NEW;
END IF;
INSERT INTO game_reviewday (player_id, day, cards) VALUES (NEW.player_id, NEW.created_on, 0)
ON CONFLICT (player_id, day) DO UPDATE SET cards = game_reviewday.cards
RETURNING cards INTO before;
IF EXISTS (
  SELECT FROM game_reviewcard WHERE player_id = NEW.player_id AND question_id = NEW.question_id
) THEN
  RETURN NEW;
END IF;
IF before >= {NEW_CARDS_PER_DAY} THEN
  RETURN NULL;
END IF;
UPDATE game_reviewday SET cards = before + 1
WHERE player_id = NEW.player_id AND day = NEW.created_on;
RETURN NEW;
"""  # noqa: S608 -- the number is a constant.
UNCOUNT_CARD = """
UPDATE game_reviewday SET cards = cards - 1
WHERE player_id = OLD.player_id AND day = OLD.created_on;
RETURN NULL;
"""
ONLY_CARDS = """
IF pg_trigger_depth() > 1 THEN
  RETURN coalesce(NEW, OLD);
END IF;
RAISE EXCEPTION 'New cards are counted only with the cards.';
"""


class CardOrigin(models.TextChoices):
    """Why a player has a card."""

    MISTAKE = "MISTAKE", "mistake"
    SAVED = "SAVED", "saved"


class CardState(models.IntegerChoices):
    """Where FSRS has a card, with the numbers of the library."""

    LEARNING = 1, "learning"
    REVIEW = 2, "review"
    RELEARNING = 3, "relearning"


class ReviewCardQuerySet(models.QuerySet["ReviewCard"]):
    """Questions about review cards."""

    def askable(self) -> Self:
        """Return those that a review can ask: the question is enabled."""
        return self.filter(question__is_enabled=True)


class ReviewCard(models.Model):
    """A question that comes back to one player, and what FSRS knows of it."""

    # The constraint is the index, too.
    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="review_cards", db_index=False
    )
    question = models.ForeignKey(Question, on_delete=models.PROTECT)
    origin = models.CharField(max_length=7, choices=CardOrigin)
    created_at = models.DateTimeField()
    # The business day that it is a new card of.
    created_on = models.DateField()
    state = models.PositiveSmallIntegerField(choices=CardState)
    # Within the steps of a day; a card in review has none.
    step = models.PositiveSmallIntegerField(null=True)
    # In days; none before the first answer, as the two below.
    stability = models.FloatField(null=True)
    # 1 to 10.
    difficulty = models.FloatField(null=True)
    last_review_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField()

    objects = ReviewCardQuerySet.as_manager()

    class Meta:
        indexes = [
            # What is due to a player, and what is next.
            models.Index(fields=["player", "due_at"], name="reviewcard_due"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["player", "question"], name="reviewcard_one_per_question"
            ),
            models.CheckConstraint(
                condition=Q(origin__in=CardOrigin.values), name="reviewcard_origin_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state=CardState.REVIEW, step=None)
                | Q(state__in=[CardState.LEARNING, CardState.RELEARNING], step__isnull=False),
                name="reviewcard_step_of_a_day",
            ),
            models.CheckConstraint(
                condition=Q(
                    stability=None,
                    difficulty=None,
                    last_review_at=None,
                    state=CardState.LEARNING,
                    step=0,
                )
                | Q(
                    stability__isnull=False,
                    stability__gt=0,
                    difficulty__isnull=False,
                    difficulty__gte=1,
                    difficulty__lte=10,
                    last_review_at__isnull=False,
                ),
                name="reviewcard_memory_is_whole",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="count_card",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                declare=[("before", "integer")],
                func=COUNT_CARD,
            ),
            pgtrigger.Trigger(
                name="uncount_card",
                when=pgtrigger.After,
                operation=pgtrigger.Delete,
                func=UNCOUNT_CARD,
            ),
            pgtrigger.ReadOnly(
                name="of_whom_and_when",
                fields=["player", "question", "created_at", "created_on"],
            ),
            # A slip of ⭐. A mistake stays, and so does what was answered.
            pgtrigger.Protect(
                name="only_new_saved_are_deleted",
                operation=pgtrigger.Delete,
                condition=pgtrigger.Q(old__origin="MISTAKE")
                | pgtrigger.Q(old__last_review_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"review card {self.pk}"


class ReviewDay(models.Model):
    """How many cards have come to a player on a business day. Only the database writes here."""

    pk = models.CompositePrimaryKey("player_id", "day")
    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    day = models.DateField()
    cards = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(cards__lte=NEW_CARDS_PER_DAY), name="reviewday_within_the_day"
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="only_cards",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                func=ONLY_CARDS,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.cards} new cards of player {self.player_id} on {dates.day(self.day)}"


class Review(models.Model):
    """One sitting of a player with cards that were due."""

    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="reviews", db_index=False
    )
    started_at = models.DateTimeField()
    # As many cards as were due at its start, at most REVIEW_LENGTH.
    length = models.PositiveSmallIntegerField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["player"],
                condition=Q(finished_at=None),
                name="review_one_open_per_player",
            ),
            models.CheckConstraint(
                condition=Q(length__gte=1, length__lte=REVIEW_LENGTH), name="review_length_exists"
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(name="as_it_began", fields=["player", "started_at", "length"]),
        ]

    def __str__(self) -> str:
        return f"review {self.pk}"


class ReviewQuestion(WritableQuestion):
    """A card as it was asked in a review: what it read, and the options in which order."""

    review = models.ForeignKey(
        Review, on_delete=models.PROTECT, related_name="questions", db_index=False
    )
    # From 1.
    number = models.PositiveSmallIntegerField()
    # Asked once more after a slip was undone.
    is_repeat = models.BooleanField(default=False)
    card = models.ForeignKey(ReviewCard, on_delete=models.PROTECT)
    version = models.ForeignKey(QuestionVersion, on_delete=models.PROTECT, db_index=False)
    # Anew when a review is continued: the time in between was not spent on the question.
    shown_at = models.DateTimeField()
    is_answered = models.BooleanField(default=False)
    # When the player said that the answer was a slip.
    undone_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            *WritableQuestion.Meta.constraints,
            models.UniqueConstraint(
                fields=["review", "number", "is_repeat"], name="reviewquestion_number_once"
            ),
            models.UniqueConstraint(
                fields=["review", "card", "is_repeat"], name="reviewquestion_card_once"
            ),
            models.UniqueConstraint(
                fields=["review"],
                condition=Q(is_answered=False),
                name="reviewquestion_one_waiting_per_review",
            ),
            models.CheckConstraint(
                condition=Q(number__gte=1, number__lte=REVIEW_LENGTH),
                name="reviewquestion_number_exists",
            ),
            models.CheckConstraint(
                condition=Q(undone_at=None) | Q(is_answered=True, is_repeat=False),
                name="reviewquestion_undone_was_answered",
            ),
        ]
        triggers = [
            order_of_its_options(),
            pgtrigger.ReadOnly(
                name="as_it_was_shown",
                fields=["review", "number", "is_repeat", "card", "version", "order", "chips"],
            ),
            pgtrigger.Protect(
                name="answered_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__is_answered=True)
                & (pgtrigger.Q(new__is_answered=False) | pgtrigger.Q(old__undone_at__isnull=False)),
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"question {self.number} of review {self.review_id}"


class ReviewLog(models.Model):
    """An answer in a review: what was predicted, what came, and how the card was before."""

    question = models.OneToOneField(ReviewQuestion, on_delete=models.PROTECT, related_name="log")
    card = models.ForeignKey(ReviewCard, on_delete=models.PROTECT, related_name="logs")
    # How probable a right answer was; none where FSRS says nothing (review_rules.predict), and none
    # of a question that was asked again after a slip.
    predicted = models.FloatField(null=True)
    # The bank's number of the chosen option.
    choice = models.PositiveSmallIntegerField(null=True)
    # What was answered without options. Empty is "I don't know", NULL is no such answer.
    text = models.CharField(max_length=200, null=True)  # noqa: DJ001
    is_right = models.BooleanField()
    # 1 again, 2 hard, 3 good, 4 easy.
    rating = models.PositiveSmallIntegerField()
    elapsed_ms = models.PositiveBigIntegerField()
    answered_at = models.DateTimeField()
    before_state = models.PositiveSmallIntegerField(choices=CardState)
    before_step = models.PositiveSmallIntegerField(null=True)
    before_stability = models.FloatField(null=True)
    before_difficulty = models.FloatField(null=True)
    before_last_review_at = models.DateTimeField(null=True)
    before_due_at = models.DateTimeField()

    class Meta:
        indexes = [
            # The answers of a day.
            models.Index(fields=["answered_at"], name="reviewlog_by_day"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(is_right=False, rating=1) | Q(is_right=True, rating__in=[2, 3, 4]),
                name="reviewlog_wrong_is_again",
            ),
            models.CheckConstraint(
                condition=Q(predicted=None) | Q(predicted__gt=0, predicted__lt=1),
                name="reviewlog_prediction_is_a_probability",
            ),
            models.CheckConstraint(condition=Q(choice__lt=OPTIONS), name="reviewlog_choice_exists"),
            models.CheckConstraint(
                condition=Q(choice__isnull=False, text=None) | Q(choice=None, text__isnull=False),
                name="reviewlog_choice_or_text",
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="append_only",
                operation=pgtrigger.Update,
                # What was typed can be erased, and nothing else changed (quizarena/ops/erasure.py).
                condition=pgtrigger.Condition(
                    "OLD.text IS NULL OR NEW.text IS DISTINCT FROM '…'"
                    " OR to_jsonb(OLD) - 'text' <> to_jsonb(NEW) - 'text'"
                ),
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            never_truncated("never_truncated", "reviews"),
        ]

    def __str__(self) -> str:
        return f"answer to {self.question_id}"


class ReviewAccuracy(models.Model):
    """How well FSRS has predicted: the log loss of a business day and of the 30 days up to it."""

    day = models.DateField(unique=True)
    predictions = models.PositiveIntegerField()
    # None without a prediction.
    log_loss = models.FloatField(null=True)
    month_predictions = models.PositiveIntegerField()
    month_log_loss = models.FloatField(null=True)
    counted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=(Q(predictions=0, log_loss=None) | Q(predictions__gt=0, log_loss__gte=0))
                & (
                    Q(month_predictions=0, month_log_loss=None)
                    | Q(month_predictions__gt=0, month_log_loss__gte=0)
                ),
                name="reviewaccuracy_loss_of_predictions",
            ),
        ]

    def __str__(self) -> str:
        return f"Predictions of {dates.day(self.day)}"

"""A question as players are shown it, wherever that is."""

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from quizarena.game import grading
from quizarena.game.grading import Grade
from quizarena.game.models.question import OPTIONS, Kind, QuestionVersion

# order[option index] is the bank's number of the option that is shown there: each of them once.
ORDER_IS_A_PERMUTATION = (
    Q(order__len=1, order__contains=[0])
    | Q(order__len=2, order__contains=[0, 1])
    | Q(order__len=3, order__contains=[0, 1, 2])
    | Q(order__len=4, order__contains=[0, 1, 2, 3])
)
# Of whatever shows a version with its options in an order of its own.
ORDER_OF_ITS_OPTIONS = """
IF cardinality(NEW."order") <> (
  SELECT cardinality(options) FROM game_questionversion WHERE id = NEW.version_id
) THEN
  RAISE EXCEPTION 'The order has each option of the question once.'
    USING ERRCODE = 'check_violation';
END IF;
RETURN NEW;
"""


def order_of_its_options() -> pgtrigger.Trigger:
    """Return the trigger that keeps an order as long as the options that are shown in it."""
    return pgtrigger.Trigger(
        name="order_of_its_options",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.UpdateOf("order", "version_id"),  # type: ignore[no-untyped-call]
        func=ORDER_OF_ITS_OPTIONS,
    )


class FrozenQuestion(models.Model):
    """A question as players are shown it: what it reads, and its options in an order of their own.

    Whatever shows one derives from this, with the constraints of its Meta and order_of_its_options.
    """

    version = models.ForeignKey(QuestionVersion, on_delete=models.PROTECT)
    # order[option index] is the bank's number of the option that is shown there.
    order = ArrayField(models.PositiveSmallIntegerField(), size=OPTIONS)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=ORDER_IS_A_PERMUTATION, name="%(class)s_order_is_a_permutation"
            ),
        ]

    def text_at(self, option_index: int) -> str:
        """Return the option that is shown at `option_index` (from 0)."""
        text: str = self.version.options[self.order[option_index]]
        return text

    def is_right(self, choice: int) -> bool:
        """Return whether the bank's option `choice` is the right one, as it was shown."""
        return grading.grade_option(
            options=self.version.options,
            correct_option_id=self.version.correct_option_id,
            choice=choice,
        ).is_correct


class WritableQuestion(FrozenQuestion):
    """One that may be answered without options, too: by a text, or by words put in order."""

    # Of words to be put in order: chips[place] is the number of the word that is shown at `place`,
    # and those that have been put down so far, in their order.
    chips = ArrayField(models.PositiveSmallIntegerField(), default=list, db_default=[])
    placed = ArrayField(models.PositiveSmallIntegerField(), default=list, db_default=[])

    class Meta(FrozenQuestion.Meta):
        abstract = True
        constraints = [
            *FrozenQuestion.Meta.constraints,
            models.CheckConstraint(
                condition=Q(placed__contained_by=F("chips")) & Q(placed__len__lte=F("chips__len")),
                name="%(class)s_placed_are_chips",
            ),
        ]

    @property
    def answers(self) -> list[str]:
        """Return every right answer of what is answered without options."""
        return [self.version.correct_answer, *self.version.accepted]

    def words(self) -> list[str]:
        """Return the words that are to be put in order, by their numbers."""
        return grading.chips(self.answers)

    def sentence(self) -> str:
        """Return the words that have been put down so far."""
        words = self.words()
        return " ".join(words[chip] for chip in self.placed)

    def grade(self, text: str) -> Grade:
        """Grade what was typed or put together, by the version that was shown."""
        if self.version.kind == Kind.ORDER:
            return grading.grade_order(answers=self.answers, placed=text.split())
        return grading.grade_typed(question=self.version.question, answers=self.answers, text=text)

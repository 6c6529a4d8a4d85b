"""Questions, and the rounds in which they are asked."""

from typing import Self

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

OPTIONS = 4


class Mode(models.TextChoices):
    """The ways to play (product.md section 11); a question's category is the mode it is for."""

    QUICK_MIX_A1A2 = "QUICK_MIX_A1A2", "Quick mix A1-A2"
    ARTIKEL_SPRINT = "ARTIKEL_SPRINT", "Artikel sprint"
    DAILY_CHALLENGE = "DAILY_CHALLENGE", "Daily challenge"
    CASES_PRACTICE = "CASES_PRACTICE", "Cases practice"
    TRENNBARE_VERBEN = "TRENNBARE_VERBEN", "Trennbare Verben"
    WORD_ORDER = "WORD_ORDER", "Word order"


class Level(models.TextChoices):
    """Levels of the Common European Framework that the game teaches."""

    A1 = "A1"
    A2 = "A2"
    B1 = "B1"
    B2 = "B2"


# What a player reads. A change of any of these makes a new version.
CONTENT = (
    "question",
    "option_1",
    "option_2",
    "option_3",
    "option_4",
    "correct_option_id",
    "explanation",
)

KEEP_VERSION = """
INSERT INTO game_questionversion
  (question_id, number, question, options, correct_option_id, explanation, created_at)
VALUES (
  NEW.id, NEW.version, NEW.question,
  ARRAY[NEW.option_1, NEW.option_2, NEW.option_3, NEW.option_4],
  NEW.correct_option_id, NEW.explanation, now()
);
RETURN NULL;
"""


class Question(models.Model):
    """A question as it reads now; what it read before stays in its versions.

    The database counts the versions and keeps them, whoever edits: admin, import or SQL.
    """

    quiz_id = models.CharField(max_length=64, unique=True)
    question = models.CharField(max_length=500)
    option_1 = models.CharField(max_length=100)
    option_2 = models.CharField(max_length=100)
    option_3 = models.CharField(max_length=100)
    option_4 = models.CharField(max_length=100)
    correct_option_id = models.PositiveSmallIntegerField(
        help_text="0 for the first option, up to 3 for the fourth."
    )
    explanation = models.CharField(max_length=500)
    level = models.CharField(max_length=2, choices=Level)
    category = models.CharField(max_length=32, choices=Mode)
    key = models.CharField(max_length=100, help_text="The fact that is asked for.")
    is_enabled = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        indexes = [
            # Selection of the next question.
            models.Index(
                fields=["category", "level"], condition=Q(is_enabled=True), name="question_playable"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(correct_option_id__lt=OPTIONS), name="question_correct_option_exists"
            ),
            models.CheckConstraint(
                condition=Q(category__in=Mode.values), name="question_category_is_known"
            ),
            models.CheckConstraint(
                condition=Q(level__in=Level.values), name="question_level_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(option_1=F("option_2"))
                & ~Q(option_1=F("option_3"))
                & ~Q(option_1=F("option_4"))
                & ~Q(option_2=F("option_3"))
                & ~Q(option_2=F("option_4"))
                & ~Q(option_3=F("option_4")),
                name="question_options_differ",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="count_version",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange(*CONTENT, "version"),
                func="NEW.version = OLD.version + 1; RETURN NEW;",
            ),
            pgtrigger.Trigger(
                name="keep_first_version",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                func=KEEP_VERSION,
            ),
            pgtrigger.Trigger(
                name="keep_next_version",
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange("version"),
                func=KEEP_VERSION,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quiz_id}: {self.question}"

    @property
    def options(self) -> list[str]:
        """Return the four options in the order of the bank."""
        return [self.option_1, self.option_2, self.option_3, self.option_4]

    @property
    def correct_answer(self) -> str:
        """Return the right option's text."""
        return self.options[self.correct_option_id]


class QuestionVersion(models.Model):
    """What a question read at one time: a player is graded against what was shown."""

    question_row = models.ForeignKey(
        Question, db_column="question_id", on_delete=models.PROTECT, related_name="versions"
    )
    number = models.PositiveIntegerField()
    question = models.CharField(max_length=500)
    options = ArrayField(models.CharField(max_length=100), size=OPTIONS)
    correct_option_id = models.PositiveSmallIntegerField()
    explanation = models.CharField(max_length=500)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["question_row", "number"], name="question_version_number_once"
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"version {self.number}: {self.question}"

    @property
    def correct_answer(self) -> str:
        """Return the right option's text."""
        answer: str = self.options[self.correct_option_id]
        return answer


class ImportState(models.TextChoices):
    """Where an uploaded file stands."""

    WAITING = "WAITING", "waiting for its check"
    CHECKED = "CHECKED", "checked"
    CONFIRMED = "CONFIRMED", "being imported"
    IMPORTED = "IMPORTED", "imported"
    REFUSED = "REFUSED", "refused"
    DISCARDED = "DISCARDED", "discarded"


IMPORT_MOVES = (
    (ImportState.WAITING, ImportState.CHECKED),
    (ImportState.WAITING, ImportState.REFUSED),
    (ImportState.CHECKED, ImportState.CONFIRMED),
    (ImportState.CHECKED, ImportState.DISCARDED),
    (ImportState.CONFIRMED, ImportState.IMPORTED),
    (ImportState.CONFIRMED, ImportState.REFUSED),
)
# As long as a file is in one of these it is needed.
IMPORT_UNFINISHED = (ImportState.WAITING, ImportState.CHECKED, ImportState.CONFIRMED)


class QuestionImport(models.Model):
    """A file with questions that somebody has uploaded, and what came of it."""

    file_name = models.CharField(max_length=200)
    content = models.BinaryField(null=True)
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    state = models.CharField(max_length=9, choices=ImportState, default=ImportState.WAITING)
    changed_at = models.DateTimeField()
    # "refusal" as a sentence, or counts, "errors" as [line, sentence] and "preview".
    report = models.JSONField(default=dict)

    class Meta:
        verbose_name = "question import"
        indexes = [
            # What a worker takes next, and what is discarded.
            models.Index(
                fields=["state"],
                condition=Q(state__in=["WAITING", "CHECKED", "CONFIRMED"]),
                name="question_import_unfinished",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=IMPORT_UNFINISHED, content__isnull=False)
                | Q(
                    state__in=[state for state in ImportState if state not in IMPORT_UNFINISHED],
                    content=None,
                ),
                name="question_import_keeps_file_while_needed",
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="question_import_moves",
                field="state",
                transitions=[(old.value, new.value) for old, new in IMPORT_MOVES],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.file_name} ({self.get_state_display()})"


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

    class Meta:
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


class RoundQuestionQuerySet(models.QuerySet["RoundQuestion"]):
    """Questions about questions of rounds."""

    def waiting(self) -> Self:
        """Return those that have been neither answered nor refunded."""
        return self.filter(answered_at=None, refunded_at=None)

    def withdrawn(self) -> Self:
        """Return those that a round waits for though editors have withdrawn the question."""
        return self.waiting().filter(question__is_enabled=False, round__state=RoundState.OPEN)


class RoundQuestion(models.Model):
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
    version = models.ForeignKey(QuestionVersion, on_delete=models.PROTECT)
    # order[place] is the bank's number of the option that was shown at `place`.
    order = ArrayField(models.PositiveSmallIntegerField(), size=OPTIONS)
    shown_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    # The bank's number of the chosen option.
    choice = models.PositiveSmallIntegerField(null=True)
    is_correct = models.BooleanField(null=True)
    refunded_at = models.DateTimeField(null=True)

    objects = RoundQuestionQuerySet.as_manager()

    class Meta:
        indexes = [
            # The last questions of a player in a mode.
            models.Index(fields=["player", "mode", "-id"], name="roundquestion_recent"),
            # Who waits with a question that is withdrawn.
            models.Index(
                fields=["question"],
                condition=Q(answered_at=None, refunded_at=None),
                name="roundquestion_waiting",
            ),
        ]
        constraints = [
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
                condition=Q(answered_at=None, choice=None, is_correct=None)
                | Q(answered_at__isnull=False, choice__isnull=False, is_correct__isnull=False),
                name="roundquestion_answered_wholly",
            ),
            models.CheckConstraint(
                condition=Q(choice=None) | Q(choice__lt=OPTIONS), name="roundquestion_choice_exists"
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="answered_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__answered_at__isnull=False),
            ),
            pgtrigger.Protect(
                name="refunded_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__refunded_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"question {self.pk}"

    def text_at(self, place: int) -> str:
        """Return the option that was shown at `place` (0-3)."""
        text: str = self.version.options[self.order[place]]
        return text

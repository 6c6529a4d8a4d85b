"""Questions, what they read before, and the files that they came from."""

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from quizarena.game.report_rules import Withdrawal

# So many options has a question at most.
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


WITHDRAWAL_NAMES = {
    Withdrawal.REPORTS: "players have reported it",
    Withdrawal.DISTRACTOR: "a wrong option is chosen more often than the right one",
}


class Kind(models.TextChoices):
    """How a question is answered (product.md section 15)."""

    CHOICE = "choice", "Choice"
    TYPED = "typed", "Typed answer"
    ORDER = "order", "Word order"
    PICTURE = "picture", "Picture"
    MISTAKE = "mistake", "Find the mistake"


# These kinds show options as buttons; of the others option_1 is the right answer, which is not
# shown. Whatever has the same questions for several players only draws of these.
CHOICES = (Kind.CHOICE, Kind.PICTURE, Kind.MISTAKE)
WRITTEN = (Kind.TYPED, Kind.ORDER)


# What a player reads. A change of any of these makes a new version.
CONTENT = (
    "question",
    "option_1",
    "option_2",
    "option_3",
    "option_4",
    "correct_option_id",
    "explanation",
    "explanation_en",
    "explanation_uk",
    "kind",
    "accepted",
    "rule",
)

KEEP_VERSION = """
INSERT INTO game_questionversion
  (question_id, number, question, options, correct_option_id, explanation, explanation_en,
   explanation_uk, kind, accepted, rule, created_at)
VALUES (
  NEW.id, NEW.version, NEW.question,
  array_remove(ARRAY[NEW.option_1, NEW.option_2, NEW.option_3, NEW.option_4], ''),
  NEW.correct_option_id, NEW.explanation, NEW.explanation_en,
  NEW.explanation_uk, NEW.kind, NEW.accepted, NEW.rule, now()
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
    option_2 = models.CharField(max_length=100, blank=True, default="", db_default="")
    option_3 = models.CharField(max_length=100, blank=True, default="", db_default="")
    option_4 = models.CharField(max_length=100, blank=True, default="", db_default="")
    correct_option_id = models.PositiveSmallIntegerField(
        help_text="0 for the first option, up to 3 for the fourth."
    )
    kind = models.CharField(
        max_length=8,
        choices=Kind,
        default=Kind.CHOICE,
        db_default=Kind.CHOICE,
        help_text="How it is answered.",
    )
    accepted = ArrayField(
        models.CharField(max_length=200),
        blank=True,
        default=list,
        db_default=[],
        help_text="Of a typed answer or a word order: what is right as well.",
    )
    explanation = models.CharField(max_length=500)
    explanation_en = models.CharField(
        "explanation in English", max_length=500, blank=True, default="", db_default=""
    )
    explanation_uk = models.CharField(
        "explanation in Ukrainian", max_length=500, blank=True, default="", db_default=""
    )
    rule = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="The rule card that explains more, by its id.",
    )
    level = models.CharField(max_length=2, choices=Level)
    category = models.CharField(max_length=32, choices=Mode)
    topic = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="What it practises; empty: what its mode does. Topics are drawn equally often.",
    )
    key = models.CharField(max_length=100, help_text="The fact that is asked for.")
    is_enabled = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1, editable=False)
    # Taken out of play by reports or answers (quizarena/game/reports.py) until an editor decides.
    withdrawn_at = models.DateTimeField(null=True, editable=False)
    withdrawn_because = models.CharField(
        max_length=10,
        blank=True,
        default="",
        db_default="",
        editable=False,
        choices=[(one.value, name) for one, name in WITHDRAWAL_NAMES.items()],
    )
    # When an editor has last looked at what players report and answer: only what came later counts.
    looked_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        indexes = [
            # What waits for an editor.
            models.Index(
                fields=["-id"],
                condition=Q(withdrawn_at__isnull=False),
                name="question_withdrawn",
            ),
            # Selection of the next question: which topics there are, how many questions of one,
            # and the one of a number.
            models.Index(
                fields=["category", "level", "topic", "id"],
                condition=Q(is_enabled=True),
                name="question_by_topic",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(correct_option_id=0)
                | Q(correct_option_id=1) & ~Q(option_2="")
                | Q(correct_option_id=2) & ~Q(option_3="")
                | Q(correct_option_id=3) & ~Q(option_4=""),
                name="question_correct_option_exists",
                violation_error_message="The right answer is an option that is filled in.",
            ),
            models.CheckConstraint(
                condition=~Q(option_1="")
                & (~Q(option_2="") | Q(option_3=""))
                & (~Q(option_3="") | Q(option_4="")),
                name="question_options_without_hole",
                violation_error_message="Fill in the options from the first one on.",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=CHOICES) & ~Q(option_2="")
                | Q(kind__in=WRITTEN, option_2="", correct_option_id=0),
                name="question_options_of_its_kind",
                violation_error_message=(
                    "A question to choose from has at least two options; a typed answer or a word "
                    "order has only the first, which is the right answer."
                ),
            ),
            models.CheckConstraint(
                condition=Q(accepted=[]) | Q(kind__in=WRITTEN) & ~Q(accepted__contains=[""]),
                name="question_accepted_of_written_answers",
                violation_error_message="Only typed answers and word orders have further ones.",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at=None, withdrawn_because="")
                | Q(
                    withdrawn_at__isnull=False,
                    withdrawn_because__in=["REPORTS", "DISTRACTOR"],
                    is_enabled=False,
                ),
                name="question_withdrawn_is_not_asked",
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
                & (Q(option_3="") | ~Q(option_2=F("option_3")))
                & (Q(option_4="") | ~Q(option_2=F("option_4")) & ~Q(option_3=F("option_4"))),
                name="question_options_differ",
                violation_error_message="Give different options.",
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
    def page_name(self) -> str:
        """Return what the heading of its page calls it."""
        return str(self)

    @property
    def options(self) -> list[str]:
        """Return the options in the order of the bank: two to four, or the one right answer."""
        texts = (self.option_1, self.option_2, self.option_3, self.option_4)
        return [text for text in texts if text]

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
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.CHOICE, db_default=Kind.CHOICE)
    accepted = ArrayField(models.CharField(max_length=200), default=list, db_default=[])
    explanation = models.CharField(max_length=500)
    explanation_en = models.CharField(max_length=500, default="", db_default="")
    explanation_uk = models.CharField(max_length=500, default="", db_default="")
    rule = models.CharField(max_length=64, default="", db_default="")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(options__len__gte=1, options__len__lte=OPTIONS)
                & Q(correct_option_id__lt=F("options__len")),
                name="question_version_correct_option_exists",
            ),
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

    @property
    def page_name(self) -> str:
        """Return what the heading of its page calls it: the file's name as it is written."""
        return str(self)

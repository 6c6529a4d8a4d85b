"""Questions, and the rounds and daily challenges in which they are asked."""

from typing import Self

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from quizarena.staff import dates

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


# --- The daily challenge --------------------------------------------------------------------------

# The levels of a day's questions, in the order in which they are asked.
DAILY_LEVELS = (Level.A1, Level.A1, Level.A2, Level.A2, Level.A2, Level.B1, Level.B1)
DAILY_LENGTH = len(DAILY_LEVELS)
# A question that was in a challenge is in none of so many days after it.
DAILY_PAUSE_DAYS = 30

# Whoever starts the challenge meanwhile waits for this lock, and sees the question that is stored.
ONLY_BEFORE_THE_FIRST_RUN = """
PERFORM FROM game_dailyset WHERE id = NEW.set_id FOR UPDATE;
IF EXISTS (SELECT FROM game_dailyrun WHERE set_id = NEW.set_id) THEN
  RAISE EXCEPTION 'Somebody has started this daily challenge: its questions stay.';
END IF;
RETURN NEW;
"""
NOT_AGAIN = f"""
IF EXISTS (
  SELECT FROM game_dailyquestion AS other
  JOIN game_dailyset AS other_set ON other_set.id = other.set_id
  JOIN game_questionversion AS other_version ON other_version.id = other.version_id
  JOIN game_questionversion AS version ON version.question_id = other_version.question_id
  JOIN game_dailyset AS own_set ON own_set.id = NEW.set_id
  WHERE version.id = NEW.version_id AND other.id <> NEW.id
    AND abs(other_set.day - own_set.day) <= {DAILY_PAUSE_DAYS}
) THEN
  RAISE EXCEPTION 'This question is in a daily challenge of the {DAILY_PAUSE_DAYS} days around.';
END IF;
RETURN NEW;
"""
# Foreign keys are only checked at the commit: the lock is what a replacement waits for.
RUN_ON_ITS_DAY = f"""
IF TG_OP = 'INSERT' THEN
  PERFORM FROM game_dailyset WHERE id = NEW.set_id FOR SHARE;
END IF;
SELECT starts_at, ends_at INTO STRICT span FROM game_dailyset WHERE id = NEW.set_id;
IF NEW.started_at < span.starts_at OR NEW.started_at >= span.ends_at
  OR NEW.finished_at >= span.ends_at
THEN
  RAISE EXCEPTION 'A daily challenge is played on its day.';
END IF;
IF NEW.finished_at IS NOT NULL AND (
  SELECT count(*) <> {DAILY_LENGTH} OR count(*) FILTER (WHERE is_correct) <> NEW.score
  FROM game_dailyanswer WHERE run_id = NEW.id
) THEN
  RAISE EXCEPTION 'A finished run has {DAILY_LENGTH} answers, and its score counts them.';
END IF;
RETURN NEW;
"""  # noqa: S608 -- the number is a constant.
ANSWER_ON_ITS_DAY = """
SELECT run.started_at, run.finished_at, daily_set.ends_at INTO STRICT state
FROM game_dailyrun AS run JOIN game_dailyset AS daily_set ON daily_set.id = run.set_id
WHERE run.id = NEW.run_id;
IF state.finished_at IS NOT NULL THEN
  RAISE EXCEPTION 'This run of a daily challenge is finished.';
END IF;
IF NEW.answered_at < state.started_at OR NEW.answered_at >= state.ends_at THEN
  RAISE EXCEPTION 'A daily challenge is played on its day.';
END IF;
IF NEW.number <> 1 + (SELECT count(*) FROM game_dailyanswer WHERE run_id = NEW.run_id) THEN
  RAISE EXCEPTION 'The questions of a daily challenge are answered in their order.';
END IF;
RETURN NEW;
"""


class DailySet(models.Model):
    """The daily challenge of one business day: the same for all players."""

    day = models.DateField(unique=True)
    # The instants between which it is played, by the business zone of the time it was drawn.
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    drawn_at = models.DateTimeField()

    class Meta:
        verbose_name = "daily challenge"
        permissions = [("plan_dailyset", "Can draw daily challenges ahead and replace questions")]
        constraints = [
            models.CheckConstraint(
                condition=Q(starts_at__lt=F("ends_at")), name="dailyset_starts_before_it_ends"
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"Daily challenge of {dates.day(self.day)}"


class DailyQuestion(models.Model):
    """One of the seven questions of a day, as it is shown to everybody."""

    set = models.ForeignKey(
        DailySet, on_delete=models.PROTECT, related_name="questions", db_index=False
    )
    # From 1.
    number = models.PositiveSmallIntegerField()
    version = models.ForeignKey(QuestionVersion, on_delete=models.PROTECT)
    # What the question had when it was drawn: another one than DAILY_LEVELS asks for if the bank
    # had no other.
    level = models.CharField(max_length=2, choices=Level)
    # order[option index] is the bank's number of the option that is shown there.
    order = ArrayField(models.PositiveSmallIntegerField(), size=OPTIONS)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["set", "number"], name="dailyquestion_number_once"),
            models.CheckConstraint(
                condition=Q(number__gte=1, number__lte=DAILY_LENGTH),
                name="dailyquestion_number_exists",
            ),
            models.CheckConstraint(
                condition=Q(level__in=Level.values), name="dailyquestion_level_is_known"
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="before_the_first_run",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func=ONLY_BEFORE_THE_FIRST_RUN,
            ),
            pgtrigger.Trigger(
                name="not_again",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func=NOT_AGAIN,
            ),
            pgtrigger.ReadOnly(name="slot_is_fixed", fields=["set", "number"]),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"question {self.number} of set {self.set_id}"

    def text_at(self, option_index: int) -> str:
        """Return the option that is shown at `option_index` (0-3)."""
        text: str = self.version.options[self.order[option_index]]
        return text


class DailyRun(models.Model):
    """One player's way through the challenge of a day; without `finished_at` it can be resumed."""

    # The constraint is the index, too.
    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="daily_runs", db_index=False
    )
    set = models.ForeignKey(DailySet, on_delete=models.PROTECT, related_name="runs", db_index=False)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    # Right answers of a finished run.
    score = models.PositiveSmallIntegerField(null=True)

    class Meta:
        indexes = [
            # The runs of a day: how many have done worse, and the distribution of results.
            models.Index(
                fields=["set", "score"],
                include=["started_at", "finished_at"],
                name="dailyrun_results",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["player", "set"], name="dailyrun_one_per_player_and_day"
            ),
            models.CheckConstraint(
                condition=Q(finished_at=None, score=None)
                | Q(
                    finished_at__gte=F("started_at"),
                    finished_at__isnull=False,
                    score__isnull=False,
                    score__lte=DAILY_LENGTH,
                ),
                name="dailyrun_finished_has_score",
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="finished_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__finished_at__isnull=False),
            ),
            pgtrigger.Trigger(
                name="on_its_day",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                declare=[("span", "RECORD")],
                func=RUN_ON_ITS_DAY,
            ),
        ]

    def __str__(self) -> str:
        return f"run {self.pk} of set {self.set_id}"


class DailyAnswer(models.Model):
    """A player's answer to one question of a daily challenge."""

    run = models.ForeignKey(
        DailyRun, on_delete=models.PROTECT, related_name="answers", db_index=False
    )
    # That of the question.
    number = models.PositiveSmallIntegerField()
    # The bank's number of the chosen option.
    choice = models.PositiveSmallIntegerField()
    is_correct = models.BooleanField()
    answered_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="dailyanswer_given_once"),
            models.CheckConstraint(
                condition=Q(number__gte=1, number__lte=DAILY_LENGTH),
                name="dailyanswer_number_exists",
            ),
            models.CheckConstraint(
                condition=Q(choice__lt=OPTIONS), name="dailyanswer_choice_exists"
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="final", operation=pgtrigger.Update),
            pgtrigger.Trigger(
                name="on_its_day",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                declare=[("state", "RECORD")],
                func=ANSWER_ON_ITS_DAY,
            ),
        ]

    def __str__(self) -> str:
        return f"answer {self.number} of run {self.run_id}"

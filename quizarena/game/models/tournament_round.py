"""Rounds of tournaments: what is asked in them, whom each player meets, and the answers."""

import pgtrigger
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from quizarena.game.models.frozen_question import FrozenQuestion, order_of_its_options
from quizarena.game.models.question import OPTIONS, Level
from quizarena.game.models.tournament import Tournament
from quizarena.game.tournament_rules import FORMATS, Outcome, TournamentKind

_CUP = FORMATS[TournamentKind.CUP]

ROUNDS_IN_ORDER = """
SELECT * INTO STRICT tournament FROM game_tournament WHERE id = NEW.tournament_id
FOR NO KEY UPDATE;
IF tournament.state <> 'RUNNING' OR NEW.number > tournament.rounds OR NEW.number <> 1 + (
  SELECT count(ended_at) FROM game_tournamentround WHERE tournament_id = NEW.tournament_id
) THEN
  RAISE EXCEPTION 'The rounds of a tournament follow one another.';
END IF;
RETURN NEW;
"""
QUESTIONS_OF_A_ROUND = """
IF NEW.number > (
  SELECT length FROM game_tournament AS tournament
  JOIN game_tournamentround AS round ON round.tournament_id = tournament.id
  WHERE round.id = NEW.round_id
) THEN
  RAISE EXCEPTION 'A round has as many questions as its tournament says.';
END IF;
RETURN NEW;
"""
# At the end of the transaction, when both rows are there.
BOTH_MEET = """
IF NOT EXISTS (
  SELECT FROM game_tournamentround
  WHERE id = NEW.round_id AND tournament_id = NEW.tournament_id
) OR NOT EXISTS (
  SELECT FROM game_tournamentplayer
  WHERE tournament_id = NEW.tournament_id AND player_id = NEW.player_id
) OR NEW.opponent_id IS NOT NULL AND NOT EXISTS (
  SELECT FROM game_pairing
  WHERE round_id = NEW.round_id AND player_id = NEW.opponent_id AND opponent_id = NEW.player_id
) THEN
  RAISE EXCEPTION 'Players of a tournament meet each other.';
END IF;
RETURN NULL;
"""
ONLY_ANSWERS = """
IF pg_trigger_depth() > 1 THEN
  RETURN NEW;
END IF;
RAISE EXCEPTION 'Answers are counted only by an answer.';
"""
OUTCOME_BY_ANSWERS = """
IF OLD.outcome <> '' THEN
  RAISE EXCEPTION 'An outcome stays.';
END IF;
SELECT * INTO other FROM game_pairing
WHERE round_id = NEW.round_id AND player_id = NEW.opponent_id;
IF NEW.outcome <> (CASE
    WHEN NEW.opponent_id IS NULL THEN 'BYE'
    WHEN NEW.answered = 0 THEN 'LOSS'
    WHEN other.answered = 0 OR NEW.correct > other.correct THEN 'WIN'
    WHEN NEW.correct = other.correct THEN 'DRAW'
    ELSE 'LOSS' END)
THEN
  RAISE EXCEPTION 'An outcome follows from the answers.';
END IF;
RETURN NEW;
"""
# Whoever ends the round meanwhile waits for this lock, or this waits for them.
ANSWERED_IN_TURN = """
SELECT * INTO STRICT own FROM game_pairing WHERE id = NEW.pairing_id FOR NO KEY UPDATE;
SELECT round.deadline, round.ended_at, tournament.length, tournament.state INTO STRICT live
FROM game_tournamentround AS round
JOIN game_tournament AS tournament ON tournament.id = round.tournament_id
WHERE round.id = own.round_id;
IF own.outcome <> '' OR live.ended_at IS NOT NULL OR live.state <> 'RUNNING'
  OR NEW.answered_at >= live.deadline
  OR own.started_at IS NULL OR NEW.shown_at < own.started_at
THEN
  RAISE EXCEPTION 'A round of a tournament is answered in its time.';
END IF;
IF NEW.number <> own.answered + 1 OR NEW.number > live.length THEN
  RAISE EXCEPTION 'The questions of a round are answered in their order.';
END IF;
IF NEW.is_correct <> (
  SELECT version.correct_option_id = NEW.choice
  FROM game_tournamentquestion AS question
  JOIN game_questionversion AS version ON version.id = question.version_id
  WHERE question.round_id = own.round_id AND question.number = NEW.number
) THEN
  RAISE EXCEPTION 'An answer is graded by what was asked.';
END IF;
UPDATE game_pairing
SET answered = NEW.number, correct = correct + NEW.is_correct::int, last_answer_at = NEW.answered_at
WHERE id = NEW.pairing_id;
RETURN NEW;
"""


class TournamentRound(models.Model):
    """One round of a tournament: from when, until when, and when it has really ended."""

    tournament = models.ForeignKey(
        Tournament, on_delete=models.PROTECT, related_name="all_rounds", db_index=False
    )
    # From 1.
    number = models.PositiveSmallIntegerField()
    begins_at = models.DateTimeField()
    deadline = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tournament", "number"], name="tournamentround_number_once"
            ),
            models.UniqueConstraint(
                fields=["tournament"],
                condition=Q(ended_at=None),
                name="tournamentround_one_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(number__gte=1), name="tournamentround_number_from_one"
            ),
            models.CheckConstraint(
                condition=Q(deadline__gte=F("begins_at") + _CUP.round_time),
                name="tournamentround_has_its_time",
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None)
                | Q(ended_at__gte=F("begins_at"), ended_at__lte=F("deadline")),
                name="tournamentround_ends_in_its_time",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="rounds_in_order",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                declare=[("tournament", "RECORD")],
                func=ROUNDS_IN_ORDER,
            ),
            pgtrigger.ReadOnly(
                name="times_stay", fields=["tournament", "number", "begins_at", "deadline"]
            ),
            pgtrigger.Protect(
                name="ended_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__ended_at__isnull=False),
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"round {self.number} of tournament {self.tournament_id}"


class TournamentQuestion(FrozenQuestion):
    """What a round asks, as all see it."""

    round = models.ForeignKey(
        TournamentRound, on_delete=models.PROTECT, related_name="questions", db_index=False
    )
    # From 1.
    number = models.PositiveSmallIntegerField()
    # What the question had when the round began.
    level = models.CharField(max_length=2, choices=Level)

    class Meta:
        constraints = [
            *FrozenQuestion.Meta.constraints,
            models.UniqueConstraint(
                fields=["round", "number"], name="tournamentquestion_number_once"
            ),
            models.CheckConstraint(
                condition=Q(number__gte=1), name="tournamentquestion_number_from_one"
            ),
            models.CheckConstraint(
                condition=Q(level__in=Level.values), name="tournamentquestion_level_is_known"
            ),
        ]
        triggers = [
            order_of_its_options(),
            pgtrigger.Trigger(
                name="questions_of_a_round",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func=QUESTIONS_OF_A_ROUND,
            ),
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"question {self.number} of round {self.round_id}"


class Pairing(models.Model):
    """Whom a player meets in a round, and how it goes for this one of the two.

    Each of the two has a row, which is the lock of their answers; without `opponent` it is a bye,
    in which the questions are answered all the same.
    """

    tournament = models.ForeignKey(
        Tournament, on_delete=models.PROTECT, related_name="pairings", db_index=False
    )
    round = models.ForeignKey(
        TournamentRound, on_delete=models.PROTECT, related_name="pairings", db_index=False
    )
    player = models.ForeignKey("players.Player", on_delete=models.PROTECT)
    opponent = models.ForeignKey(
        "players.Player",
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    # When the first question was shown.
    started_at = models.DateTimeField(null=True)
    # Counted by the database with each answer.
    answered = models.PositiveSmallIntegerField(default=0)
    correct = models.PositiveSmallIntegerField(default=0)
    last_answer_at = models.DateTimeField(null=True)
    # Once the round has ended.
    outcome = models.CharField(
        max_length=4,
        choices=[(outcome.value, outcome.lower()) for outcome in Outcome],
        blank=True,
        default="",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["round", "player"], name="pairing_one_per_round"),
            models.UniqueConstraint(
                fields=["tournament", "player", "opponent"], name="pairing_nobody_meets_twice"
            ),
            models.UniqueConstraint(
                fields=["tournament", "player"],
                condition=Q(opponent=None),
                name="pairing_one_bye_each",
            ),
            models.UniqueConstraint(
                fields=["round"], condition=Q(opponent=None), name="pairing_one_bye_a_round"
            ),
            models.CheckConstraint(
                condition=Q(opponent=None) | ~Q(opponent=F("player")), name="pairing_is_of_two"
            ),
            models.CheckConstraint(
                condition=Q(correct__lte=F("answered")), name="pairing_correct_of_answered"
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["", *(outcome.value for outcome in Outcome)]),
                name="pairing_outcome_is_known",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="both_meet",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                timing=pgtrigger.Deferred,
                func=BOTH_MEET,
            ),
            pgtrigger.Protect(
                name="begins_without_answers",
                operation=pgtrigger.Insert,
                condition=~pgtrigger.Q(new__answered=0)
                | ~pgtrigger.Q(new__correct=0)
                | ~pgtrigger.Q(new__outcome=""),
            ),
            pgtrigger.Trigger(
                name="only_answers",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__answered__df=pgtrigger.F("new__answered"))
                | pgtrigger.Q(old__correct__df=pgtrigger.F("new__correct"))
                | pgtrigger.Q(old__last_answer_at__df=pgtrigger.F("new__last_answer_at")),
                func=ONLY_ANSWERS,
            ),
            pgtrigger.Trigger(
                name="outcome_by_answers",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__outcome__df=pgtrigger.F("new__outcome")),
                declare=[("other", "RECORD")],
                func=OUTCOME_BY_ANSWERS,
            ),
            pgtrigger.Protect(
                name="started_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__started_at__isnull=False)
                & pgtrigger.Q(old__started_at__df=pgtrigger.F("new__started_at")),
            ),
            pgtrigger.ReadOnly(
                name="pair_stays", fields=["tournament", "round", "player", "opponent"]
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"player {self.player_id} in round {self.round_id}"


class TournamentAnswer(models.Model):
    """A player's answer to one question of a round."""

    pairing = models.ForeignKey(
        Pairing, on_delete=models.PROTECT, related_name="answers", db_index=False
    )
    # That of the question.
    number = models.PositiveSmallIntegerField()
    # The bank's number of the chosen option.
    choice = models.PositiveSmallIntegerField()
    is_correct = models.BooleanField()
    # When the player saw the question for the first time, by the server's clock.
    shown_at = models.DateTimeField()
    answered_at = models.DateTimeField()

    class Meta:
        indexes = [
            # The answers of a day.
            BrinIndex(fields=["answered_at"], name="tournamentanswer_by_day"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["pairing", "number"], name="tournamentanswer_given_once"
            ),
            models.CheckConstraint(
                condition=Q(choice__lt=OPTIONS), name="tournamentanswer_choice_exists"
            ),
            models.CheckConstraint(
                condition=Q(answered_at__gte=F("shown_at")),
                name="tournamentanswer_after_its_question",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            pgtrigger.Trigger(
                name="answered_in_turn",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                declare=[("own", "RECORD"), ("live", "RECORD")],
                func=ANSWERED_IN_TURN,
            ),
        ]

    def __str__(self) -> str:
        return f"answer {self.number} of pairing {self.pairing_id}"

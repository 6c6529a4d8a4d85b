"""Tournaments, the daily cup among them: players, rounds, whom each meets, answers, prizes."""

from datetime import datetime
from typing import Self

import pgtrigger
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import IntegerRangeField, RangeOperators
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Func, Q, Value

from economy.goods import Goods, Plan
from quizarena.game.duel_rules import CREATED_PER_DAY, FREE_PER_DAY
from quizarena.game.models.frozen_question import FrozenQuestion, order_of_its_options
from quizarena.game.models.question import OPTIONS, Level
from quizarena.game.tournament_rules import (
    FORMATS,
    LIVE,
    LOBBY_TTL,
    TOURNAMENT_MOVES,
    CallOff,
    Outcome,
    TournamentKind,
    TournamentState,
)

_CUP, _PRIVATE = FORMATS[TournamentKind.CUP], FORMATS[TournamentKind.PRIVATE]
_LIVE = [state.value for state in LIVE]
_OVER = [state.value for state in TournamentState if state not in LIVE]

# Whoever registers meanwhile waits for this lock, and so does whoever starts the tournament.
REGISTERED_IN_TIME = f"""
SELECT * INTO STRICT tournament FROM game_tournament
WHERE id = coalesce(NEW.tournament_id, OLD.tournament_id) FOR NO KEY UPDATE;
IF tournament.state <> 'OPEN' THEN
  RAISE EXCEPTION 'Players come and go until a tournament begins.';
END IF;
IF TG_OP = 'DELETE' THEN
  RETURN OLD;
END IF;
IF NEW.registered_at < tournament.opens_at OR NEW.registered_at >= tournament.closes_at THEN
  RAISE EXCEPTION 'Players register while registration is open.';
END IF;
IF (SELECT count(*) FROM game_tournamentplayer WHERE tournament_id = NEW.tournament_id) >= (CASE
    tournament.kind WHEN 'CUP' THEN {_CUP.players_max} ELSE {_PRIVATE.players_max} END)
THEN
  RAISE EXCEPTION 'A tournament is full.';
END IF;
RETURN NEW;
"""  # noqa: S608 -- the numbers are constants.
STARTS_WITH_ENOUGH = f"""
IF (SELECT count(*) FROM game_tournamentplayer WHERE tournament_id = NEW.id) < (CASE
    NEW.kind WHEN 'CUP' THEN {_CUP.players_min} ELSE {_PRIVATE.players_min} END)
THEN
  RAISE EXCEPTION 'A tournament begins with enough players.';
END IF;
RETURN NEW;
"""  # noqa: S608 -- the numbers are constants.
FINISHED_WITH_ITS_ROUNDS = """
IF NEW.rounds <> (
  SELECT count(ended_at) FROM game_tournamentround WHERE tournament_id = NEW.id
) OR EXISTS (
  SELECT FROM game_tournamentplayer WHERE tournament_id = NEW.id AND place IS NULL
) THEN
  RAISE EXCEPTION 'A tournament is finished with its last round, and everybody has a place.';
END IF;
RETURN NEW;
"""
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


class TournamentPrice(models.TextChoices):
    """What a private tournament has cost its creator; the day's free ones are shared with duels."""

    FREE = "FREE", "one of the day's free ones"
    PREMIUM = "PREMIUM", "Premium"
    TICKET = "TICKET", "a duel ticket"


class TournamentQuerySet(models.QuerySet["Tournament"]):
    """Questions about tournaments."""

    def live(self) -> Self:
        """Return those that are neither finished nor called off."""
        return self.filter(state__in=_LIVE)


class Tournament(models.Model):
    """Players who meet by the Swiss system: the cup of a day, or friends who have a link.

    Everybody answers the same questions in a round, and is compared with whom they meet.
    """

    kind = models.CharField(
        max_length=7, choices=[(kind.value, kind.lower()) for kind in TournamentKind]
    )
    # Of a cup: its business day.
    day = models.DateField(null=True)
    # Of a private one: its link, who has made it with which button, at whose level, and the price.
    # Whoever knows the token may take part, so staff do not see it.
    token = models.CharField(max_length=32, blank=True, default="")
    creator = models.ForeignKey(
        "players.Player",
        null=True,
        on_delete=models.PROTECT,
        related_name="tournaments_created",
        db_index=False,
    )
    creation_key = models.CharField(max_length=64, blank=True, default="")
    level = models.CharField(max_length=2, choices=Level, blank=True, default="")
    price = models.CharField(max_length=7, choices=TournamentPrice, blank=True, default="")
    # The business day on which it was created, and which one of this day it is for its creator,
    # duels included.
    created_on = models.DateField(null=True)
    day_number = models.PositiveSmallIntegerField(null=True)
    created_at = models.DateTimeField()
    # Questions of each round.
    length = models.PositiveSmallIntegerField()
    state = models.CharField(
        max_length=10,
        choices=[(state.value, state.replace("_", " ").lower()) for state in TournamentState],
        default=TournamentState.OPEN.value,
    )
    # From when and until when players register. A cup begins then.
    opens_at = models.DateTimeField()
    closes_at = models.DateTimeField()
    # Known from the start on.
    rounds = models.PositiveSmallIntegerField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    call_off = models.CharField(
        max_length=12,
        choices=[(why.value, why.replace("_", " ").lower()) for why in CallOff],
        blank=True,
        default="",
    )
    # What staff have given as their reason, and who.
    reason = models.CharField(max_length=500, blank=True, default="")
    called_off_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )

    objects = TournamentQuerySet.as_manager()

    class Meta:
        permissions = [("call_off_tournament", "Can call off tournaments")]
        indexes = [
            # What the job looks at.
            models.Index(fields=["id"], condition=Q(state__in=_LIVE), name="tournament_live"),
            # Which cups were played one after the other.
            models.Index(
                fields=["-day"],
                condition=Q(kind="CUP", state="FINISHED"),
                name="tournament_finished_cups",
            ),
            # The admin's filter.
            models.Index(fields=["kind", "state", "-id"], name="tournament_by_state"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["day"], name="tournament_one_cup_a_day"),
            models.UniqueConstraint(
                fields=["token"], condition=~Q(token=""), name="tournament_token_once"
            ),
            models.UniqueConstraint(
                fields=["creator", "creation_key"],
                condition=Q(kind="PRIVATE"),
                name="tournament_one_per_creation_key",
            ),
            models.UniqueConstraint(
                fields=["creator", "created_on", "day_number"],
                condition=Q(kind="PRIVATE"),
                name="tournament_number_of_day_once",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[*_LIVE, *_OVER]), name="tournament_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(
                    kind="CUP",
                    day__isnull=False,
                    creator=None,
                    token="",
                    creation_key="",
                    level="",
                    price="",
                    created_on=None,
                    day_number=None,
                    length__in=_CUP.lengths,
                )
                | Q(
                    ~Q(token=""),
                    ~Q(creation_key=""),
                    kind="PRIVATE",
                    day=None,
                    creator__isnull=False,
                    level__in=Level.values,
                    price__in=TournamentPrice.values,
                    created_on__isnull=False,
                    day_number__isnull=False,
                    length__in=_PRIVATE.lengths,
                ),
                name="tournament_is_of_a_kind",
            ),
            models.CheckConstraint(
                condition=Q(kind="CUP")
                | Q(price="FREE", day_number__gte=1, day_number__lte=FREE_PER_DAY)
                | Q(
                    price__in=["PREMIUM", "TICKET"],
                    day_number__gt=FREE_PER_DAY,
                    day_number__lte=CREATED_PER_DAY,
                ),
                name="tournament_price_by_number_of_day",
            ),
            models.CheckConstraint(
                condition=Q(kind="CUP", closes_at__gt=F("opens_at"))
                | Q(kind="PRIVATE", opens_at=F("created_at"), closes_at=F("opens_at") + LOBBY_TTL),
                name="tournament_registration_has_an_end",
            ),
            models.CheckConstraint(
                condition=Q(state="OPEN", started_at=None, rounds=None, ended_at=None)
                | Q(
                    state="RUNNING",
                    started_at__isnull=False,
                    started_at__gte=F("opens_at"),
                    rounds__isnull=False,
                    rounds__gte=1,
                    ended_at=None,
                )
                | Q(
                    state="FINISHED",
                    started_at__isnull=False,
                    rounds__isnull=False,
                    ended_at__isnull=False,
                    ended_at__gte=F("started_at"),
                )
                | Q(state="CALLED_OFF", ended_at__isnull=False),
                name="tournament_state_by_its_times",
            ),
            models.CheckConstraint(
                condition=Q(~Q(state="CALLED_OFF"), call_off="", reason="", called_off_by=None)
                | Q(
                    state="CALLED_OFF",
                    call_off__in=[why.value for why in CallOff if why is not CallOff.STAFF],
                    reason="",
                    called_off_by=None,
                )
                | Q(
                    ~Q(reason=""),
                    state="CALLED_OFF",
                    call_off="STAFF",
                    called_off_by__isnull=False,
                ),
                name="tournament_called_off_for_a_reason",
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="tournament_moves",
                field="state",
                transitions=[(old.value, new.value) for old, new in TOURNAMENT_MOVES],
            ),
            pgtrigger.Protect(
                name="begins_open",
                operation=pgtrigger.Insert,
                condition=~pgtrigger.Q(new__state=TournamentState.OPEN.value),
            ),
            pgtrigger.Protect(
                name="ended_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__state__in=_OVER),
            ),
            pgtrigger.Trigger(
                name="starts_with_enough",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__state="OPEN", new__state="RUNNING"),
                func=STARTS_WITH_ENOUGH,
            ),
            pgtrigger.Trigger(
                name="finished_with_its_rounds",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(new__state="FINISHED"),
                func=FINISHED_WITH_ITS_ROUNDS,
            ),
            pgtrigger.ReadOnly(
                name="making_stays",
                fields=[
                    "kind", "day", "token", "creator", "creation_key", "level", "price",
                    "created_on", "day_number", "created_at", "length", "opens_at", "closes_at",
                ],
            ),
            pgtrigger.Protect(
                name="start_stays",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__rounds__isnull=False)
                & (
                    pgtrigger.Q(old__rounds__df=pgtrigger.F("new__rounds"))
                    | pgtrigger.Q(old__started_at__df=pgtrigger.F("new__started_at"))
                ),
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
        ]  # fmt: skip

    def __str__(self) -> str:
        if self.day is not None:
            return f"cup of {self.day}"
        return f"tournament {self.pk} ({self.state.lower()})"

    @property
    def is_cup(self) -> bool:
        """Return whether it is the cup of a day."""
        return self.kind == TournamentKind.CUP


class TournamentPlayer(models.Model):
    """Somebody who takes part in a tournament, and the place at its end."""

    tournament = models.ForeignKey(
        Tournament, on_delete=models.PROTECT, related_name="players", db_index=False
    )
    player = models.ForeignKey("players.Player", on_delete=models.PROTECT)
    registered_at = models.DateTimeField()
    place = models.PositiveSmallIntegerField(null=True)
    # What the place has brought, as the ledger names goods, and the entry that has granted it.
    prize = models.JSONField(null=True)
    prize_entry = models.OneToOneField(
        "economy.LedgerEntry", null=True, on_delete=models.PROTECT, related_name="tournament_prize"
    )

    class Meta:
        indexes = [
            # Whose prize has to be granted.
            models.Index(
                fields=["id"],
                condition=Q(prize__isnull=False, prize_entry=None),
                name="tournamentplayer_prize_due",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["tournament", "player"], name="tournamentplayer_registers_once"
            ),
            models.UniqueConstraint(
                fields=["tournament", "place"], name="tournamentplayer_place_once"
            ),
            models.CheckConstraint(
                condition=Q(place=None) | Q(place__gte=1), name="tournamentplayer_place_from_one"
            ),
            models.CheckConstraint(
                condition=Q(prize=None) | Q(place__isnull=False),
                name="tournamentplayer_prize_of_a_place",
            ),
            models.CheckConstraint(
                condition=Q(prize_entry=None) | Q(prize__isnull=False),
                name="tournamentplayer_entry_of_a_prize",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="registered_in_time",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Delete,
                declare=[("tournament", "RECORD")],
                func=REGISTERED_IN_TIME,
            ),
            pgtrigger.ReadOnly(
                name="registration_stays", fields=["tournament", "player", "registered_at"]
            ),
            pgtrigger.Protect(
                name="place_stays",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__place__isnull=False)
                & (
                    pgtrigger.Q(old__place__df=pgtrigger.F("new__place"))
                    | pgtrigger.Q(old__prize__df=pgtrigger.F("new__prize"))
                ),
            ),
            pgtrigger.Protect(
                name="prize_granted_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__prize_entry__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"player {self.player_id} in tournament {self.tournament_id}"


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


class TournamentNoticeKind(models.TextChoices):
    """What a player is sent about a tournament."""

    ROUND = "ROUND", "a round has begun"
    ENDING = "ENDING", "a round ends soon"
    RESULT = "RESULT", "how it has ended"
    CALLED_OFF = "CALLED_OFF", "called off"


class TournamentNoticeQuerySet(models.QuerySet["TournamentNotice"]):
    """Questions about notices."""

    def undelivered(self, now: datetime, *, kind: TournamentKind) -> Self:
        """Return those of one kind of tournament whose time has come, in the order of sending."""
        due = self.filter(notified_at=None, due_at__lte=now, tournament__kind=kind)
        return due.order_by("due_at", "pk")


class TournamentNotice(models.Model):
    """A message about a tournament that a player is to get, once of each kind and round."""

    tournament = models.ForeignKey(
        Tournament, on_delete=models.PROTECT, related_name="notices", db_index=False
    )
    player = models.ForeignKey("players.Player", on_delete=models.PROTECT)
    kind = models.CharField(max_length=10, choices=TournamentNoticeKind)
    # 0 where it is about the whole tournament.
    round_number = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    # Sent, or out of date when its time came.
    notified_at = models.DateTimeField(null=True)

    objects = TournamentNoticeQuerySet.as_manager()

    class Meta:
        indexes = [
            # Whom to notify now.
            models.Index(
                fields=["due_at"],
                condition=Q(notified_at=None),
                name="tournamentnotice_undelivered",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["tournament", "player", "kind", "round_number"],
                name="tournamentnotice_one_of_a_kind",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=TournamentNoticeKind.values),
                name="tournamentnotice_kind_is_known",
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="notified_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__notified_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of tournament {self.tournament_id}"


class CupPrize(models.Model):
    """What the places of a cup bring, beside the badges; set by operators."""

    place_from = models.PositiveSmallIntegerField()
    place_to = models.PositiveSmallIntegerField()
    paid_energy = models.PositiveSmallIntegerField(default=0)
    streak_savers = models.PositiveSmallIntegerField(default=0)
    duel_tickets = models.PositiveSmallIntegerField(default=0)
    # Of the lowest plan.
    premium_days = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ("place_from",)
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    place_from__gte=1,
                    place_to__gte=F("place_from"),
                    place_to__lte=_CUP.players_max,
                ),
                name="cupprize_places_of_a_cup",
                violation_error_message=f"Places are 1 to {_CUP.players_max}, the first one first.",
            ),
            models.CheckConstraint(
                condition=Q(paid_energy__gt=0)
                | Q(streak_savers__gt=0)
                | Q(duel_tickets__gt=0)
                | Q(premium_days__gt=0),
                name="cupprize_contains_something",
                violation_error_message="A prize must contain at least one item.",
            ),
            models.CheckConstraint(
                condition=Q(
                    paid_energy__lte=100,
                    streak_savers__lte=5,
                    duel_tickets__lte=10,
                    premium_days__lte=30,
                ),
                name="cupprize_is_bounded",
                violation_error_message=(
                    "At most 100 energy, 5 streak savers, 10 duel tickets and 30 days of Premium."
                ),
            ),
            ExclusionConstraint(
                expressions=[
                    (
                        Func(
                            F("place_from"),
                            F("place_to"),
                            Value("[]"),
                            function="int4range",
                            output_field=IntegerRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    )
                ],
                name="cupprize_one_per_place",
                violation_error_message="One of these places has a prize already.",
            ),
        ]

    def __str__(self) -> str:
        if self.place_from == self.place_to:
            return f"place {self.place_from}"
        return f"places {self.place_from} to {self.place_to}"

    @property
    def goods(self) -> Goods:
        """Return what it delivers."""
        return Goods(
            paid_energy=self.paid_energy,
            streak_savers=self.streak_savers,
            duel_tickets=self.duel_tickets,
            premium=Plan.STARTER if self.premium_days else None,
            premium_days=self.premium_days,
        )


class BadgeKind(models.TextChoices):
    """What a player can show."""

    CUP_FIRST = "CUP_FIRST", "first in a cup"
    CUP_SECOND = "CUP_SECOND", "second in a cup"
    CUP_THIRD = "CUP_THIRD", "third in a cup"
    CUPS_IN_A_ROW = "CUPS_IN_A_ROW", "five cups in a row"


class Badge(models.Model):
    """Something that a player has reached in a cup: one of each place, the row of five once."""

    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="badges", db_index=False
    )
    kind = models.CharField(max_length=13, choices=BadgeKind)
    tournament = models.ForeignKey(Tournament, on_delete=models.PROTECT, related_name="badges")
    awarded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["player", "kind", "tournament"], name="badge_once_per_tournament"
            ),
            models.UniqueConstraint(
                fields=["tournament", "kind"],
                condition=~Q(kind="CUPS_IN_A_ROW"),
                name="badge_of_a_place_once",
            ),
            models.UniqueConstraint(
                fields=["player"], condition=Q(kind="CUPS_IN_A_ROW"), name="badge_of_a_row_once"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=BadgeKind.values), name="badge_kind_is_known"
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of player {self.player_id}"

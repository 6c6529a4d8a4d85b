"""Duels: two players, the same frozen questions, and who has won."""

from datetime import datetime
from typing import Self

import pgtrigger
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from quizarena.game.duel_rules import (
    ACCEPT_WITHIN,
    CREATED_PER_DAY,
    DUEL_MOVES,
    FREE_PER_DAY,
    LENGTHS,
    LIVE,
    PLAY_WITHIN,
    SERIES_LENGTH,
    DuelResult,
    DuelState,
)
from quizarena.game.models.frozen_question import FrozenQuestion, order_of_its_options
from quizarena.game.models.question import OPTIONS, Level

# Ended, and not by being expired or canceled before anybody has accepted.
_PLAYED = [DuelState.COMPLETED.value, DuelState.WALKOVER.value]
_LIVE = [state.value for state in LIVE]
_ENDED = [state.value for state in DuelState if state not in LIVE]

# Who takes part, and until when, is decided by the acceptance; who has begun stays so.
ACCEPTED_ONCE = """
IF (NEW.opponent_id, NEW.accepted_at, NEW.deadline)
  IS DISTINCT FROM (OLD.opponent_id, OLD.accepted_at, OLD.deadline)
  AND (OLD.state <> 'PENDING' OR NEW.state <> 'ACCEPTED'
       OR OLD.opponent_id IS DISTINCT FROM NEW.opponent_id AND OLD.opponent_id IS NOT NULL)
THEN
  RAISE EXCEPTION 'A duel is accepted once, and by whom it is for.';
END IF;
IF OLD.creator_started_at IS DISTINCT FROM NEW.creator_started_at
    AND OLD.creator_started_at IS NOT NULL
  OR OLD.opponent_started_at IS DISTINCT FROM NEW.opponent_started_at
    AND OLD.opponent_started_at IS NOT NULL
THEN
  RAISE EXCEPTION 'A player of a duel begins once.';
END IF;
RETURN NEW;
"""
# The scores count the answers, and the state says who has given all of them.
ENDED_BY_ITS_ANSWERS = """
SELECT count(*) FILTER (WHERE player_id = NEW.creator_id) = NEW.length AS creator_finished,
       count(*) FILTER (WHERE player_id = NEW.opponent_id) = NEW.length AS opponent_finished,
       count(*) FILTER (WHERE player_id = NEW.creator_id AND is_correct) AS creator_score,
       count(*) FILTER (WHERE player_id = NEW.opponent_id AND is_correct) AS opponent_score,
       max(answered_at) AS last_at
INTO counted FROM game_duelanswer WHERE duel_id = NEW.id;
IF NEW.state <> (CASE
    WHEN counted.creator_finished AND counted.opponent_finished THEN 'COMPLETED'
    WHEN counted.creator_finished OR counted.opponent_finished THEN 'WALKOVER'
    ELSE 'EXPIRED' END)
  OR NEW.state = 'WALKOVER'
    AND NEW.result <> (CASE WHEN counted.creator_finished THEN 'CREATOR' ELSE 'OPPONENT' END)
THEN
  RAISE EXCEPTION 'A duel ends by its answers.';
END IF;
IF NEW.creator_score <> counted.creator_score OR NEW.opponent_score <> counted.opponent_score THEN
  RAISE EXCEPTION 'The scores of a duel count its answers.';
END IF;
IF NEW.state = 'COMPLETED' AND NEW.ended_at <> counted.last_at THEN
  RAISE EXCEPTION 'A completed duel ends with its last answer.';
END IF;
RETURN NEW;
"""
# Whoever ends the duel meanwhile waits for this lock, or this waits for them.
ANSWERED_IN_TURN = """
SELECT * INTO STRICT duel FROM game_duel WHERE id = NEW.duel_id FOR NO KEY UPDATE;
IF NOT (NEW.player_id = duel.creator_id AND duel.state IN ('PENDING', 'ACCEPTED')
        OR NEW.player_id = duel.opponent_id AND duel.state = 'ACCEPTED') THEN
  RAISE EXCEPTION 'A duel is answered by its players, while it is live.';
END IF;
IF NEW.answered_at >= duel.deadline OR NEW.shown_at < duel.created_at THEN
  RAISE EXCEPTION 'A duel is answered in its time.';
END IF;
IF NEW.number > duel.length OR NEW.number <> 1 + (
  SELECT count(*) FROM game_duelanswer WHERE duel_id = NEW.duel_id AND player_id = NEW.player_id
) THEN
  RAISE EXCEPTION 'The questions of a duel are answered in their order.';
END IF;
IF NEW.is_correct <> (
  SELECT version.correct_option_id = NEW.choice
  FROM game_duelquestion AS question
  JOIN game_questionversion AS version ON version.id = question.version_id
  WHERE question.duel_id = NEW.duel_id AND question.number = NEW.number
) THEN
  RAISE EXCEPTION 'An answer is graded by what was asked.';
END IF;
RETURN NEW;
"""
ONE_FOR_EACH_ROUND = """
IF NEW.number > (SELECT length FROM game_duel WHERE id = NEW.duel_id) THEN
  RAISE EXCEPTION 'A duel has as many questions as rounds.';
END IF;
RETURN NEW;
"""


class DuelPrice(models.TextChoices):
    """What a duel has cost its creator. The last duel of a best of three belongs to the others."""

    FREE = "FREE", "one of the day's free ones"
    PREMIUM = "PREMIUM", "Premium"
    TICKET = "TICKET", "a duel ticket"
    SERIES = "SERIES", "nothing: decides a best of three"


class DuelQuerySet(models.QuerySet["Duel"]):
    """Questions about duels."""

    def live(self) -> Self:
        """Return those that have not ended."""
        return self.filter(state__in=_LIVE)

    def of(self, player_id: int) -> Self:
        """Return those in which a player takes part, or is asked to."""
        return self.filter(Q(creator=player_id) | Q(opponent=player_id))

    def due(self, now: datetime) -> Self:
        """Return those whose time has passed and that nobody has ended yet."""
        return self.live().filter(deadline__lte=now)


class Duel(models.Model):
    """Two players answer the same questions; whoever has more right ones wins.

    Without `opponent` it waits for whoever has its link, or, if `is_open`, for whoever comes.
    """

    # Of its link. Whoever knows it may take part, so staff do not see it.
    token = models.CharField(max_length=32, unique=True)
    creator = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="duels_created", db_index=False
    )
    # Of a rematch from the beginning, else from the acceptance.
    opponent = models.ForeignKey(
        "players.Player",
        null=True,
        on_delete=models.PROTECT,
        related_name="duels_taken",
        db_index=False,
    )
    length = models.PositiveSmallIntegerField()
    is_open = models.BooleanField(default=False)
    level = models.CharField(max_length=2, choices=Level)
    state = models.CharField(
        max_length=9,
        choices=[(state.value, state.lower()) for state in DuelState],
        default=DuelState.PENDING.value,
    )
    # The button that made it: tapped twice, it makes one duel.
    creation_key = models.CharField(max_length=64)
    # The same of the button with which its opponent has found it, if it is open.
    acceptance_key = models.CharField(max_length=64, blank=True, default="")
    price = models.CharField(max_length=7, choices=DuelPrice)
    # The business day on which it was created, and which one of this day it is for its creator.
    created_on = models.DateField()
    day_number = models.PositiveSmallIntegerField(null=True)
    created_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    # When the first question was shown to each.
    creator_started_at = models.DateTimeField(null=True)
    opponent_started_at = models.DateTimeField(null=True)
    # From then on nobody can accept it, or answer.
    deadline = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    result = models.CharField(
        max_length=8,
        blank=True,
        default="",
        choices=[(result.value, result.lower()) for result in DuelResult],
    )
    # Right answers; of what was played to an end, or won by walkover.
    creator_score = models.PositiveSmallIntegerField(null=True)
    opponent_score = models.PositiveSmallIntegerField(null=True)
    # The duel after which this one was asked for.
    rematch_of = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="rematches", db_index=False
    )
    # The first duel of a best of three, and which of its duels this one is.
    series = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="games", db_index=False
    )
    game = models.PositiveSmallIntegerField(null=True)

    objects = DuelQuerySet.as_manager()

    class Meta:
        indexes = [
            # A player's duels, the latest first, and how many are live.
            models.Index(fields=["creator", "-id"], name="duel_of_creator"),
            models.Index(
                fields=["opponent", "-id"],
                condition=Q(opponent__isnull=False),
                name="duel_of_opponent",
            ),
            # The admin's filter.
            models.Index(fields=["state", "-id"], name="duel_by_state"),
            # The duels of a best of three.
            models.Index(
                fields=["series"], condition=Q(series__isnull=False), name="duel_of_series"
            ),
            # What has to be ended.
            models.Index(
                fields=["deadline"], condition=Q(state__in=_LIVE), name="duel_live_by_deadline"
            ),
            # Which open duel somebody can take.
            models.Index(
                fields=["length", "id"],
                condition=Q(state="PENDING", is_open=True),
                name="duel_open",
            ),
            # The duels that have ended in a week.
            BrinIndex(fields=["ended_at"], name="duel_by_end"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["creator", "creation_key"], name="duel_one_per_creation_key"
            ),
            models.UniqueConstraint(
                fields=["opponent", "acceptance_key"],
                condition=~Q(acceptance_key=""),
                name="duel_one_per_acceptance_key",
            ),
            models.UniqueConstraint(
                fields=["creator"],
                condition=Q(state="PENDING", is_open=True),
                name="duel_one_open_per_creator",
            ),
            models.UniqueConstraint(
                fields=["creator", "created_on", "day_number"], name="duel_number_of_day_once"
            ),
            models.UniqueConstraint(
                fields=["rematch_of"],
                condition=~Q(state__in=["EXPIRED", "CANCELED"]),
                name="duel_one_rematch",
            ),
            models.CheckConstraint(condition=Q(length__in=LENGTHS), name="duel_length_is_known"),
            models.CheckConstraint(condition=Q(level__in=Level.values), name="duel_level_is_known"),
            models.CheckConstraint(
                condition=Q(state__in=[*_LIVE, *_ENDED]), name="duel_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(opponent=None) | ~Q(opponent=F("creator")), name="duel_is_of_two"
            ),
            models.CheckConstraint(
                condition=Q(
                    price="FREE",
                    day_number__isnull=False,
                    day_number__gte=1,
                    day_number__lte=FREE_PER_DAY,
                )
                | Q(
                    price__in=["PREMIUM", "TICKET"],
                    day_number__isnull=False,
                    day_number__gt=FREE_PER_DAY,
                    day_number__lte=CREATED_PER_DAY,
                )
                | Q(price="SERIES", day_number=None, game__isnull=False, game=SERIES_LENGTH),
                name="duel_price_by_number_of_day",
            ),
            models.CheckConstraint(
                condition=Q(accepted_at=None, deadline=F("created_at") + ACCEPT_WITHIN)
                | Q(
                    opponent__isnull=False,
                    accepted_at__isnull=False,
                    accepted_at__gte=F("created_at"),
                    accepted_at__lt=F("created_at") + ACCEPT_WITHIN,
                    deadline=F("accepted_at") + PLAY_WITHIN,
                ),
                name="duel_has_6_hours_then_48",
            ),
            models.CheckConstraint(
                condition=Q(state="PENDING", accepted_at=None, ended_at=None)
                | Q(state="ACCEPTED", accepted_at__isnull=False, ended_at=None)
                | Q(
                    state="COMPLETED",
                    accepted_at__isnull=False,
                    ended_at__gte=F("accepted_at"),
                    ended_at__lt=F("deadline"),
                    ended_at__isnull=False,
                )
                | Q(
                    state="WALKOVER",
                    accepted_at__isnull=False,
                    ended_at__isnull=False,
                    ended_at=F("deadline"),
                )
                | Q(state="EXPIRED", ended_at__isnull=False, ended_at=F("deadline"))
                | Q(
                    state="CANCELED",
                    accepted_at=None,
                    ended_at__lt=F("deadline"),
                    ended_at__isnull=False,
                ),
                name="duel_state_by_its_times",
            ),
            models.CheckConstraint(
                condition=Q(
                    ~Q(state__in=_PLAYED), result="", creator_score=None, opponent_score=None
                )
                | Q(
                    state__in=_PLAYED,
                    creator_score__lte=F("length"),
                    opponent_score__lte=F("length"),
                    creator_score__isnull=False,
                    opponent_score__isnull=False,
                ),
                name="duel_scores_of_what_was_played",
            ),
            models.CheckConstraint(
                condition=Q(~Q(state__in=_PLAYED), result="")
                | Q(state="WALKOVER", result__in=["CREATOR", "OPPONENT"])
                | Q(state="COMPLETED", result="CREATOR", creator_score__gt=F("opponent_score"))
                | Q(state="COMPLETED", result="OPPONENT", creator_score__lt=F("opponent_score"))
                | Q(state="COMPLETED", result="DRAW", creator_score=F("opponent_score")),
                name="duel_more_right_answers_win",
            ),
            models.CheckConstraint(
                condition=Q(is_open=False) | Q(rematch_of=None), name="duel_rematch_is_not_open"
            ),
            models.CheckConstraint(
                condition=Q(rematch_of=None) | Q(opponent__isnull=False),
                name="duel_rematch_has_opponent",
            ),
            models.CheckConstraint(
                condition=Q(series=None, game=None)
                | Q(
                    series__isnull=False,
                    rematch_of__isnull=False,
                    game__isnull=False,
                    game__gte=2,
                    game__lte=SERIES_LENGTH,
                ),
                name="duel_series_has_three_games",
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="duel_moves",
                field="state",
                transitions=[(old.value, new.value) for old, new in DUEL_MOVES],
            ),
            pgtrigger.Protect(
                name="begins_pending",
                operation=pgtrigger.Insert,
                condition=~pgtrigger.Q(new__state=DuelState.PENDING.value),
            ),
            pgtrigger.Protect(
                name="ended_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__state__in=_ENDED),
            ),
            pgtrigger.Trigger(
                name="accepted_once",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func=ACCEPTED_ONCE,
            ),
            pgtrigger.Trigger(
                name="ended_by_its_answers",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__state="ACCEPTED") & ~pgtrigger.Q(new__state="ACCEPTED"),
                declare=[("counted", "RECORD")],
                func=ENDED_BY_ITS_ANSWERS,
            ),
            pgtrigger.ReadOnly(
                name="making_stays",
                fields=[
                    "token", "creator", "length", "is_open", "level", "creation_key", "price",
                    "created_on", "day_number", "created_at", "rematch_of", "series", "game",
                ],
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"duel {self.pk} ({self.state.lower()})"

    @property
    def is_live(self) -> bool:
        """Return whether it has not ended."""
        return self.state in LIVE

    def other(self, player_id: int) -> int | None:
        """Return who plays against one of the two; None if there is nobody yet."""
        return self.opponent_id if player_id == self.creator_id else self.creator_id

    @property
    def winner_id(self) -> int | None:
        """Return who has won; None of a draw and of what nobody has won."""
        if self.result == DuelResult.CREATOR:
            return self.creator_id
        return self.opponent_id if self.result == DuelResult.OPPONENT else None


class DuelQuestion(FrozenQuestion):
    """What a round of a duel asks, as both see it."""

    duel = models.ForeignKey(
        Duel, on_delete=models.PROTECT, related_name="questions", db_index=False
    )
    # From 1.
    number = models.PositiveSmallIntegerField()
    # What the question had when the duel was made.
    level = models.CharField(max_length=2, choices=Level)

    class Meta:
        constraints = [
            *FrozenQuestion.Meta.constraints,
            models.UniqueConstraint(fields=["duel", "number"], name="duelquestion_number_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="duelquestion_number_from_one"),
            models.CheckConstraint(
                condition=Q(level__in=Level.values), name="duelquestion_level_is_known"
            ),
        ]
        triggers = [
            order_of_its_options(),
            pgtrigger.Trigger(
                name="one_for_each_round",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func=ONE_FOR_EACH_ROUND,
            ),
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"question {self.number} of duel {self.duel_id}"


class DuelAnswer(models.Model):
    """A player's answer to one question of a duel."""

    duel = models.ForeignKey(Duel, on_delete=models.PROTECT, related_name="answers", db_index=False)
    player = models.ForeignKey("players.Player", on_delete=models.PROTECT)
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
            BrinIndex(fields=["answered_at"], name="duelanswer_by_day"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["duel", "player", "number"], name="duelanswer_given_once"
            ),
            models.CheckConstraint(
                condition=Q(choice__lt=OPTIONS), name="duelanswer_choice_exists"
            ),
            models.CheckConstraint(
                condition=Q(answered_at__gte=F("shown_at")), name="duelanswer_after_its_question"
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            pgtrigger.Trigger(
                name="answered_in_turn",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                declare=[("duel", "RECORD")],
                func=ANSWERED_IN_TURN,
            ),
        ]

    def __str__(self) -> str:
        return f"answer {self.number} of duel {self.duel_id}"


class DuelNoticeKind(models.TextChoices):
    """What a player is sent about a duel: two messages at most, and the result."""

    TURN = "TURN", "accepted, or your turn"
    ENDING = "ENDING", "ends soon"
    RESULT = "RESULT", "how it has ended"


class DuelNoticeQuerySet(models.QuerySet["DuelNotice"]):
    """Questions about notices."""

    def undelivered(self, now: datetime) -> Self:
        """Return those whose time has come, in the order of sending."""
        return self.filter(notified_at=None, due_at__lte=now).order_by("due_at", "pk")


class DuelNotice(models.Model):
    """A message about a duel that a player is to get, once of each kind."""

    duel = models.ForeignKey(Duel, on_delete=models.PROTECT, related_name="notices", db_index=False)
    player = models.ForeignKey("players.Player", on_delete=models.PROTECT)
    kind = models.CharField(max_length=6, choices=DuelNoticeKind)
    due_at = models.DateTimeField()
    # Sent, or out of date when its time came.
    notified_at = models.DateTimeField(null=True)

    objects = DuelNoticeQuerySet.as_manager()

    class Meta:
        indexes = [
            # Whom to notify now.
            models.Index(
                fields=["due_at"], condition=Q(notified_at=None), name="duelnotice_undelivered"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["duel", "player", "kind"], name="duelnotice_one_of_a_kind"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=DuelNoticeKind.values), name="duelnotice_kind_is_known"
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
        return f"{self.kind} of duel {self.duel_id}"

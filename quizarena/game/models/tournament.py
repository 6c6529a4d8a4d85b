"""Tournaments, the daily cup among them, who takes part, and what they are sent of it."""

from datetime import datetime
from typing import Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from quizarena.game.duel_rules import CREATED_PER_DAY, FREE_PER_DAY
from quizarena.game.models.question import Level
from quizarena.game.tournament_rules import (
    FORMATS,
    LIVE,
    LOBBY_TTL,
    TOURNAMENT_MOVES,
    CallOff,
    Format,
    TournamentKind,
    TournamentState,
)
from quizarena.staff import dates

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
            return f"cup of {dates.day(self.day)}"
        return f"tournament {self.pk} ({self.state.lower()})"

    @property
    def format(self) -> Format:
        """The numbers of its kind."""
        return FORMATS[TournamentKind(self.kind)]

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

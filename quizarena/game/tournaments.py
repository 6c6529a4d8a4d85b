"""The life of a tournament: players register, it begins, its rounds follow one another, it ends.

Cups and private tournaments differ in numbers (tournament_rules.py) and in who begins them: a cup
its clock (cups.py), a private one its creator (private_tournaments.py). How one is played stands in
tournament_play.py.

Whatever happens next is one step of one transaction under the tournament's lock, and follows from
what is stored and the time: `advance`. The job, a player's look and the last answer of a round all
come there, so a job that comes late, twice, or dies between two steps changes nothing. Section 11.
"""

import random
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import BigIntegerField, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from economy import grants, tickets
from economy.goods import Goods
from economy.models import EntryType, LedgerEntry, Source
from quizarena import sweeps
from quizarena.game import bank, swiss, tournament_rules, tournament_standings
from quizarena.game.errors import (
    NoTournamentError,
    RegistrationClosedError,
    TooFewPlayersError,
    TooFewTournamentQuestionsError,
    TournamentFullError,
    TournamentOverError,
)
from quizarena.game.models import (
    CHOICES,
    DAILY_LEVELS,
    Badge,
    BadgeKind,
    CupPrize,
    Pairing,
    Tournament,
    TournamentNotice,
    TournamentNoticeKind,
    TournamentPlayer,
    TournamentPrice,
    TournamentQuestion,
    TournamentRound,
)
from quizarena.game.tournament_rules import (
    CUPS_IN_A_ROW,
    LIVE,
    POINTS,
    REMIND_BEFORE,
    CallOff,
    Outcome,
    Side,
    TournamentKind,
    TournamentState,
)
from quizarena.players.models import Player
from quizarena.prepared import prepared
from quizarena.staff import audit, reasons

# A question that a player has had in a tournament is asked again after so long, unless there is no
# other.
NOT_AGAIN_FOR = timedelta(days=30)
# Tournaments and prizes are looked for so many at a time.
BATCH = 100
ID_MAX = BigIntegerField.MAX_BIGINT
# The badge of each of the first places.
BADGES = {1: BadgeKind.CUP_FIRST, 2: BadgeKind.CUP_SECOND, 3: BadgeKind.CUP_THIRD}

log = structlog.get_logger(__name__)


# --- Registration ---------------------------------------------------------------------------------


def register(tournament: Tournament, *, player: Player, now: datetime) -> TournamentPlayer:
    """Let the player take part in a tournament, which is locked; a second time is the same.

    Raises RegistrationClosedError and TournamentFullError.
    """
    registered = TournamentPlayer.objects.filter(tournament=tournament, player=player).first()
    if registered is not None:
        return registered
    _refuse_if_closed(tournament, now=now)
    limit = tournament.format.players_max
    if tournament.players.count() >= limit:
        raise TournamentFullError(limit=limit)
    return TournamentPlayer.objects.create(
        tournament=tournament,
        player=player,
        # Of two who look at the clock at once the first may come last.
        registered_at=max(now, tournament.opens_at),
    )


def leave(tournament: Tournament, *, player: Player, now: datetime) -> None:
    """Let the player not take part after all; the tournament is locked. A second time is the same.

    Raises RegistrationClosedError once it has begun.
    """
    _refuse_if_closed(tournament, now=now)
    TournamentPlayer.objects.filter(tournament=tournament, player=player).delete()


def _refuse_if_closed(tournament: Tournament, *, now: datetime) -> None:
    if tournament.state != TournamentState.OPEN or now >= tournament.closes_at:
        raise RegistrationClosedError(tournament)


# --- One step -------------------------------------------------------------------------------------


def advance(tournament: Tournament, *, now: datetime) -> bool:
    """Take the one step that is due in a tournament, which is locked; return whether one was.

    It begins or is called off when registration is over; a round ends when its time is over or all
    have answered everything, and with that the next one begins or the tournament is finished.
    """
    # Pairings are locked for a step alone: whoever has all of them keeps everybody waiting.
    if not is_due(tournament.pk, now=now):
        return False
    match TournamentState(tournament.state):
        case TournamentState.OPEN if now >= tournament.closes_at:
            _close_registration(tournament, now=now)
        case TournamentState.RUNNING:
            current = _open_round(tournament)
            pairings = _lock_pairings(current)
            if not _is_over(tournament, current, pairings, now=now):
                return False
            _end_round(tournament, current, pairings)
            if current.number < (tournament.rounds or 0):
                _follow(tournament, current, now=now)
            else:
                _finish(tournament, current)
        case _:
            return False
    return True


def _follow(tournament: Tournament, ended: TournamentRound, *, now: datetime) -> None:
    """Begin the round after one that has ended."""
    try:
        drawn = _draw(tournament, now=now)
    except TooFewTournamentQuestionsError:
        _call_off_without_questions(tournament, now=now)
        return
    _begin_round(tournament, ended.number + 1, drawn=drawn, now=now)


def _close_registration(tournament: Tournament, *, now: datetime) -> None:
    if not tournament.is_cup:
        _call_off(tournament, CallOff.NOT_STARTED, now=tournament.closes_at)
        return
    try:
        start(tournament, now=now)
    except TooFewPlayersError:
        _call_off(tournament, CallOff.TOO_FEW, now=now)
    except TooFewTournamentQuestionsError:
        _call_off_without_questions(tournament, now=now)


def _call_off_without_questions(tournament: Tournament, *, now: datetime) -> None:
    log.error("tournament.too_few_questions", tournament=tournament.pk)
    _call_off(tournament, CallOff.NO_QUESTIONS, now=now)


def start(tournament: Tournament, *, now: datetime) -> None:
    """Begin the first round of a tournament, which is open and locked.

    Raises TooFewPlayersError and TooFewTournamentQuestionsError.
    """
    players = tournament.players.count()
    needed = tournament.format.players_min
    if players < needed:
        raise TooFewPlayersError(players=players, needed=needed)
    drawn = _draw(tournament, now=now)
    tournament.state = TournamentState.RUNNING
    tournament.started_at = max(now, tournament.opens_at)
    tournament.rounds = tournament_rules.rounds_for(
        TournamentKind(tournament.kind), players=players
    )
    tournament.save(update_fields=["state", "started_at", "rounds"])
    _begin_round(tournament, 1, drawn=drawn, now=tournament.started_at)


def _is_over(
    tournament: Tournament,
    current: TournamentRound,
    pairings: Sequence[Pairing],
    *,
    now: datetime,
) -> bool:
    have_finished = all(pairing.answered >= tournament.length for pairing in pairings)
    return have_finished or now >= current.deadline


def _end_round(
    tournament: Tournament, current: TournamentRound, pairings: Sequence[Pairing]
) -> None:
    """Store how a round, whose pairings are locked, has gone for everybody."""
    by_player = {pairing.player_id: pairing for pairing in pairings}

    def side(player_id: int) -> Side:
        pairing = by_player[player_id]
        return Side(answered=pairing.answered, correct=pairing.correct)

    for pairing in pairings:
        other = None if pairing.opponent_id is None else side(pairing.opponent_id)
        pairing.outcome = tournament_rules.outcome(side(pairing.player_id), other)
    Pairing.objects.bulk_update(pairings, ["outcome"])
    have_finished = all(pairing.answered >= tournament.length for pairing in pairings)
    last = max(
        (pairing.last_answer_at for pairing in pairings if pairing.last_answer_at), default=None
    )
    # Whoever stores this, and when, stores the same.
    current.ended_at = last if have_finished and last else current.deadline
    current.save(update_fields=["ended_at"])


def _begin_round(
    tournament: Tournament, number: int, *, drawn: Sequence[tuple[int, str, int]], now: datetime
) -> None:
    """Store a round with its questions and who meets whom, and leave word for all of them."""
    assert tournament.started_at is not None
    begun = TournamentRound.objects.create(
        tournament=tournament,
        number=number,
        begins_at=now,
        deadline=tournament_rules.deadline(
            TournamentKind(tournament.kind),
            starts_at=tournament.closes_at if tournament.is_cup else tournament.started_at,
            number=number,
            begins_at=now,
        ),
    )
    TournamentQuestion.objects.bulk_create(
        TournamentQuestion(
            round=begun,
            number=position,
            version_id=version_id,
            level=level,
            order=bank.shuffled(options),
        )
        for position, (version_id, level, options) in enumerate(drawn, 1)
    )
    pairs = _pairs(tournament, is_first=number == 1)
    both = [*pairs, *((other, one) for one, other in pairs if other is not None)]
    Pairing.objects.bulk_create(
        Pairing(tournament=tournament, round=begun, player_id=one, opponent_id=other)
        for one, other in both
    )
    player_ids = [one for one, _ in both]
    kind = TournamentNoticeKind
    _notify(tournament, kind.ROUND, player_ids, due_at=now, round_number=number)
    if not tournament.is_cup:
        ending = begun.deadline - REMIND_BEFORE
        _notify(tournament, kind.ENDING, player_ids, due_at=ending, round_number=number)


def _pairs(tournament: Tournament, *, is_first: bool) -> list[swiss.Pair]:
    """Return who meets whom next. In the first round all are equal, and it is drawn."""
    pairings = list(Pairing.objects.filter(tournament=tournament))
    standings = tournament_standings.standings_of(tournament, pairings=pairings)
    ordered = [standing.score.player_id for standing in standings]
    rng = random.Random()
    if is_first:
        rng.shuffle(ordered)
    points = dict.fromkeys(ordered, 0)
    for pairing in pairings:
        points[pairing.player_id] += POINTS[Outcome(pairing.outcome)]
    return swiss.pair(
        ordered,
        points=points,
        met={
            frozenset((one.player_id, one.opponent_id))
            for one in pairings
            if one.opponent_id is not None
        },
        had_bye={one.player_id for one in pairings if one.opponent_id is None},
        rng=rng,
    )


# What a daily challenge of today or later asks is not given away.
_DRAW = """
WITH had AS (
  SELECT version.question_id, bool_or(round.tournament_id = %(tournament)s) AS is_own
  FROM game_tournamentround AS round
  JOIN game_tournamentquestion AS asked ON asked.round_id = round.id
  JOIN game_questionversion AS version ON version.id = asked.version_id
  WHERE round.begins_at > %(since)s AND EXISTS (
    SELECT FROM game_pairing AS pairing
    JOIN game_tournamentplayer AS own
      ON own.player_id = pairing.player_id AND own.tournament_id = %(tournament)s
    WHERE pairing.round_id = round.id
  )
  GROUP BY version.question_id
), daily AS (
  SELECT version.question_id
  FROM game_dailyset AS daily_set
  JOIN game_dailyquestion AS asked ON asked.set_id = daily_set.id
  JOIN game_questionversion AS version ON version.id = asked.version_id
  WHERE daily_set.ends_at > %(now)s
)
SELECT id, level, options FROM (
  SELECT version.id, question.level, cardinality(version.options) AS options, had.is_own,
    row_number() OVER (
      PARTITION BY question.level ORDER BY had.is_own NULLS FIRST, random()
    ) AS position
  FROM game_question AS question
  JOIN game_questionversion AS version
    ON version.question_id = question.id AND version.number = question.version
  LEFT JOIN had ON had.question_id = question.id
  WHERE question.is_enabled AND question.category <> 'DAILY_CHALLENGE'
    AND question.kind = ANY(%(kinds)s) AND question.id NOT IN (SELECT question_id FROM daily)
) AS candidate
WHERE position <= %(length)s
ORDER BY is_own NULLS FIRST, position
"""


def _draw(tournament: Tournament, *, now: datetime) -> list[tuple[int, str, int]]:
    """Return the version, the level and the number of options of each question of the next round.

    Of the levels of a daily challenge, or that of whoever has made the tournament. What its players
    have had in tournaments of late comes last, what this one has asked itself last of all.
    """
    wanted = [*DAILY_LEVELS] if tournament.is_cup else [tournament.level] * tournament.length
    with connection.cursor() as cursor:
        cursor.execute(
            _DRAW,
            {
                "tournament": tournament.pk,
                "since": now - NOT_AGAIN_FOR,
                "now": now,
                "kinds": [kind.value for kind in CHOICES],
                "length": tournament.length,
            },
        )
        candidates: list[tuple[int, str, int]] = cursor.fetchall()
    drawn = tournament_rules.choose(candidates, wanted=wanted, level_of=lambda one: one[1])
    if len(drawn) < tournament.length:
        raise TooFewTournamentQuestionsError(f"{len(drawn)} of {tournament.length} questions")
    return drawn


# --- The end --------------------------------------------------------------------------------------


def _finish(tournament: Tournament, last: TournamentRound) -> None:
    """Give everybody a place, and what it brings; its round has ended.

    Who has answered nothing at all has a place, but no badge and no prize. Prizes are granted
    afterwards, one by one, by what is stored here.
    """
    pairings = list(Pairing.objects.filter(tournament=tournament))
    have_played = {pairing.player_id for pairing in pairings if pairing.answered}
    prizes = _prizes() if tournament.is_cup else {}
    places = {
        standing.score.player_id: standing.place
        for standing in tournament_standings.standings_of(tournament, pairings=pairings)
    }
    players = list(tournament.players.all())
    for one in players:
        one.place = places[one.player_id]
        if one.player_id in have_played and one.place in prizes:
            one.prize = prizes[one.place].metadata()
    TournamentPlayer.objects.bulk_update(players, ["place", "prize"])
    tournament.state, tournament.ended_at = TournamentState.FINISHED, last.ended_at
    tournament.save(update_fields=["state", "ended_at"])
    assert last.ended_at is not None
    if tournament.is_cup:
        _award_badges(tournament, places, have_played, now=last.ended_at)
    _notify(tournament, TournamentNoticeKind.RESULT, list(places), due_at=last.ended_at)


def _prizes() -> dict[int, Goods]:
    """Return the goods of each place that brings any."""
    return {
        place: prize.goods
        for prize in CupPrize.objects.all()
        for place in range(prize.place_from, prize.place_to + 1)
    }


def _award_badges(
    cup: Tournament, places: Mapping[int, int], have_played: Collection[int], *, now: datetime
) -> None:
    """Award the badges of the first places, and those of five cups in a row."""
    won = {
        player_id: BADGES[place]
        for player_id, place in places.items()
        if place in BADGES and player_id in have_played
    }
    finished = Tournament.objects.filter(
        kind=TournamentKind.CUP, state=TournamentState.FINISHED, day__lte=cup.day
    )
    in_a_row = list(finished.order_by("-day").values_list("pk", flat=True)[:CUPS_IN_A_ROW])
    played: dict[int, set[int]] = {}
    for player_id, tournament_id in Pairing.objects.filter(
        tournament__in=in_a_row, player__in=have_played, answered__gt=0
    ).values_list("player", "tournament"):
        played.setdefault(player_id, set()).add(tournament_id)
    regular = [player_id for player_id, cups in played.items() if len(cups) == CUPS_IN_A_ROW]
    Badge.objects.bulk_create(
        [
            Badge(player_id=player_id, kind=kind, tournament=cup, awarded_at=now)
            for player_id, kind in [
                *won.items(),
                *((one, BadgeKind.CUPS_IN_A_ROW) for one in regular),
            ]
        ],
        ignore_conflicts=True,
    )


@transaction.atomic
def grant_prize(*, tournament_player_id: int, now: datetime) -> bool:
    """Grant the prize of a player, once; return whether this call has. Locks the row and wallet."""
    rows = TournamentPlayer.objects.select_for_update(of=["self"], no_key=True)
    one = (
        rows.select_related("player", "tournament")
        .filter(pk=tournament_player_id, prize__isnull=False, prize_entry=None)
        .first()
    )
    if one is None:
        return False
    one.prize_entry, _ = grants.grant(
        player=one.player,
        goods=Goods.from_metadata(one.prize or {}),
        type=EntryType.PRIZE,
        source=Source.GAME,
        key=f"cup:{one.tournament.day}:{one.player_id}",
        now=now,
        metadata={"tournament": one.tournament_id, "place": one.place},
    )
    one.save(update_fields=["prize_entry"])
    return True


@transaction.atomic
def call_off(*, tournament_id: int, staff: User, reason: str, now: datetime) -> Tournament:
    """Call a tournament off that has not ended, for a reason; what is played does not count.

    One that has not begun returns its creator's ticket. Locks it, and the wallet. Raises
    NoTournamentError, TournamentOverError, and BadReasonError.
    """
    words = reasons.normalise(reason)
    tournament = lock(tournament_id)
    if tournament is None:
        raise NoTournamentError("there is no such tournament")
    if tournament.state not in LIVE:
        raise TournamentOverError(tournament)
    _call_off(tournament, CallOff.STAFF, now=now, staff=staff, reason=words)
    audit.record(
        actor=staff,
        action="game.tournament_called_off",
        obj=tournament,
        summary=f"Called off the {tournament}: {words}",
    )
    return tournament


def _call_off(
    tournament: Tournament,
    why: CallOff,
    *,
    now: datetime,
    staff: User | None = None,
    reason: str = "",
) -> None:
    """End a tournament, which is locked and live, without a result, and let its players know."""
    was_open = tournament.state == TournamentState.OPEN
    open_rounds = TournamentRound.objects.filter(tournament=tournament, ended_at=None)
    for current in open_rounds:
        current.ended_at = min(max(now, current.begins_at), current.deadline)
        current.save(update_fields=["ended_at"])
    tournament.state, tournament.ended_at = TournamentState.CALLED_OFF, now
    tournament.call_off, tournament.reason, tournament.called_off_by = why, reason, staff
    tournament.save(update_fields=["state", "ended_at", "call_off", "reason", "called_off_by"])
    players = set(tournament.players.values_list("player", flat=True))
    if why is CallOff.CREATOR:
        players.discard(tournament.creator_id or 0)
    _notify(tournament, TournamentNoticeKind.CALLED_OFF, sorted(players), due_at=now)
    never_played = was_open or not tournament.all_rounds.exists()
    if never_played and tournament.price == TournamentPrice.TICKET:
        entry = LedgerEntry.objects.select_related("player").get(
            player=tournament.creator_id, idempotency_key=ticket_key(tournament)
        )
        tickets.return_ticket(entry=entry, now=now)


def cancel(tournament: Tournament, *, now: datetime) -> None:
    """Let the creator call off a tournament, which is open and locked; the others are notified."""
    _call_off(tournament, CallOff.CREATOR, now=now)


def ticket_key(tournament: Tournament) -> str:
    """Return the key of the ticket that a private tournament has cost."""
    return f"tournament:{tournament.pk}"


# --- The job --------------------------------------------------------------------------------------


def run_due(*, until: datetime) -> int:
    """Take all steps that are due, and grant the prizes, until it is `until`; return how many."""
    steps = sweeps.one_by_one(
        due=_due,
        apply=lambda tournament_id: advance_one(tournament_id=tournament_id, now=timezone.now()),
        until=until,
    )
    return steps + sweeps.one_by_one(
        due=_prizes_due,
        apply=lambda one: grant_prize(tournament_player_id=one, now=timezone.now()),
        until=until,
    )


def _due(seen: Collection[int]) -> list[int]:
    """Return tournaments in which a step is due."""
    due = _with_a_step_due(timezone.now()).exclude(pk__in=seen)
    return list(due.order_by("pk").values_list("pk", flat=True)[:BATCH])


def _prizes_due(seen: Collection[int]) -> list[int]:
    due = TournamentPlayer.objects.filter(prize__isnull=False, prize_entry=None)
    return list(due.exclude(pk__in=seen).order_by("pk").values_list("pk", flat=True)[:BATCH])


@transaction.atomic
def advance_one(*, tournament_id: int, now: datetime) -> bool:
    """Take the step that is due in a tournament; return whether one was. Locks it."""
    tournament = lock(tournament_id)
    return tournament is not None and advance(tournament, now=now)


# --- Rows -----------------------------------------------------------------------------------------


def lock(tournament_id: int) -> Tournament | None:
    """Lock the tournament until the transaction ends."""
    if not 0 < tournament_id <= ID_MAX:
        return None
    return _tournament.first(tournament_id=tournament_id)


@prepared
def _tournament(*, tournament_id: int) -> QuerySet[Tournament]:
    return Tournament.objects.select_for_update(no_key=True).filter(pk=tournament_id)


def find(tournament_id: int) -> Tournament | None:
    """Return the tournament as it is; nothing is locked."""
    if not 0 < tournament_id <= ID_MAX:
        return None
    return _as_it_is.first(tournament_id=tournament_id)


@prepared
def _as_it_is(*, tournament_id: int) -> QuerySet[Tournament]:
    return Tournament.objects.filter(pk=tournament_id)


def is_due(tournament_id: int, *, now: datetime) -> bool:
    """Return whether a step is due in a tournament by what is stored; nothing is locked."""
    return _step_due.first(tournament_id=tournament_id, now=now) is not None


@prepared
def _step_due(*, tournament_id: int, now: datetime) -> QuerySet[Tournament, int]:
    return _with_a_step_due(now).filter(pk=tournament_id).values_list("pk", flat=True)


def _with_a_step_due(now: datetime) -> QuerySet[Tournament]:
    open_rounds = TournamentRound.objects.filter(tournament=OuterRef("pk"), ended_at=None)
    unfinished = Pairing.objects.filter(
        tournament=OuterRef("pk"),
        round__ended_at=None,
        answered__lt=OuterRef("length"),
    )
    return Tournament.objects.live().filter(
        Q(state=TournamentState.OPEN, closes_at__lte=now)
        | Q(Exists(open_rounds.filter(deadline__lte=now)) | ~Exists(unfinished), state="RUNNING")
    )


def _open_round(tournament: Tournament) -> TournamentRound:
    """Return the round that is open; only who has the tournament's lock changes it."""
    current = open_round(tournament)
    assert current is not None
    return current


def open_round(tournament: Tournament) -> TournamentRound | None:
    """Return the round that is open, if one is; nothing is locked."""
    return _round_of.first(tournament_id=tournament.pk)


@prepared
def _round_of(*, tournament_id: int) -> QuerySet[TournamentRound]:
    return TournamentRound.objects.filter(tournament_id=tournament_id, ended_at=None)


def _lock_pairings(current: TournamentRound) -> list[Pairing]:
    """Keep all players of the round from answering until the transaction ends."""
    pairings = Pairing.objects.select_for_update(no_key=True).filter(round=current)
    return list(pairings.order_by("pk"))


def _notify(
    tournament: Tournament,
    kind: TournamentNoticeKind,
    player_ids: Collection[int],
    *,
    due_at: datetime,
    round_number: int = 0,
) -> None:
    """Leave word that players are to be notified, once of each kind and round."""
    TournamentNotice.objects.bulk_create(
        [
            TournamentNotice(
                tournament=tournament,
                player_id=player_id,
                kind=kind,
                round_number=round_number,
                due_at=due_at,
            )
            for player_id in player_ids
        ],
        ignore_conflicts=True,
    )


def mark_seen(
    *, player: Player, tournament: Tournament, round_number: int = 0, now: datetime
) -> None:
    """Note that the player has seen what has happened: no message says it again.

    That a round has begun, or with round 0 how the tournament has ended.
    """
    unsaid = _of_round if round_number else _of_end
    ids = unsaid.rows(tournament_id=tournament.pk, player_id=player.pk, round_number=round_number)
    if ids:
        TournamentNotice.objects.filter(pk__in=ids).update(notified_at=now)


@prepared
def _of_round(
    *, tournament_id: int, player_id: int, round_number: int
) -> QuerySet[TournamentNotice, int]:
    kinds = [TournamentNoticeKind.ROUND]
    return _unsaid(tournament_id, player_id, round_number).filter(kind__in=kinds)


@prepared
def _of_end(
    *, tournament_id: int, player_id: int, round_number: int
) -> QuerySet[TournamentNotice, int]:
    kinds = [TournamentNoticeKind.RESULT, TournamentNoticeKind.CALLED_OFF]
    return _unsaid(tournament_id, player_id, round_number).filter(kind__in=kinds)


def _unsaid(
    tournament_id: int, player_id: int, round_number: int
) -> QuerySet[TournamentNotice, int]:
    # One that is being sent is not waited for.
    unsaid = TournamentNotice.objects.select_for_update(skip_locked=True).filter(
        tournament_id=tournament_id,
        player_id=player_id,
        round_number=round_number,
        notified_at=None,
    )
    return unsaid.values_list("pk", flat=True)

"""The life of a duel: it is made, accepted or canceled, ends, and is asked for again.

These are steps of the caller's transaction: a refusal comes before the first write, but for the end
of a duel whose time has passed, which is stored whatever the caller wanted. How a duel is played
stands in duel_play.py. Product rules, section 11.
"""

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import structlog
from django.db import connection, transaction
from django.db.models import BigIntegerField, Count, F, Max, Q, QuerySet
from django.utils import timezone

from economy import tickets
from economy.models import LedgerEntry
from quizarena import advisory_locks, sweeps
from quizarena.advisory_locks import Space
from quizarena.game import bank, duel_rules, duel_terms, levels, points
from quizarena.game.duel_rules import (
    ACCEPT_WITHIN,
    LENGTHS,
    LIVE_MAX,
    PLAY_WITHIN,
    REMIND_BEFORE,
    SERIES_LENGTH,
    DuelState,
    Side,
)
from quizarena.game.errors import (
    DuelAbsentError,
    DuelGoneError,
    DuelLimitError,
    DuelTooFarError,
    NoDuelError,
    OpenDuelError,
    OwnDuelError,
    StaleTapError,
    TooFewDuelQuestionsError,
)
from quizarena.game.models import (
    CHOICES,
    Duel,
    DuelAnswer,
    DuelNotice,
    DuelNoticeKind,
    DuelPrice,
    DuelQuestion,
    Level,
)
from quizarena.players.models import Player
from quizarena.prepared import prepared

# A question that a player has had in a duel is asked again after so long, unless there is no other.
NOT_AGAIN_FOR = timedelta(days=30)
# Duels whose time has passed are looked for so many at a time.
BATCH = 100

log = structlog.get_logger(__name__)


# --- Made -----------------------------------------------------------------------------------------


def create(*, player: Player, length: int, key: str, with_ticket: bool, now: datetime) -> Duel:
    """Make a duel for whoever gets its link; a key that has made one makes no other.

    The first two of a business day are free, then Premium or, `with_ticket`, one ticket pays.
    Locks the player and the wallet. Raises DuelLimitError, TicketNeededError, and
    TooFewDuelQuestionsError when the bank does not suffice.
    """
    lock_player(player)
    made = _made_with(player, key=key)
    if made is not None:
        return made
    number, price = _next_of_day(player, with_ticket=with_ticket, now=now)
    return _make(
        player=player,
        length=length,
        key=key,
        number=number,
        price=price,
        now=now,
    )


def find_opponent(
    *, player: Player, length: int, key: str, with_ticket: bool, now: datetime
) -> Duel:
    """Take the open duel of this length that has waited longest, or make one that waits.

    Only players whose levels are near meet. One after the other, so that of two who look at once
    the second finds the first. What is taken costs nothing, what is made costs as by `create`. A
    key leads to one duel. Locks the player, all others who look, and the duel. Raises OpenDuelError
    for who waits already, and what `create` raises.
    """
    lock_player(player)
    known = (
        _made_with(player, key=key)
        or Duel.objects.filter(opponent=player, acceptance_key=key)
        .select_related("creator", "opponent")
        .first()
    )
    if known is not None:
        return known
    # Before any duel: who has this lock waits for duels.
    advisory_locks.lock(Space.OPEN_DUELS)
    finish_overdue(player=player, now=now)
    own = Duel.objects.filter(creator=player, state=DuelState.PENDING, is_open=True).first()
    if own is not None:
        raise OpenDuelError(own)
    level = levels.overall(player)
    for duel_id in _takeable(player, length=length, level=level, now=now):
        duel = lock(duel_id)
        if duel is not None and duel.state == DuelState.PENDING and now < duel.deadline:
            _refuse_if_too_many(player, now=now)
            return _take(duel, player=player, key=key, now=now)
    number, price = _next_of_day(player, with_ticket=with_ticket, now=now)
    return _make(
        player=player,
        length=length,
        key=key,
        number=number,
        price=price,
        is_open=True,
        now=now,
    )


def _refuse_if_too_many(player: Player, *, now: datetime) -> None:
    if duel_terms.live(player, now=now) >= LIVE_MAX:
        raise DuelLimitError(limit=LIVE_MAX, is_of_day=False)


def _next_of_day(player: Player, *, with_ticket: bool, now: datetime) -> tuple[int, DuelPrice]:
    """Return the number and the price of the duel that the player, who is locked, may create."""
    _refuse_if_too_many(player, now=now)
    return duel_terms.next_price(player, with_ticket=with_ticket, now=now)


def _takeable(player: Player, *, length: int, level: Level, now: datetime) -> list[int]:
    """Return the open duels that the player may take, who has waited longest first."""
    near = [one for one in Level if duel_rules.is_near(level, one, levels=list(Level))]
    waiting = Duel.objects.filter(
        state=DuelState.PENDING,
        is_open=True,
        length=length,
        level__in=near,
        deadline__gt=now,
        creator__suspended_at=None,
        creator__bot_blocked_at=None,
    ).exclude(creator=player)
    return list(waiting.order_by("pk").values_list("pk", flat=True)[:BATCH])


def _made_with(player: Player, *, key: str) -> Duel | None:
    made = Duel.objects.filter(creator=player, creation_key=key)
    return made.select_related("creator", "opponent").first()


def _make(
    *,
    player: Player,
    length: int,
    key: str,
    number: int | None,
    price: DuelPrice,
    now: datetime,
    is_open: bool = False,
    again: Duel | None = None,
    series: Duel | None = None,
    game: int | None = None,
) -> Duel:
    """Store a duel with its questions, and use the ticket that it costs.

    `again` is the duel after which its players meet once more.
    """
    opponent = None
    if again is not None:
        opponent = again.opponent if player.pk == again.creator_id else again.creator
    level = levels.overall(player)
    drawn = _draw(length, level=level, players=[player, opponent], now=now)
    duel = Duel.objects.create(
        token=secrets.token_urlsafe(12),
        creator=player,
        opponent=opponent,
        length=length,
        is_open=is_open,
        level=level,
        creation_key=key,
        price=price,
        created_on=duel_terms.today(now),
        day_number=number,
        created_at=now,
        deadline=now + ACCEPT_WITHIN,
        rematch_of=again,
        series=series,
        game=game,
    )
    DuelQuestion.objects.bulk_create(
        DuelQuestion(
            duel=duel,
            number=number_of_round,
            version_id=version_id,
            level=level_of_question,
            order=bank.shuffled(options),
        )
        for number_of_round, (version_id, level_of_question, options) in enumerate(drawn, 1)
    )
    if price is DuelPrice.TICKET:
        tickets.use(player=player, key=_ticket_key(duel), now=now)
    return duel


# What a daily challenge of today or later asks is not given away.
_DRAW = """
WITH had AS (
  SELECT version.question_id
  FROM game_duel AS duel
  JOIN game_duelquestion AS asked ON asked.duel_id = duel.id
  JOIN game_questionversion AS version ON version.id = asked.version_id
  WHERE (duel.creator_id = ANY(%(players)s) OR duel.opponent_id = ANY(%(players)s))
    AND duel.created_at > %(since)s
), daily AS (
  SELECT version.question_id
  FROM game_dailyset AS daily_set
  JOIN game_dailyquestion AS asked ON asked.set_id = daily_set.id
  JOIN game_questionversion AS version ON version.id = asked.version_id
  WHERE daily_set.ends_at > %(now)s
)
SELECT version.id, question.level, cardinality(version.options)
FROM game_question AS question
JOIN game_questionversion AS version
  ON version.question_id = question.id AND version.number = question.version
WHERE question.is_enabled AND question.category <> 'DAILY_CHALLENGE'
  AND question.kind = ANY(%(kinds)s)
  AND question.id NOT IN (SELECT question_id FROM daily)
ORDER BY array_position(%(levels)s, question.level::text),
         question.id IN (SELECT question_id FROM had), random()
LIMIT %(length)s
"""


def _draw(
    length: int, *, level: Level, players: Sequence[Player | None], now: datetime
) -> list[tuple[int, str, int]]:
    """Return version, level and number of options of as many questions as there are rounds.

    Of the level, else of the nearest; what the players have had in duels of late comes last.
    """
    assert length in LENGTHS
    with connection.cursor() as cursor:
        cursor.execute(
            _DRAW,
            {
                "players": [player.pk for player in players if player is not None],
                "since": now - NOT_AGAIN_FOR,
                "now": now,
                "levels": duel_rules.nearest(level, levels=list(Level.values)),
                "kinds": [kind.value for kind in CHOICES],
                "length": length,
            },
        )
        drawn: list[tuple[int, str, int]] = cursor.fetchall()
    if len(drawn) < length:
        raise TooFewDuelQuestionsError(f"{len(drawn)} of {length} questions")
    return drawn


# --- Accepted or canceled -------------------------------------------------------------------------


def accept(*, player: Player, token: str, now: datetime) -> Duel:
    """Take part in the duel of this token; who has accepted it before gets it again.

    Locks the player and the duel. Raises what `invitation` raises, DuelTooFarError, and
    DuelLimitError.
    """
    lock_player(player)
    duel = invitation(player=player, token=token, now=now)
    if duel.accepted_at is not None:
        return duel
    if duel.is_open and not duel_rules.is_near(
        duel.level, levels.overall(player), levels=list(Level)
    ):
        raise DuelTooFarError(f"{duel} is of {duel.level}")
    _refuse_if_too_many_to_accept(duel, player, now=now)
    return _take(duel, player=player, now=now)


def invitation(*, player: Player, token: str, now: datetime) -> Duel:
    """Return the duel of a link that the player may accept, or has accepted. Locks it.

    Raises NoDuelError for an unknown token or somebody else's rematch, OwnDuelError, DuelGoneError
    when it is not there to be accepted any more, and DuelAbsentError when its creator cannot play.
    """
    duel = by_token(token)
    if duel is None:
        raise NoDuelError("there is no such duel")
    if duel.creator_id == player.pk:
        raise OwnDuelError(duel)
    is_asked = duel.opponent_id == player.pk
    if is_asked and duel.accepted_at is not None:
        return duel
    if duel.rematch_of_id is not None and not is_asked:
        raise NoDuelError("this rematch is of others")
    finish(duel, now=now)
    if duel.state != DuelState.PENDING:
        raise DuelGoneError(duel)
    _refuse_if_absent(duel.creator)
    return duel


def open_invitation(*, player: Player, now: datetime) -> Duel | None:
    """Return the player's latest duel that waits for whoever has its link."""
    waiting = Duel.objects.filter(
        creator=player, state=DuelState.PENDING, opponent=None, is_open=False, deadline__gt=now
    )
    return waiting.order_by("-pk").first()


def _refuse_if_too_many_to_accept(duel: Duel, player: Player, *, now: datetime) -> None:
    """Raise DuelLimitError; a rematch that waits for the player is one of the live ones already."""
    if duel_terms.live(player, now=now) - (duel.opponent_id == player.pk) >= LIVE_MAX:
        raise DuelLimitError(limit=LIVE_MAX, is_of_day=False)


def _take(duel: Duel, *, player: Player, now: datetime, key: str = "") -> Duel:
    """Accept a duel, which is locked and pending, for a player who may."""
    # Whoever made it may have looked at the clock after this player, and was faster.
    duel.accepted_at = max(now, duel.created_at)
    duel.opponent = player
    duel.acceptance_key = key
    duel.state = DuelState.ACCEPTED
    duel.deadline = duel.accepted_at + PLAY_WITHIN
    duel.save(update_fields=["accepted_at", "opponent", "acceptance_key", "state", "deadline"])
    if duel.price != DuelPrice.SERIES:
        notice(duel, duel.creator_id, DuelNoticeKind.TURN, due_at=duel.accepted_at)
    for player_id in (duel.creator_id, player.pk):
        notice(duel, player_id, DuelNoticeKind.ENDING, due_at=duel.deadline - REMIND_BEFORE)
    return duel


def cancel(*, player: Player, duel_id: int, now: datetime) -> Duel:
    """Take back a duel that nobody has accepted; its ticket returns. A second time is the same.

    Locks the duel and the wallet. Raises NoDuelError unless the player has created it, and
    DuelGoneError when it has been accepted or has ended.
    """
    duel = lock(duel_id)
    if duel is None or duel.creator_id != player.pk:
        raise NoDuelError("the player has created no such duel")
    if duel.state == DuelState.CANCELED:
        return duel
    finish(duel, now=now)
    if duel.state != DuelState.PENDING:
        raise DuelGoneError(duel)
    duel.state, duel.ended_at = DuelState.CANCELED, now
    duel.save(update_fields=["state", "ended_at"])
    _return_ticket(duel, now=now)
    return duel


# --- Ended ----------------------------------------------------------------------------------------


def finish(duel: Duel, *, now: datetime) -> bool:
    """End a duel, which is locked, if it ends now; return whether it was this call that ended it.

    The one place where an outcome is decided and everything follows from it: a player's last
    answer, a look at a duel whose time has passed, and the job all come here, and what is stored
    does not depend on which of them does, or when.
    """
    if not duel.is_live:
        return False
    creator, opponent, last_at = _sides(duel)
    end = duel_rules.ending(
        state=DuelState(duel.state),
        length=duel.length,
        creator=creator,
        opponent=opponent,
        is_over=now >= duel.deadline,
    )
    if end is None:
        return False
    was_accepted = duel.accepted_at is not None
    duel.state = end.state
    duel.ended_at = last_at if end.state is DuelState.COMPLETED else duel.deadline
    if end.result is not None:
        duel.result = end.result
        duel.creator_score, duel.opponent_score = creator.right, opponent.right
    duel.save(update_fields=["state", "ended_at", "result", "creator_score", "opponent_score"])
    if not was_accepted:
        _return_ticket(duel, now=now)
    assert duel.ended_at is not None
    for player_id in (duel.creator_id, duel.opponent_id if was_accepted else None):
        if player_id is not None:
            notice(duel, player_id, DuelNoticeKind.RESULT, due_at=duel.ended_at)
    _give_points(duel, now=now)
    _continue_series(duel)
    return True


def _give_points(duel: Duel, *, now: datetime) -> None:
    """Give the winner, or both after a draw, their points; those of the day on which it ends.

    Players by id: their points are locked, and two duels of the same two may end at once.
    """
    if not duel.result:
        return
    for player in sorted(filter(None, (duel.creator, duel.opponent)), key=lambda one: one.pk):
        if duel.winner_id is None:
            points.duel_drawn(player=player, duel_id=duel.pk, now=now)
        elif duel.winner_id == player.pk:
            points.duel_won(player=player, duel_id=duel.pk, now=now)


def opponent_ids(*, player: Player, at_most: int) -> set[int]:
    """Return with whom the player has had a duel that was accepted, the latest first. One query."""
    met = Duel.objects.of(player.pk).filter(accepted_at__isnull=False).order_by("-pk")
    pairs = met.values_list("creator", "opponent")[:at_most]
    return {one for pair in pairs for one in pair} - {player.pk}


def _sides(duel: Duel) -> tuple[Side, Side, datetime | None]:
    """Return how far the two are, and when the last answer came."""
    sides = {duel.creator_id: Side(), duel.opponent_id: Side()}
    latest: datetime | None = None
    answers = DuelAnswer.objects.filter(duel=duel).values("player")
    for row in answers.annotate(
        answered=Count("pk"), right=Count("pk", filter=Q(is_correct=True)), last=Max("answered_at")
    ):
        sides[row["player"]] = Side(answered=row["answered"], right=row["right"])
        latest = max(latest or row["last"], row["last"])
    return sides[duel.creator_id], sides[duel.opponent_id], latest


def _return_ticket(duel: Duel, *, now: datetime) -> None:
    """Return the ticket of a duel that nobody has accepted, if it has cost one."""
    if duel.price == DuelPrice.TICKET:
        entry = LedgerEntry.objects.select_related("player").get(
            player=duel.creator_id, idempotency_key=_ticket_key(duel)
        )
        tickets.return_ticket(entry=entry, now=now)


def has_returned_ticket(duel: Duel) -> bool:
    """Return whether the creator has the ticket of the duel back."""
    if duel.price != DuelPrice.TICKET or duel.accepted_at is not None:
        return False
    returned = LedgerEntry.objects.filter(
        player=duel.creator_id, reverses__idempotency_key=_ticket_key(duel)
    )
    return returned.exists()


def _ticket_key(duel: Duel) -> str:
    return f"duel:{duel.pk}"


def _continue_series(duel: Duel) -> None:
    """Let the last duel of a best of three begin when the second has not decided it.

    It belongs to the two before: it costs nothing, and both have agreed to it.
    """
    if duel.game != SERIES_LENGTH - 1 or duel.state != DuelState.COMPLETED:
        return
    first, opponent, now = duel.series, duel.opponent, duel.ended_at
    assert first is not None
    assert opponent is not None
    assert now is not None
    if not duel_rules.needs_decider([first.winner_id, duel.winner_id]):
        return
    try:
        decider = _make(
            player=duel.creator,
            length=duel.length,
            key=f"decider:{duel.pk}",
            number=None,
            price=DuelPrice.SERIES,
            now=now,
            again=duel,
            series=first,
            game=SERIES_LENGTH,
        )
    except TooFewDuelQuestionsError:
        log.exception("duel.no_decider", duel=duel.pk)
        return
    _take(decider, player=opponent, now=now)


def finish_overdue(*, player: Player, now: datetime) -> None:
    """End the player's duels whose time has passed. Locks them.

    All of them before what any of them moves, so that nobody who ends one of them is waited for.
    """
    overdue = Duel.objects.due(now).of(player.pk).order_by("pk").select_for_update()
    for duel_id in [duel.pk for duel in overdue]:
        finish_one(duel_id=duel_id, now=now)


def finish_due(*, until: datetime) -> int:
    """End all duels whose time has passed, until it is `until`; return how many."""

    def due(seen: Collection[int]) -> list[int]:
        overdue = Duel.objects.due(timezone.now()).exclude(pk__in=seen).order_by("deadline", "pk")
        return list(overdue.values_list("pk", flat=True)[:BATCH])

    return sweeps.one_by_one(
        due=due,
        apply=lambda duel_id: finish_one(duel_id=duel_id, now=timezone.now()),
        until=until,
    )


@transaction.atomic
def finish_one(*, duel_id: int, now: datetime) -> bool:
    """End a duel if its time has passed; return whether this call has ended it. Locks it."""
    duel = lock(duel_id)
    return duel is not None and finish(duel, now=now)


# --- Asked for again ------------------------------------------------------------------------------


def again(
    *, player: Player, duel_id: int, best_of_three: bool, with_ticket: bool, now: datetime
) -> Duel:
    """Ask the other player of a duel for another one, of the same length.

    A duel is followed by one: when both ask, the second accepts what the first has asked for, and
    whoever asks twice gets the same. `best_of_three` makes the two duels a series, whose third
    follows by itself. Costs what `create` costs. Locks the player, both duels and the wallet.
    Raises StaleTapError for a duel of which there can be no second, DuelAbsentError, and what
    `create` and `accept` raise.
    """
    lock_player(player)
    before = lock(duel_id)
    if before is None or player.pk not in (before.creator_id, before.opponent_id):
        raise StaleTapError("the player has no such duel")
    finish(before, now=now)
    if before.is_live or before.accepted_at is None:
        raise StaleTapError("there is nothing to repeat")
    following = _following(before, now=now)
    if following is not None:
        if following.state == DuelState.PENDING and following.creator_id != player.pk:
            return accept(player=player, token=following.token, now=now)
        return following
    if best_of_three and before.series_id is not None:
        raise StaleTapError("this is a best of three already")
    other = before.opponent if player.pk == before.creator_id else before.creator
    assert other is not None
    _refuse_if_absent(other)
    number, price = _next_of_day(player, with_ticket=with_ticket, now=now)
    duel = _make(
        player=player,
        length=before.length,
        key=f"again:{before.pk}:{before.rematches.count()}",
        number=number,
        price=price,
        now=now,
        again=before,
        series=before if best_of_three else None,
        game=2 if best_of_three else None,
    )
    notice(duel, other.pk, DuelNoticeKind.TURN, due_at=now)
    return duel


def _following(before: Duel, *, now: datetime) -> Duel | None:
    """Lock and return the duel that has followed one, which is locked, unless nobody took it."""
    for duel_id in before.rematches.order_by("-pk").values_list("pk", flat=True)[:1]:
        duel = lock(duel_id)
        assert duel is not None
        finish(duel, now=now)
        if duel.state not in (DuelState.EXPIRED, DuelState.CANCELED):
            return duel
    return None


def games_of(duel: Duel) -> list[Duel]:
    """Return the duels of the best of three to which this one belongs, as far as they were played.

    In their order, this one included; none if it belongs to none.
    """
    if duel.series_id is None:
        return []
    games = Duel.objects.filter(Q(pk=duel.series_id) | Q(series=duel.series_id))
    played = games.filter(result__gt="").select_related("creator", "opponent")
    return list(played.order_by(F("game").asc(nulls_first=True)))


def decider_of(duel: Duel) -> Duel | None:
    """Return the third duel of a best of three that follows on its second one and is live."""
    if duel.game != SERIES_LENGTH - 1:
        return None
    return duel.rematches.live().filter(game=SERIES_LENGTH).first()


# --- Rows -----------------------------------------------------------------------------------------


def lock(duel_id: int) -> Duel | None:
    """Lock the duel until the transaction ends, with its players."""
    if not 0 < duel_id <= BigIntegerField.MAX_BIGINT:
        return None
    return _with_opponent(_duel.first(duel_id=duel_id))


@prepared
def _duel(*, duel_id: int) -> QuerySet[Duel]:
    duels = Duel.objects.select_for_update(of=["self"], no_key=True)
    return duels.select_related("creator", "opponent").filter(pk=duel_id)


def by_token(token: str) -> Duel | None:
    """Lock the duel of a link until the transaction ends, with its players."""
    duels = Duel.objects.select_for_update(of=["self"], no_key=True)
    found = duels.select_related("creator", "opponent").filter(token=token)
    return _with_opponent(found.first())


def _with_opponent(duel: Duel | None) -> Duel | None:
    """Return the locked duel with the opponent that it has by now.

    Who has waited for the lock has the newest row, but joined to it what there was before.
    """
    if duel is not None and duel.opponent is None and duel.opponent_id is not None:
        duel.opponent = Player.objects.get(pk=duel.opponent_id)
    return duel


def notice(duel: Duel, player_id: int, kind: DuelNoticeKind, *, due_at: datetime) -> None:
    """Leave word that a player is to be notified of the duel, once of each kind."""
    DuelNotice.objects.bulk_create(
        [DuelNotice(duel=duel, player_id=player_id, kind=kind, due_at=due_at)],
        ignore_conflicts=True,
    )


def mark_seen(*, player: Player, duel: Duel, now: datetime) -> None:
    """Note that the player has seen how the duel has ended: no message says it again."""
    DuelNotice.objects.filter(
        duel=duel, player=player, kind=DuelNoticeKind.RESULT, notified_at=None
    ).update(notified_at=now)


def lock_player(player: Player) -> None:
    """Keep the player's other devices from making or accepting duels until this is done."""
    Player.objects.select_for_update(no_key=True).get(pk=player.pk)


def _refuse_if_absent(player: Player) -> None:
    if player.suspended_at is not None or player.bot_blocked_at is not None:
        raise DuelAbsentError(player)

"""Private tournaments: made for whoever has the link, and begun by who has made them. Section 11.

They cost what a duel costs, once, for the creator. These are steps of the caller's transaction: a
refusal comes before the first write, but for a lobby whose time is over, which ends.
"""

import secrets
from datetime import datetime

from economy import tickets
from quizarena.game import duel_terms, duels, levels, tournaments
from quizarena.game.errors import NoTournamentError, RegistrationClosedError
from quizarena.game.models import DuelPrice, Tournament, TournamentPlayer, TournamentPrice
from quizarena.game.tournament_rules import (
    FORMATS,
    LIVE,
    LOBBY_TTL,
    TournamentKind,
    TournamentState,
)
from quizarena.players.models import Player

LENGTHS = FORMATS[TournamentKind.PRIVATE].lengths
# So many tournaments that have ended stand in a player's list.
ENDED_SHOWN = 3


def create(
    *, player: Player, length: int, key: str, with_ticket: bool, now: datetime
) -> Tournament:
    """Make a tournament with so many questions a round, in which its creator takes part.

    A key that has made one makes no other. The first two of a business day, duels included, are
    free, then Premium or, `with_ticket`, one ticket pays. Locks the player and the wallet. Raises
    DuelLimitError and TicketNeededError.
    """
    assert length in LENGTHS
    duels.lock_player(player)
    made = Tournament.objects.filter(
        kind=TournamentKind.PRIVATE, creator=player, creation_key=key
    ).first()
    if made is not None:
        return made
    number, price = duel_terms.next_price(player, with_ticket=with_ticket, now=now)
    tournament = Tournament.objects.create(
        kind=TournamentKind.PRIVATE,
        token=secrets.token_urlsafe(12),
        creator=player,
        creation_key=key,
        level=levels.overall(player),
        price=TournamentPrice(price.value),
        created_on=duel_terms.today(now),
        day_number=number,
        created_at=now,
        length=length,
        opens_at=now,
        closes_at=now + LOBBY_TTL,
    )
    tournaments.register(tournament, player=player, now=now)
    if price is DuelPrice.TICKET:
        tickets.use(player=player, key=tournaments.ticket_key(tournament), now=now)
    return tournament


def of_link(*, token: str, now: datetime) -> Tournament:
    """Return the tournament of a link, which is over if its lobby's time is. Locks it.

    Raises NoTournamentError for an unknown link.
    """
    rows = Tournament.objects.select_for_update(no_key=True, of=["self"])
    tournament = rows.filter(token=token, kind=TournamentKind.PRIVATE).first() if token else None
    if tournament is None:
        raise NoTournamentError("there is no such tournament")
    tournaments.advance(tournament, now=now)
    return tournament


def join(*, player: Player, token: str, now: datetime) -> TournamentPlayer:
    """Let the player take part in the tournament of a link; a second time is the same. Locks it.

    Raises NoTournamentError, RegistrationClosedError once it has begun or is over, and
    TournamentFullError for the ninth.
    """
    return tournaments.register(of_link(token=token, now=now), player=player, now=now)


def leave(*, player: Player, tournament_id: int, now: datetime) -> Tournament:
    """Let a player leave a lobby; the creator calls it off with that, and a ticket returns.

    Locks it. Raises NoTournamentError, and RegistrationClosedError once it has begun.
    """
    tournament = _lock_own(player, tournament_id, now=now)
    if tournament.state == TournamentState.CALLED_OFF:
        return tournament
    if tournament.state != TournamentState.OPEN:
        raise RegistrationClosedError(tournament)
    if tournament.creator_id == player.pk:
        tournaments.cancel(tournament, now=now)
    else:
        tournaments.leave(tournament, player=player, now=now)
    return tournament


def start(*, player: Player, tournament_id: int, now: datetime) -> Tournament:
    """Let the creator begin the first round; a second time is the same. Locks it.

    Raises NoTournamentError for one of others, RegistrationClosedError when it is over,
    TooFewPlayersError for who is alone, and TooFewTournamentQuestionsError.
    """
    tournament = _lock_own(player, tournament_id, now=now)
    if tournament.creator_id != player.pk:
        raise NoTournamentError("only its creator begins a tournament")
    if tournament.state == TournamentState.OPEN:
        tournaments.start(tournament, now=now)
    elif tournament.state != TournamentState.RUNNING:
        raise RegistrationClosedError(tournament)
    return tournament


def mine(player: Player) -> list[Tournament]:
    """Return the player's private tournaments: those that are live, and the last that ended."""
    own = Tournament.objects.filter(kind=TournamentKind.PRIVATE, players__player=player)
    ended = own.exclude(state__in=LIVE).order_by("-pk")
    return [*own.live().order_by("-pk"), *ended[:ENDED_SHOWN]]


def _lock_own(player: Player, tournament_id: int, *, now: datetime) -> Tournament:
    """Lock a private tournament in which the player takes part; a step that is due is taken."""
    tournament = tournaments.lock(tournament_id)
    if (
        tournament is None
        or tournament.is_cup
        or not tournament.players.filter(player=player).exists()
    ):
        raise NoTournamentError("the player takes part in no such tournament")
    tournaments.advance(tournament, now=now)
    return tournament

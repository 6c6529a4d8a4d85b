"""Duels for tests: players, tickets, and their way through a duel."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from django.db import transaction

from economy import grants
from economy.goods import Goods, Plan
from economy.models import EntryType, LedgerEntry, Source, Wallet
from quizarena.game import duel_play, duels
from quizarena.game.duel_play import Answer, View
from quizarena.game.models import Duel, DuelAnswer, DuelNotice, DuelQuestion
from quizarena.players.models import Player
from tests.factories import PlayerFactory

# A Wednesday in Berlin, an hour ahead.
NOON = datetime(2026, 12, 16, 11, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
INSTANT = timedelta(microseconds=1)
# Until when a duel of noon can be accepted, and until when one accepted at noon is played.
TOO_LATE_TO_ACCEPT = NOON + 6 * HOUR
OVER = NOON + 48 * HOUR

_keys = count(1)


def player(name: str = "Anna", **fields: Any) -> Player:
    """Return a new player."""
    made: Player = PlayerFactory.create(first_name=name, **fields)
    return made


def give_tickets(owner: Player, tickets: int = 1, *, key: str = "") -> LedgerEntry:
    """Let the player own so many more tickets; return the entry that grants them."""
    entry, _ = grants.grant(
        player=owner,
        goods=Goods(duel_tickets=tickets),
        type=EntryType.PROMO_GRANT,
        source=Source.PROMO,
        key=key or f"gift:{next(_keys)}",
        now=NOON - HOUR,
    )
    return entry


def give_premium(owner: Player) -> None:
    """Give the player a month of Premium."""
    grants.grant(
        player=owner,
        goods=Goods(premium=Plan.MONTH, premium_days=30),
        type=EntryType.PROMO_GRANT,
        source=Source.PROMO,
        key=f"gift:{next(_keys)}",
        now=NOON - HOUR,
    )


def tickets_of(owner: Player) -> int:
    """Return how many tickets the player owns."""
    wallet = Wallet.objects.filter(player=owner).first()
    return wallet.duel_tickets if wallet else 0


def create(
    creator: Player,
    length: int = 3,
    *,
    now: datetime = NOON,
    key: str = "",
    with_ticket: bool = True,
) -> Duel:
    """Let a player make a duel for a friend."""
    with transaction.atomic():
        return duels.create(
            player=creator,
            length=length,
            key=key or f"key:{next(_keys)}",
            with_ticket=with_ticket,
            now=now,
        )


def find(
    seeker: Player,
    length: int = 3,
    *,
    now: datetime = NOON,
    key: str = "",
    with_ticket: bool = True,
) -> Duel:
    """Let a player look for an opponent."""
    with transaction.atomic():
        return duels.find_opponent(
            player=seeker,
            length=length,
            key=key or f"key:{next(_keys)}",
            with_ticket=with_ticket,
            now=now,
        )


def accept(opponent: Player, duel: Duel, *, now: datetime = NOON) -> Duel:
    """Let a player accept a duel by its link."""
    with transaction.atomic():
        return duels.accept(player=opponent, token=duel.token, now=now)


def cancel(creator: Player, duel: Duel, *, now: datetime = NOON) -> Duel:
    """Let a player take a duel back."""
    with transaction.atomic():
        return duels.cancel(player=creator, duel_id=duel.pk, now=now)


def again(
    asking: Player,
    duel: Duel,
    *,
    best_of_three: bool = False,
    with_ticket: bool = True,
    now: datetime = NOON,
) -> Duel:
    """Let a player ask for another duel."""
    with transaction.atomic():
        return duels.again(
            player=asking,
            duel_id=duel.pk,
            best_of_three=best_of_three,
            with_ticket=with_ticket,
            now=now,
        )


def finish(duel: Duel, *, now: datetime) -> bool:
    """Let the job end the duel."""
    return duels.finish_one(duel_id=duel.pk, now=now)


def look(onlooker: Player, duel: Duel, *, now: datetime = NOON) -> View:
    """Let a player look at a duel."""
    with transaction.atomic():
        return duel_play.look(player=onlooker, duel_id=duel.pk, now=now)


def tap(
    tapping: Player, duel: Duel, number: int, *, right: bool = True, now: datetime = NOON
) -> Answer:
    """Answer a question of the duel; the bank's second option is right, its first is wrong."""
    question = DuelQuestion.objects.get(duel=duel.pk, number=number)
    with transaction.atomic():
        return duel_play.answer(
            player=tapping,
            duel_id=duel.pk,
            number=number,
            option_index=question.order.index(1 if right else 0),
            now=now,
        )


def play(
    playing: Player, duel: Duel, outcomes: Sequence[bool], *, now: datetime = NOON
) -> Answer | None:
    """Let a player answer like that from where the player is; return what came of the last one."""
    answer = None
    begin = DuelAnswer.objects.filter(duel=duel, player=playing).count() + 1
    for number, right in enumerate(outcomes, begin):
        answer = tap(playing, duel, number, right=right, now=now)
    return answer


def accepted(creator: Player, opponent: Player, length: int = 3, *, now: datetime = NOON) -> Duel:
    """Return a duel between the two that has just been accepted."""
    return accept(opponent, create(creator, length, now=now), now=now)


def played(
    creator: Player,
    opponent: Player,
    own: Sequence[bool] = (True, True, False),
    others: Sequence[bool] = (True, False, False),
) -> Duel:
    """Return a duel that both have played to its end, like that."""
    duel = accepted(creator, opponent, len(own))
    play(creator, duel, own)
    play(opponent, duel, others)
    duel.refresh_from_db()
    return duel


def state(duel: Duel) -> tuple[str, str]:
    """Return where a duel stands and who has won it."""
    duel.refresh_from_db()
    return duel.state, duel.result


def notices(duel: Duel) -> list[tuple[str, str, datetime]]:
    """Return who is to be notified of the duel, of what, and when."""
    rows = DuelNotice.objects.filter(duel=duel).order_by("due_at", "pk")
    return list(rows.values_list("player__first_name", "kind", "due_at"))

"""What a duel or a private tournament costs who creates it, and how many there can be.

Product rules, section 11: the first ones of a day are free, Premium pays no ticket, others one.
"""

from dataclasses import dataclass
from datetime import date, datetime

from economy import entitlements, wallets
from economy.models import Wallet
from economy.wallets import business_zone
from quizarena.game.duel_rules import CREATED_PER_DAY, FREE_PER_DAY, DuelState
from quizarena.game.errors import DuelLimitError, TicketNeededError
from quizarena.game.models import Duel, DuelPrice, Tournament
from quizarena.players.models import Player


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the player's next duel costs, and how many more there can be."""

    price: DuelPrice
    free_left: int
    tickets: int
    live: int
    created_today: int


def today(now: datetime) -> date:
    """Return the business day of an instant."""
    return now.astimezone(business_zone()).date()


def terms(*, player: Player, now: datetime) -> Terms:
    """Return what a duel that the player creates now costs; nothing is locked or written."""
    number = _number_of_day(player, now=now)
    wallet = Wallet.objects.filter(player=player).first()
    return Terms(
        price=_price(player, number=number, now=now),
        free_left=max(0, FREE_PER_DAY - number + 1),
        tickets=wallet.duel_tickets if wallet else 0,
        live=live(player, now=now),
        created_today=number - 1,
    )


def _number_of_day(player: Player, *, now: datetime) -> int:
    """Return which one of its day the next duel is that the player creates, from 1.

    Private tournaments count with the duels: they cost the same.
    """
    of_day = {"creator": player, "created_on": today(now)}
    numbers = (
        Duel.objects.filter(**of_day)
        .values("day_number")
        .union(Tournament.objects.filter(**of_day).values("day_number"))
    )
    return max((row["day_number"] or 0 for row in numbers), default=0) + 1


def _price(player: Player, *, number: int, now: datetime) -> DuelPrice:
    if number <= FREE_PER_DAY:
        return DuelPrice.FREE
    plan = entitlements.premium_at(player=player, at=now)
    return DuelPrice.PREMIUM if plan is not None else DuelPrice.TICKET


def live(player: Player, *, now: datetime) -> int:
    """Return how many duels of the player have neither ended nor run out of time.

    What others ask the player for counts once it is accepted.
    """
    duels = Duel.objects.live().of(player.pk).filter(deadline__gt=now)
    return duels.exclude(state=DuelState.PENDING, opponent=player).count()


def next_price(player: Player, *, with_ticket: bool, now: datetime) -> tuple[int, DuelPrice]:
    """Return which one of its day the player, who is locked, may create next, and what it costs.

    A duel or a private tournament. Locks the wallet where a ticket is needed. Raises DuelLimitError
    for too many on a day, and TicketNeededError.
    """
    number = _number_of_day(player, now=now)
    if number > CREATED_PER_DAY:
        raise DuelLimitError(limit=CREATED_PER_DAY, is_of_day=True)
    price = _price(player, number=number, now=now)
    if price is DuelPrice.TICKET:
        owned = wallets.lock(player=player, now=now).duel_tickets
        if not with_ticket or not owned:
            raise TicketNeededError(owned=owned)
    return number, price

"""What players and purchases do with codes, in short, and what is counted of it."""

from datetime import datetime, timedelta
from itertools import count

from django.db import transaction

from economy import grants
from economy.goods import Goods
from economy.models import Asset, EntryType, Source
from promos import redemptions, reservations
from promos.models import Campaign, Channel, Redemption
from promos.redemptions import Result
from quizarena.players.models import Player
from tests.factories import NOON

# The code that the campaigns of most tests share.
CODE = "HALLO2026"

_keys = count(1)


def minutes(number: float) -> datetime:
    """Return the instant so many minutes after noon."""
    return NOON + timedelta(minutes=number)


def redeem(player: Player, raw: str = CODE, *, now: datetime = NOON, key: str = "") -> Result:
    """Let the player enter a code; every time anew, unless there is a `key`."""
    return redemptions.redeem(
        player=player,
        raw=raw,
        channel=Channel.COMMAND,
        key=key or f"update:{next(_keys)}",
        now=now,
    )


def reserve(player: Player, raw: str = CODE, *, now: datetime = NOON) -> Redemption:
    """Reserve a discount for the player."""
    result = redeem(player, raw, now=now)
    assert result.redemption, result
    return result.redemption


def attach(
    reserved: Redemption, stars_off: int, *, player: Player | None = None, now: datetime = NOON
) -> Redemption:
    """Let a reservation take so many Stars off a purchase of its player."""
    with transaction.atomic():
        return reservations.attach(
            redemption_id=reserved.pk,
            player=player or reserved.player,
            stars_off=stars_off,
            now=now,
        )


def buy(player: Player) -> None:
    """Let the player have bought something, some day before."""
    grants.grant(
        player=player,
        goods=Goods(paid_energy=10),
        type=EntryType.PURCHASE_CREDIT,
        source=Source.PURCHASE,
        asset=Asset.PURCHASE,
        amount=5,
        key="purchase:1",
        now=NOON,
    )


def counted(campaign: Campaign) -> tuple[int, int, int, int]:
    """Return what a campaign counts: reserved, applied, Stars reserved, Stars given."""
    [counts] = Campaign.objects.filter(pk=campaign.pk).values_list(
        "reserved", "applied", "stars_reserved", "stars_given"
    )
    return counts

"""What a player owns at an instant, all of it together."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from economy import entitlements, wallets
from economy.energy import FREE_CAP, Energy
from economy.models import Wallet
from quizarena.players.models import Player


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What a player owns: in the wallet, and until when Premium and modes are open."""

    energy: Energy
    streak_savers: int
    duel_tickets: int
    premium_until: datetime | None
    modes_until: Mapping[str, datetime]


def holdings(*, player: Player, now: datetime) -> Holdings:
    """Return what the player owns at `now`; who is new has full energy. Three queries."""
    wallet = Wallet.objects.filter(player=player).first()
    return Holdings(
        energy=(
            wallets.energy_of(wallet, now=now)
            if wallet
            else Energy(free=FREE_CAP, paid=0, counted_until=now)
        ),
        streak_savers=wallet.streak_savers if wallet else 0,
        duel_tickets=wallet.duel_tickets if wallet else 0,
        premium_until=entitlements.premium_until(player=player, now=now),
        modes_until=entitlements.modes_until(player=player, now=now),
    )

"""Who wants to have what is stored about them, once a day at most. Product rules, section 16."""

from datetime import datetime, timedelta

from django.db import transaction

from quizarena.players import services
from quizarena.players.models import DataRequest, Player

EVERY = timedelta(hours=24)


@transaction.atomic
def ask(*, player: Player, now: datetime) -> tuple[DataRequest, bool]:
    """Return the player's request and whether it is new; one of the last 24 hours is had again.

    Locks the player.
    """
    services.lock(player)
    latest = DataRequest.objects.filter(player=player).order_by("-pk").first()
    if latest is not None and (latest.sent_at is None or now < latest.asked_at + EVERY):
        return latest, False
    return DataRequest.objects.create(player=player, asked_at=now), True

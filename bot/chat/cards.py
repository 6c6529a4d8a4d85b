"""Ordering the picture of a result (bot/messages/cards.py draws and sends it)."""

from datetime import datetime

from bot.chat.models import Card, CardKind
from economy.streak_rules import MILESTONES
from economy.streaks import StreakChange
from quizarena.players.models import Player


def order(*, kind: CardKind, subject: int, player: Player, now: datetime) -> None:
    """Have the player get the card of `subject`, as that kind counts them, once.

    A step of the caller's transaction.
    """
    Card.objects.bulk_create(
        [Card(kind=kind, subject=subject, player=player, created_at=now)], ignore_conflicts=True
    )


def order_milestone(streak: StreakChange | None, *, player: Player, now: datetime) -> None:
    """Have the player get the card of a streak that has just reached a milestone, if it has.

    Who loses it and comes so far again has had its picture. A step of the caller's transaction.
    """
    if streak is not None and streak.is_first_of_day and streak.current in MILESTONES:
        order(kind=CardKind.STREAK, subject=streak.current, player=player, now=now)

"""Ordering the picture of a result (bot/messages/cards.py draws and sends it)."""

from datetime import datetime, timedelta

from bot.chat.models import Card, CardKind
from economy.streak_rules import MILESTONES
from economy.streaks import StreakChange
from quizarena.game.models import Badge, BadgeKind, Duel, Tournament
from quizarena.game.tournament_rules import TournamentState
from quizarena.players.models import Player

# Who looks at a duel that ended longer ago does not get its picture any more.
DUEL_IS_NEWS = timedelta(days=1)


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


def order_duel(duel: Duel, *, player: Player, now: datetime) -> None:
    """Have the player get the card of a duel that the player has lately won or drawn.

    Nobody is shown in large letters what was lost. A step of the caller's transaction.
    """
    is_news = duel.ended_at is not None and now - duel.ended_at < DUEL_IS_NEWS
    if duel.result and duel.winner_id in (None, player.pk) and is_news:
        order(kind=CardKind.DUEL, subject=duel.pk, player=player, now=now)


def order_cup(cup: Tournament, *, player: Player, now: datetime) -> None:
    """Have the player get the card of a cup that has lately ended if the place is a badge.

    A step of the caller's transaction.
    """
    if not cup.is_cup or cup.state != TournamentState.FINISHED or cup.ended_at is None:
        return
    badges = Badge.objects.filter(tournament=cup, player=player)
    is_first = badges.exclude(kind=BadgeKind.CUPS_IN_A_ROW).exists()
    if now - cup.ended_at < DUEL_IS_NEWS and is_first:
        order(kind=CardKind.CUP, subject=cup.pk, player=player, now=now)

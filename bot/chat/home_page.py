"""The home screen's text and buttons, which several screens end in."""

from datetime import datetime

from telegram import InlineKeyboardMarkup

from bot.chat import navigation, phrases
from economy import entitlements, streaks, wallets
from quizarena.game import reviews, rounds
from quizarena.players.models import Player


def page(*, player: Player, now: datetime) -> tuple[str, InlineKeyboardMarkup]:
    """Return the greeting with streak, energy and the day's goal, and the ways from here.

    The first of them leads to an open round. Nothing is locked or written.
    """
    days = streaks.current(player=player, now=now)
    lines = [phrases.streak(days=days)] if days else []
    energy = wallets.energy_at(player=player, now=now)
    plan = entitlements.premium_at(player=player, at=now)
    lines += [
        phrases.energy_line(energy, plan, now=now),
        phrases.daily_goal(
            done=rounds.finished_today(player=player, now=now), goal=player.daily_goal
        ),
    ]
    text = "\n".join([phrases.greeting(name=player.first_name), "", *lines])
    waiting = rounds.open_question(player=player)
    return text, navigation.home(waiting, due=reviews.due(player=player, now=now))

"""The home screen's text and buttons, which several screens end in."""

from datetime import datetime

from telegram import InlineKeyboardMarkup

from bot.chat import navigation, phrases
from quizarena.game import reviews, rounds
from quizarena.players.models import Player


def page(*, player: Player, now: datetime) -> tuple[str, InlineKeyboardMarkup]:
    """Return the greeting with the day's goal, and the ways from here, first to an open round."""
    goal = phrases.daily_goal(
        done=rounds.finished_today(player=player, now=now), goal=player.daily_goal
    )
    text = f"{phrases.greeting(name=player.first_name)}\n\n{goal}"
    waiting = rounds.open_question(player=player)
    return text, navigation.home(waiting, due=reviews.due(player=player, now=now))

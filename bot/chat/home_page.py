"""The home screen's text and buttons, which several screens end in."""

from telegram import InlineKeyboardMarkup

from bot.chat import navigation, phrases
from bot.chat.context import Context
from quizarena.game import reviews, rounds


def page(context: Context) -> tuple[str, InlineKeyboardMarkup]:
    """Return the greeting with the day's goal, and the ways from here, first to an open round."""
    player = context.player
    goal = phrases.daily_goal(
        done=rounds.finished_today(player=player, now=context.now), goal=player.daily_goal
    )
    text = f"{phrases.greeting(name=player.first_name)}\n\n{goal}"
    waiting = rounds.open_question(player=player)
    return text, navigation.home(waiting, due=reviews.due(player=player, now=context.now))

"""The streak, and how well the player answers."""

from telegram import Update

from bot.chat import navigation, taps
from bot.chat.context import Context
from bot.chat.navigation import Data
from bot.chat.screen import Screen
from bot.screens.stats import texts
from economy import streaks, wallets
from quizarena.game import cups, statistics


async def stats(update: Update, context: Context) -> None:
    """Show the streak and how well the player answers."""
    await taps.send_message(update, _stats(context), navigation.way_back())


async def stats_page(update: Update, context: Context) -> None:
    """Turn the message into the statistics."""
    query = taps.tap(update)
    await query.answer()
    await taps.edit_message(query, _stats(context), navigation.way_back())


def _stats(context: Context) -> str:
    """Return the player's statistics, with every day before today rolled over."""
    player, now = context.player, context.now
    streak = streaks.roll_over(player=player, now=now)
    today = now.astimezone(wallets.business_zone()).date()
    return texts.stats(
        current=streak.current if streak else 0,
        best=streak.best if streak else 0,
        earn_back=streaks.earn_back(player=player, now=now),
        calendar=streaks.calendar(player=player, month=today, now=now),
        badges=cups.badges_of(player),
        modes=statistics.by_mode(player),
        levels=statistics.by_level(player),
        now=now,
    )


SCREEN = Screen(
    commands={"stats": stats},
    buttons={Data.STATS: stats_page},
)

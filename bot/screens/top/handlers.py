"""/top: the leaderboards of the day, the week and one's friends, and one's own league."""

from telegram import InlineKeyboardMarkup, Update

from bot.chat import friends, phrases, taps
from bot.chat.context import Context
from bot.chat.navigation import Data
from bot.chat.screen import Screen
from bot.screens.top import buttons, texts
from bot.screens.top.texts import Tab
from quizarena.game import leaderboards, leagues


async def top(update: Update, context: Context) -> None:
    """Show the player's league, or the board of the tapped tab in place of the message."""
    if update.callback_query is None:
        await taps.send_message(update, *_page(Tab.LEAGUE, context))
        return
    query = taps.tap(update)
    (name,) = taps.arguments(query, 1)
    if name and name not in list(Tab):
        await query.answer(phrases.stale())
        return
    await query.answer()
    await taps.edit_message(query, *_page(Tab(name) if name else Tab.LEAGUE, context))


def _page(tab: Tab, context: Context) -> tuple[str, InlineKeyboardMarkup]:
    player, now = context.player, context.now
    match tab:
        case Tab.DAY:
            board = leaderboards.of_day(player=player, now=now)
            return texts.board(tab, board, viewer=player), buttons.board(tab)
        case Tab.WEEK:
            board = leaderboards.of_week(player=player, now=now)
            return texts.board(tab, board, viewer=player), buttons.board(tab)
        case Tab.FRIENDS:
            friend_ids = friends.friend_ids(player)
            board = leaderboards.of_friends(player=player, friend_ids=friend_ids, now=now)
            return (
                texts.friends(board, viewer=player, has_friends=bool(friend_ids)),
                buttons.board(tab, invites=not friend_ids),
            )
        case Tab.LEAGUE:
            league = leagues.of_player(player=player, now=now)
            return texts.league(league, viewer=player), buttons.board(tab)


SCREEN = Screen(
    commands={"top": top},
    buttons={Data.TOP: top},
)

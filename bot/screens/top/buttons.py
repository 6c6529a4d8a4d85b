"""The tabs of the leaderboards, and the ways from there."""

from telegram import InlineKeyboardMarkup

from bot.chat import navigation, phrases
from bot.chat.navigation import Data, button
from bot.screens.top import texts
from bot.screens.top.texts import Tab


def board(shown: Tab, *, invites: bool = False) -> InlineKeyboardMarkup:
    """Return the tabs, the one that is shown marked; `invites` leads to one's own link."""
    tabs = [button(texts.tab(one, is_shown=one is shown), Data.TOP, one) for one in Tab]
    invite = [[button(phrases.button_invite(), Data.INVITE)]] if invites else []
    return InlineKeyboardMarkup(
        [
            tabs[:2],
            tabs[2:],
            *invite,
            [navigation.play()],
            [button(phrases.button_profile(), Data.PROFILE)],
            [button(phrases.button_back(), Data.HOME)],
        ]
    )

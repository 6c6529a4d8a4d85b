"""The screens of the bot that staff can look at, as the player would be sent them."""

from collections.abc import Callable
from datetime import datetime

from telegram import InlineKeyboardMarkup

from bot.chat import dates, home_page
from bot.messages import markup
from bot.screens.settings import handlers as settings
from bot.screens.shop import handlers as shop
from bot.screens.wallet import handlers as wallet
from quizarena.players import screens
from quizarena.players.models import Player

Page = tuple[str, InlineKeyboardMarkup]


def _rendered(page: Callable[[Player, datetime], Page]) -> Callable[..., screens.Message]:
    """Return what renders a page of the bot in the player's language, by the player's clock."""

    def render(player: Player, now: datetime) -> screens.Message:
        with dates.speaking_to(player):
            text, keyboard = page(player, now)
            return screens.Message(
                text=markup.look(text),
                buttons=[[one.text for one in row] for row in keyboard.inline_keyboard],
            )

    return render


_SCREENS: tuple[tuple[str, str, str, Callable[[Player, datetime], Page]], ...] = (
    (
        "home",
        "Home",
        "players.view_player",
        lambda player, now: home_page.page(player=player, now=now),
    ),
    (
        "shop",
        "Shop",
        "payments.view_product",
        lambda player, now: shop.page(player=player, now=now),
    ),
    (
        "wallet",
        "Wallet",
        "economy.view_wallet",
        lambda player, now: wallet.page(player=player, now=now),
    ),
    (
        "settings",
        "Settings",
        "players.view_player",
        lambda player, now: settings.page(player=player, now=now),
    ),
)


def declare() -> None:
    """Let staff look at these screens on a player's page."""
    for code, title, permission, page in _SCREENS:
        screens.declare(
            screens.PlayerScreen(
                code=code, title=title, permission=permission, render=_rendered(page)
            )
        )

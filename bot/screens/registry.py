"""The list of all screens, from which the application is built (bot/routing.py)."""

from bot.screens.daily import handlers as daily
from bot.screens.deletion import handlers as deletion
from bot.screens.duel import handlers as duel
from bot.screens.game import handlers as game
from bot.screens.help import handlers as help_pages
from bot.screens.home import handlers as home
from bot.screens.invite import handlers as invite
from bot.screens.language import handlers as language
from bot.screens.levels import handlers as levels
from bot.screens.my_data import handlers as my_data
from bot.screens.offers import handlers as offers
from bot.screens.promo import handlers as promo
from bot.screens.receipts import handlers as receipts
from bot.screens.reports import handlers as reports
from bot.screens.review import handlers as review
from bot.screens.rules import handlers as rules
from bot.screens.settings import handlers as settings
from bot.screens.shop import handlers as shop
from bot.screens.sprint import handlers as sprint
from bot.screens.staff_chats import handlers as staff_chats
from bot.screens.stats import handlers as stats
from bot.screens.support import handlers as support
from bot.screens.top import handlers as top
from bot.screens.tournament import handlers as tournament
from bot.screens.wallet import handlers as wallet
from bot.screens.welcome import handlers as welcome

# A tap is compared with the buttons in this order, so what is tapped most comes first.
SCREENS = (
    game.SCREEN,
    sprint.SCREEN,
    daily.SCREEN,
    review.SCREEN,
    duel.SCREEN,
    tournament.SCREEN,
    rules.SCREEN,
    reports.SCREEN,
    home.SCREEN,
    wallet.SCREEN,
    stats.SCREEN,
    top.SCREEN,
    shop.SCREEN,
    receipts.SCREEN,
    offers.SCREEN,
    invite.SCREEN,
    settings.SCREEN,
    levels.SCREEN,
    welcome.SCREEN,
    language.SCREEN,
    deletion.SCREEN,
    my_data.SCREEN,
    help_pages.SCREEN,
    # Before promo: a further picture of an album is its own, whatever the bot waits for.
    support.SCREEN,
    promo.SCREEN,
    staff_chats.SCREEN,
)

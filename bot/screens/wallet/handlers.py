"""What a player owns, and the last entries of the ledger."""

from datetime import datetime

from django.utils.translation import get_language
from telegram import InlineKeyboardMarkup, Update

from bot.chat import goods_texts, taps
from bot.chat.context import Context
from bot.chat.navigation import Data
from bot.chat.screen import Screen
from bot.screens.offers import touchpoints
from bot.screens.wallet import buttons, texts
from bot.screens.wallet.lines import lines
from economy import entitlements, statements, wallets
from economy.models import EntryType, LedgerEntry, Wallet
from payments import catalogue, subscriptions
from payments.offer_rules import Touchpoint
from quizarena.game import rounds
from quizarena.players.models import Player

# Lines on one page of a player's statement, and the entries that are looked at for them.
STATEMENT_LENGTH = 8
ENTRIES_READ = 100


async def wallet(update: Update, context: Context) -> None:
    """Show what the player owns, and the last entries of the ledger."""
    await taps.send_message(update, *page(player=context.player, now=context.now))
    await touchpoints.show_offer(context, Touchpoint.HOME)


async def wallet_page(update: Update, context: Context) -> None:
    """Turn the message into the wallet, or into a further page of its statement."""
    query = taps.tap(update)
    (after,) = taps.arguments(query, 1)
    await query.answer()
    entries = LedgerEntry.objects.filter(player=context.player)
    entry = entries.filter(pk=int(after)).first() if after.isdecimal() else None
    await taps.edit_message(query, *page(player=context.player, now=context.now, after=entry))
    if entry is None:
        await touchpoints.show_offer(context, Touchpoint.HOME)


def page(
    *, player: Player, now: datetime, after: LedgerEntry | None = None
) -> tuple[str, InlineKeyboardMarkup]:
    """Return the wallet with a page of its statement, and the buttons under it."""
    statement = statements.statement(player=player, after=after, length=ENTRIES_READ)
    charges = [one.idempotency_key for one in statement.entries if one.type == EntryType.QUESTION]
    played = rounds.of_charges(player=player, keys=charges) if charges else {}
    found = lines(statement.entries, played)
    shown = found[:STATEMENT_LENGTH]
    products = {code for line in shown if (code := line.newest.metadata.get("product"))}
    subscription = subscriptions.current(player=player, now=now)
    text = texts.wallet(
        energy=wallets.energy_at(player=player, now=now),
        wallet=Wallet.objects.filter(player=player).first(),
        plan=entitlements.premium_at(player=player, at=now),
        premium_until=entitlements.premium_until(player=player, now=now),
        subscription=goods_texts.subscription_line(subscription, now=now) if subscription else "",
        modes_until=entitlements.modes_until(player=player, now=now),
        lines=shown,
        products=(catalogue.titles(products, language=get_language() or "") if products else {}),
        now=now,
    )
    has_older = len(found) > len(shown) or statement.older is not None
    older = shown[-1].oldest.pk if has_older else None
    return text, buttons.wallet(older=older, has_subscription=subscription is not None)


SCREEN = Screen(
    commands={"wallet": wallet},
    buttons={Data.WALLET: wallet_page},
)

"""Rule cards: by level and topic, and the one that an answered question is about.

Whoever looks one up in the middle of a round gets it as a message of its own, below the question
that waits, and can close it: the question stays as it is.
"""

from telegram import InlineKeyboardMarkup, Update
from telegram.constants import ParseMode

from bot.chat import taps
from bot.chat.context import Context
from bot.chat.navigation import Data
from bot.chat.screen import Screen
from bot.screens.rules import buttons, texts
from quizarena.game import levels, rule_cards
from quizarena.game.models import Level, RuleCard


async def rules(update: Update, context: Context) -> None:
    """Offer the levels."""
    await taps.send_message(update, *_levels(context))


async def page(update: Update, context: Context) -> None:
    """Turn the message into the levels, or into a page of a level's topics."""
    query = taps.tap(update)
    chosen, number = taps.arguments(query, 2)
    if not chosen:
        await query.answer()
        await taps.edit_message(query, *_levels(context))
        return
    if chosen not in Level.values:
        await taps.stale(update, context)
        return
    await query.answer()
    await taps.edit_message(query, *_topics(context, Level(chosen), _number(number)))


async def topic(update: Update, context: Context) -> None:
    """Turn the message into the cards of a topic; the only one is shown at once."""
    query = taps.tap(update)
    topic_id, chosen, number = taps.arguments(query, 3)
    if chosen not in Level.values or not topic_id.isdecimal():
        await taps.stale(update, context)
        return
    level, page = Level(chosen), _number(number)
    cards = list(rule_cards.cards_of(topic_id=int(topic_id[:18]), level=level))
    if not cards:
        await query.answer(texts.no_card(), show_alert=True)
        await taps.edit_message(query, *_topics(context, level, page))
        return
    await query.answer()
    if len(cards) == 1:
        keyboard = buttons.card(cards[0], level=level, page=page, is_only_one=True)
        await taps.edit_message(query, texts.card(cards[0]), keyboard)
        return
    text = texts.choose_card(cards[0].topic, level)
    await taps.edit_message(query, text, buttons.cards(cards, level=level, page=page))


async def card(update: Update, context: Context) -> None:
    """Turn the message into a card; send the one of an answer below the question that waits."""
    query = taps.tap(update)
    card_id, chosen, number = taps.arguments(query, 3)
    shown = rule_cards.find(int(card_id)) if card_id.isdecimal() and len(card_id) <= 18 else None
    if shown is None:
        await query.answer(texts.no_card(), show_alert=True)
        return
    await query.answer()
    if chosen in Level.values:
        await taps.edit_message(query, texts.card(shown), _from_topic(shown, chosen, number))
        return
    await context.bot.send_message(
        context.player.telegram_id,
        texts.card(shown),
        parse_mode=ParseMode.HTML,
        reply_markup=buttons.below_question(),
        disable_notification=True,
    )


async def close(update: Update, context: Context) -> None:
    """Delete the message, below which whatever stood before it is the last one again."""
    await taps.close(update, context)


def _from_topic(shown: RuleCard, chosen: str, number: str) -> InlineKeyboardMarkup:
    return buttons.card(shown, level=Level(chosen), page=_number(number), is_only_one=False)


def _levels(context: Context) -> tuple[str, InlineKeyboardMarkup]:
    shown = rule_cards.levels()
    if not shown:
        return texts.no_cards(), buttons.levels(shown)
    return texts.choose_level(levels.overall(context.player)), buttons.levels(shown)


def _topics(context: Context, level: Level, page: int) -> tuple[str, InlineKeyboardMarkup]:
    """Return a page of topics; the last one instead of one that is there no more."""
    topics = rule_cards.topics_of(level)
    pages = max(1, -(-len(topics) // buttons.PAGE))
    page = min(page, pages - 1)
    shown = topics[page * buttons.PAGE : (page + 1) * buttons.PAGE]
    text = texts.choose_topic(level, page=page, pages=pages) if shown else texts.no_cards()
    return text, buttons.topics(shown, level=level, page=page, pages=pages)


def _number(text: str) -> int:
    """Return the number of a page that a button names; the first for what is none."""
    return int(text) if text.isdecimal() and len(text) <= 4 else 0


SCREEN = Screen(
    commands={"rules": rules},
    buttons={
        Data.RULES: page,
        Data.RULE_TOPIC: topic,
        Data.RULE: card,
        Data.CLOSE: close,
    },
)

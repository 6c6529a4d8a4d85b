"""Levels, topics, the cards of a topic, and the ways back."""

from collections.abc import Sequence

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.chat import navigation, phrases
from bot.chat.navigation import Data, button
from bot.screens.rules import texts
from quizarena.game.models import Level, RuleCard, Topic

# A page has so many topics.
PAGE = 8


def levels(shown: Sequence[Level]) -> InlineKeyboardMarkup:
    """Return a button for each level, and the way out."""
    row = [button(level.value, Data.RULES, level.value, 0) for level in shown]
    rows = [row] if row else []
    return InlineKeyboardMarkup([*rows, [button(phrases.button_back(), Data.HOME)]])


def topics(shown: Sequence[Topic], *, level: Level, page: int, pages: int) -> InlineKeyboardMarkup:
    """Return a button for each topic of a page, the pages beside it, and the way back."""
    rows = [
        [button(texts.title_of(topic), Data.RULE_TOPIC, topic.pk, level.value, page)]
        for topic in shown
    ]
    beside: list[InlineKeyboardButton] = []
    if page > 0:
        beside.append(button(texts.button_before(), Data.RULES, level.value, page - 1))
    if page + 1 < pages:
        beside.append(button(texts.button_after(), Data.RULES, level.value, page + 1))
    if beside:
        rows.append(beside)
    rows.append(
        [
            button(texts.button_levels(), Data.RULES),
            button(phrases.button_back(), Data.HOME),
        ]
    )
    return InlineKeyboardMarkup(rows)


def cards(shown: Sequence[RuleCard], *, level: Level, page: int) -> InlineKeyboardMarkup:
    """Return a button for each card of a topic, and the way back to the topics."""
    rows = [[button(texts.title_of(card), Data.RULE, card.pk, level.value, page)] for card in shown]
    return InlineKeyboardMarkup([*rows, _back_to_topics(level, page)])


def card(shown: RuleCard, *, level: Level, page: int, is_only_one: bool) -> InlineKeyboardMarkup:
    """Return the way back from a card: to its topic, or past it where the topic has no other."""
    if is_only_one:
        return InlineKeyboardMarkup([_back_to_topics(level, page)])
    back = button(phrases.button_back(), Data.RULE_TOPIC, shown.topic_id, level.value, page)
    return InlineKeyboardMarkup([[back]])


def _back_to_topics(level: Level, page: int) -> list[InlineKeyboardButton]:
    return [button(phrases.button_back(), Data.RULES, level.value, page)]


def below_question() -> InlineKeyboardMarkup:
    """Return the button that takes the card away, which stands below a question that waits."""
    return InlineKeyboardMarkup([[navigation.close()]])

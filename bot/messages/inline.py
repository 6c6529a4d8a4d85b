"""Inline queries: `@bot` in any chat offers what a player can share. Product rules, section 11.

A query comes with each key, so it makes nothing but the code of an inviter, once. Where a player
has no duel to be challenged to, a button leads to the bot and makes one there. Telegram shows
nothing that comes later than some seconds after the key, so what is late is not sent.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from telegram import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InlineQueryResult,
    InlineQueryResultArticle,
    InlineQueryResultCachedPhoto,
    InlineQueryResultsButton,
    InputTextMessageContent,
    LinkPreviewOptions,
    Update,
)

from bot.chat import dates, phrases
from bot.chat.context import Context
from bot.chat.models import Card
from bot.messages import buttons, cards, texts
from bot.queue import outbox
from bot.queue.models import InboxUpdate
from bot.screens.duel import handlers as duel_handlers
from bot.screens.duel import texts as duel_texts
from bot.screens.invite import texts as invite_texts
from promos import referrals
from quizarena.game import duels, statistics
from quizarena.game.models import Duel
from quizarena.players.models import Player
from quizarena.players.services import language_for

# Telegram drops the answer to an older query.
ANSWER_WITHIN = timedelta(seconds=10)
# For so long a phone may show the same results again: a duel is soon accepted, a result soon old.
CACHE_S = 5
# What a button of a picture writes behind the bot's name.
_OF_CARD = re.compile(rf"{buttons.CARD_QUERY}(\d{{1,18}})")


async def answer(update: Update, context: Context) -> None:
    """Answer with what the player can share, or with the way to the game for who is none."""
    query = update.inline_query
    assert query is not None
    received_at = InboxUpdate.objects.values_list("received_at", flat=True).get(pk=update.update_id)
    expires_at = received_at + ANSWER_WITHIN
    if context.now >= expires_at:
        return
    asking = query.from_user
    player = Player.objects.known_as(asking.id).first()
    with (
        dates.speaking_to(player, language=language_for(asking.language_code)),
        outbox.collecting(update_id=update.update_id, expires_at=expires_at),
    ):
        results, button = _results(player, query.query, now=context.now)
        await query.answer(results, cache_time=CACHE_S, is_personal=True, button=button)


def _results(
    player: Player | None, words: str, *, now: datetime
) -> tuple[Sequence[InlineQueryResult], InlineQueryResultsButton | None]:
    """Return what is offered for these words, and the button above it, if there is one."""
    if player is None:
        return [_invitation(phrases.bot_link())], None
    if player.suspended_at is not None:
        return [], None
    link = invite_texts.link(referrals.inviter_of(player=player, now=now).code)
    wanted = _OF_CARD.fullmatch(words.strip())
    if wanted is not None:
        card = cards.shareable(player=player, card_id=int(wanted[1]))
        if card is not None:
            return [_card(card, link)], None
    duel = duels.open_invitation(player=player, now=now)
    results = [_invitation(link), *([_challenge(duel)] if duel else []), *_result(player, link)]
    return results, None if duel else _new_duel()


def _invitation(link: str) -> InlineQueryResult:
    return _article("invite", texts.inline_invite(), invite_texts.invitation(), link)


def _challenge(duel: Duel) -> InlineQueryResult:
    words, link = duel_texts.challenge(duel), duel_texts.link(duel)
    return _article(f"duel-{duel.pk}", texts.inline_challenge(), words, link)


def _result(player: Player, link: str) -> list[InlineQueryResult]:
    """Return the picture of the latest result, else what the player has answered, if anything."""
    card = cards.shareable(player=player)
    if card is not None:
        return [_card(card, link)]
    modes = statistics.by_mode(player)
    answered, right = sum(mode.answered for mode in modes), sum(mode.right for mode in modes)
    if not answered:
        return []
    words = texts.inline_answered(answered=answered, right=right)
    return [_article("result", texts.inline_result(), words, link)]


def _article(key: str, title: str, words: str, link: str) -> InlineQueryResult:
    return InlineQueryResultArticle(
        id=key,
        title=title,
        description=words,
        input_message_content=InputTextMessageContent(
            f"{words}\n{link}", link_preview_options=LinkPreviewOptions(is_disabled=True)
        ),
        reply_markup=_play_along(link),
    )


def _card(card: Card, link: str) -> InlineQueryResult:
    words = cards.content(card).words
    return InlineQueryResultCachedPhoto(
        id=f"card-{card.pk}",
        photo_file_id=card.file_id,
        title=texts.inline_result(),
        description=words,
        caption=f"{words}\n{link}",
        reply_markup=_play_along(link),
    )


def _play_along(link: str) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup([[InlineKeyboardButton(texts.button_play_along(), url=link)]])


def _new_duel() -> InlineQueryResultsButton:
    return InlineQueryResultsButton(
        texts.button_new_duel(), start_parameter=duel_handlers.NEW_BY_LINK
    )

"""The player's levels: seen, chosen, and found by the placement. Product rules, section 11."""

from telegram import Update

from bot.chat import cards, question_texts, taps
from bot.chat.answered import below
from bot.chat.context import Context
from bot.chat.navigation import Data
from bot.chat.screen import Screen
from bot.screens.levels import buttons, texts
from quizarena.game import levels, placements
from quizarena.game.errors import (
    NoPlacementError,
    PlacementAnsweredError,
    PlacementTakenError,
    StaleTapError,
)
from quizarena.game.models import LEVELLED_MODES, Level, Mode


async def overview(update: Update, context: Context) -> None:
    """Turn the message into the player's levels."""
    query = taps.tap(update)
    await query.answer()
    await _show_overview(update, context)


async def level(update: Update, context: Context) -> None:
    """Ask for the level of a mode or of all, or take the one that was tapped."""
    query = taps.tap(update)
    where, chosen = taps.arguments(query, 2)
    if where != buttons.ALL and where not in LEVELLED_MODES:
        await taps.stale(update, context)
        return
    mode = None if where == buttons.ALL else Mode(where)
    if not chosen:
        await query.answer()
        await taps.edit_message(query, texts.choose(mode), buttons.choose(mode))
        return
    if chosen not in Level.values:
        await taps.stale(update, context)
        return
    modes = LEVELLED_MODES if mode is None else [mode]
    levels.choose(player=context.player, level=Level(chosen), modes=modes, now=context.now)
    await query.answer(texts.chosen(mode, Level(chosen)))
    await _show_overview(update, context)


async def placement(update: Update, context: Context) -> None:
    """Turn the message into the question that today's placement begins with or waits for."""
    query = taps.tap(update)
    try:
        asked = placements.start(player=context.player, now=context.now)
    except PlacementTakenError as refusal:
        await query.answer(texts.taken_today(refusal.placement.level), show_alert=True)
        return
    except NoPlacementError:
        await query.answer(texts.no_placement(), show_alert=True)
        return
    await query.answer()
    await taps.edit_message(query, texts.question(asked), buttons.options(asked))


async def answer(update: Update, context: Context) -> None:
    """Grade the tap; turn the message into the feedback and the next question or the level."""
    query = taps.tap(update)
    placement_id, number, option_index = taps.arguments(query, 3)
    try:
        answered = placements.answer(
            player=context.player,
            placement_id=int(placement_id),
            number=int(number),
            option_index=int(option_index),
            now=context.now,
        )
    except PlacementAnsweredError:
        await query.answer(question_texts.already_answered())
        return
    except NoPlacementError:
        await query.answer(texts.no_placement(), show_alert=True)
        return
    except (StaleTapError, ValueError):
        await taps.stale(update, context)
        return
    await query.answer(question_texts.toast(is_correct=bool(answered.graded.is_correct)))
    cards.order_milestone(answered.streak, player=context.player, now=context.now)
    if answered.next is not None:
        text = texts.feedback_and_question(answered)
        keyboard = below(answered.graded.version, buttons.options(answered.next))
        await taps.edit_message(query, text, keyboard)
    else:
        assert answered.level is not None
        keyboard = buttons.result(answered.graded, answered.level)
        keyboard = below(answered.graded.version, keyboard)
        await taps.edit_message(query, texts.result(answered), keyboard)


async def _show_overview(update: Update, context: Context) -> None:
    stored = levels.of(context.player)
    await taps.edit_message(taps.tap(update), texts.overview(stored), buttons.overview(stored))


SCREEN = Screen(
    buttons={
        Data.LEVELS: overview,
        Data.LEVEL: level,
        Data.PLACEMENT: placement,
        Data.PLACEMENT_ANSWER: answer,
    },
)

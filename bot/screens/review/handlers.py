"""Reviews: cards that are due, and ⭐ under a question of a round. Product rules, section 15."""

import itertools
from collections.abc import Callable

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Message, Update

from bot.chat import cards, navigation, phrases, question_texts, taps, typed_answers
from bot.chat.answered import below
from bot.chat.context import Context
from bot.chat.navigation import Data
from bot.chat.screen import Screen
from bot.screens.review import buttons, texts
from quizarena.game import reviews, rounds
from quizarena.game.errors import (
    CardStaysError,
    ChipGoneError,
    NothingDueError,
    ReviewAnsweredError,
    StaleTapError,
    TooManyCardsError,
)
from quizarena.game.models import ReviewQuestion, RoundQuestion
from quizarena.game.reviews import Answer
from quizarena.players.models import Awaited


async def review(update: Update, context: Context) -> None:
    """Ask the card that the review waits for, or begin one; in place of a tapped message."""
    query = update.callback_query
    try:
        asked = reviews.start(player=context.player, now=context.now)
    except NothingDueError as refusal:
        text = texts.nothing_due(refusal.next_due_at, now=context.now)
        if query is None:
            await taps.send_message(update, text, buttons.nothing_due())
        else:
            await query.answer(texts.nothing_due_toast())
            await taps.edit_message(query, text, buttons.nothing_due())
        return
    if query is None:
        await taps.send_message(update, texts.question(asked), buttons.options(asked))
    else:
        await query.answer()
        await taps.edit_message(query, texts.question(asked), buttons.options(asked))


async def answer(update: Update, context: Context) -> None:
    """Grade the tap; turn the message into the feedback and the next card, or the result."""
    review_question_id, option_index = taps.arguments(taps.tap(update), 2)
    await _answer(
        update,
        context,
        lambda: reviews.answer(
            player=context.player,
            review_question_id=int(review_question_id),
            option_index=int(option_index),
            now=context.now,
        ),
    )


async def skip(update: Update, context: Context) -> None:
    """Show the answer to who does not know it, and what comes next."""
    (review_question_id,) = taps.arguments(taps.tap(update), 1)
    await _answer(
        update,
        context,
        lambda: reviews.skip(
            player=context.player, review_question_id=int(review_question_id), now=context.now
        ),
    )


async def place_chip(update: Update, context: Context) -> None:
    """Put the tapped word into the sentence; with the last one it is graded."""
    review_question_id, chip = taps.arguments(taps.tap(update), 2)
    await _answer(
        update,
        context,
        lambda: reviews.place_chip(
            player=context.player,
            review_question_id=int(review_question_id),
            chip=int(chip),
            now=context.now,
        ),
    )


async def take_chip_back(update: Update, context: Context) -> None:
    """Take the last word out of the sentence."""
    review_question_id, placed = taps.arguments(taps.tap(update), 2)
    await _answer(
        update,
        context,
        lambda: reviews.take_chip_back(
            player=context.player, review_question_id=int(review_question_id), placed=int(placed)
        ),
    )


def is_typed_answer(update: Update, awaited: Awaited | None) -> bool:
    """Return whether the message answers the card that the player's open review waits for."""
    return isinstance(typed_answers.question_of(update, awaited), ReviewQuestion)


async def typed(update: Update, context: Context) -> None:
    """Grade what the player has written; the feedback and what comes next are a new message."""
    try:
        answered = reviews.answer_text(
            player=context.player,
            text=taps.words(update),
            written_at=taps.written_at(update, now=context.now),
            now=context.now,
        )
    except (ReviewAnsweredError, StaleTapError):
        # Answered in the moment between the look and the lock.
        await review(update, context)
        return
    await _show_answer(update, context, answered)


async def _answer(
    update: Update, context: Context, give: Callable[[], Answer | ReviewQuestion]
) -> None:
    """Give the answer of a tap; turn the message into the feedback and what comes next.

    While the answer is not complete, it is turned into what has come of it so far.
    """
    query = taps.tap(update)
    try:
        outcome = give()
    except ReviewAnsweredError:
        await query.answer(question_texts.already_answered())
        return
    except ChipGoneError:
        await query.answer()
        return
    except (StaleTapError, ValueError):
        await taps.stale(update, context)
        return
    if isinstance(outcome, Answer):
        await query.answer(question_texts.toast(is_correct=outcome.is_right))
        await _show_answer(update, context, outcome)
        return
    await query.answer()
    await taps.edit_message(query, texts.question(outcome), buttons.options(outcome))


async def _show_answer(update: Update, context: Context, answered: Answer) -> None:
    """Show how an answer was graded, and what comes next.

    After a wrong answer the next card waits for a tap: its time would run while the player reads.
    """
    version = answered.question.version
    if answered.next is not None:
        text = texts.feedback_and_question(answered)
        await _show(update, text, below(version, buttons.options(answered.next)))
    elif answered.summary is None:
        await _show(
            update, texts.feedback(answered), below(version, buttons.after_mistake(answered))
        )
    else:
        await _show_result(update, context, answered)
    cards.order_milestone(answered.streak, player=context.player, now=context.now)


async def _show(update: Update, text: str, keyboard: InlineKeyboardMarkup) -> None:
    """Turn the tapped message into `text`, or answer a message with a new one."""
    if update.callback_query is None:
        await taps.send_message(update, text, keyboard)
    else:
        await taps.edit_message(update.callback_query, text, keyboard)


async def _show_result(update: Update, context: Context, answered: Answer) -> None:
    """Show the feedback and the result, which is celebrated if all is right."""
    summary = answered.summary
    assert summary is not None
    text = texts.result(summary, answered, now=context.now)
    keyboard = below(answered.question.version, buttons.result(summary, answered))
    if summary.right != summary.answered:
        parts = (texts.feedback(answered), question_texts.DIVIDER, text)
        await _show(update, "\n\n".join(parts), keyboard)
    elif update.callback_query is not None:
        await taps.celebrate(update.callback_query, texts.feedback(answered), text, keyboard)
    else:
        await taps.send_message(update, texts.feedback(answered), InlineKeyboardMarkup([]))
        await taps.send_message(update, text, keyboard, effect=phrases.CONFETTI)


async def stop(update: Update, context: Context) -> None:
    """End the review and turn the message into its result."""
    query = taps.tap(update)
    (review_id,) = taps.arguments(query, 1)
    try:
        summary = reviews.stop(player=context.player, review_id=int(review_id), now=context.now)
    except (StaleTapError, ValueError):
        await taps.stale(update, context)
        return
    await query.answer()
    text = texts.result(summary, now=context.now)
    await taps.edit_message(query, text, buttons.result(summary))


async def undo(update: Update, context: Context) -> None:
    """Take a wrong answer back and turn the message into its question again."""
    query = taps.tap(update)
    (review_question_id,) = taps.arguments(query, 1)
    try:
        asked = reviews.undo(
            player=context.player, review_question_id=int(review_question_id), now=context.now
        )
    except (StaleTapError, ValueError):
        await query.answer(texts.too_late())
        return
    await query.answer(texts.undone())
    await taps.edit_message(query, texts.question(asked), buttons.options(asked))


async def save(update: Update, context: Context) -> None:
    """Save an answered question, or no longer; the button says which, and then the other."""
    query = taps.tap(update)
    round_question_id, wanted = taps.arguments(query, 2)
    if not round_question_id.isdecimal() or wanted not in ("0", "1"):
        await taps.stale(update, context)
        return
    key, saves = int(round_question_id), wanted == "1"
    try:
        if saves:
            number = reviews.save(player=context.player, round_question_id=key, now=context.now)
        else:
            number = reviews.unsave(player=context.player, round_question_id=key)
    except TooManyCardsError:
        await query.answer(texts.day_is_full(), show_alert=True)
        return
    except CardStaysError:
        await query.answer(texts.stays())
        return
    except StaleTapError:
        await taps.stale(update, context)
        return
    await query.answer(texts.saved(number) if saves else texts.unsaved(number))
    shown = query.message.reply_markup if isinstance(query.message, Message) else None
    if shown is None or not _is_up_to_date(shown, rounds.open_question(player=context.player)):
        return
    other = navigation.save(key, number=number, is_saved=saves)
    await taps.edit_buttons(query, _with(shown, other, in_place_of=query.data or ""))


def _is_up_to_date(shown: InlineKeyboardMarkup, waiting: RoundQuestion | None) -> bool:
    """Return whether the buttons of a message are still those of the question that waits.

    Who taps an option and ⭐ right after it has tapped ⭐ beside a question that is answered: its
    buttons must not come back below the next one. The same goes for words that were put down.
    """
    asks, words = set(), set()
    for one in itertools.chain.from_iterable(shown.inline_keyboard):
        match str(one.callback_data or "").split(":"):
            case [Data.ANSWER | Data.SKIP | Data.CHIP_BACK, asked, *_]:
                asks.add(asked)
            case [Data.CHIP, asked, word]:
                asks.add(asked)
                words.add(word)
    if not asks:
        return True
    if waiting is None or waiting.answered_at is not None:
        return False
    left = {str(chip) for chip in waiting.chips if chip not in waiting.placed}
    return asks == {str(waiting.pk)} and words == left


def _with(
    shown: InlineKeyboardMarkup, other: InlineKeyboardButton, *, in_place_of: str
) -> InlineKeyboardMarkup:
    """Return the buttons of a message with another one in the place of the tapped one."""
    return InlineKeyboardMarkup(
        [
            [other if one.callback_data == in_place_of else one for one in row]
            for row in shown.inline_keyboard
        ]
    )


SCREEN = Screen(
    commands={"review": review},
    buttons={
        Data.REVIEW: review,
        Data.REVIEW_ANSWER: answer,
        Data.REVIEW_CHIP: place_chip,
        Data.REVIEW_CHIP_BACK: take_chip_back,
        Data.REVIEW_SKIP: skip,
        Data.REVIEW_STOP: stop,
        Data.REVIEW_UNDO: undo,
        Data.SAVE: save,
    },
    messages=((is_typed_answer, typed),),
)

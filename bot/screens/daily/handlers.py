"""The daily challenge: its page, its seven questions, its result. Product rules, section 11.

Nothing is offered here: who plays the challenge is not interrupted.
"""

from telegram import InlineKeyboardMarkup, Update

from bot.chat import cards, question_texts, taps
from bot.chat.answered import below
from bot.chat.context import Context
from bot.chat.models import CardKind
from bot.chat.navigation import Data
from bot.chat.screen import Screen
from bot.screens.daily import buttons, texts
from quizarena.game import daily
from quizarena.game.daily import Answer, Progress
from quizarena.game.errors import (
    DailyAnsweredError,
    DailyOverError,
    StaleTapError,
    TooFewQuestionsError,
)


async def page(update: Update, context: Context) -> None:
    """Show how far the player is in today's challenge, in place of the tapped message if any."""
    if update.callback_query is None:
        await taps.send_message(update, *_page(context))
        return
    query = taps.tap(update)
    await query.answer()
    await taps.edit_message(query, *_page(context))


async def start(update: Update, context: Context) -> None:
    """Turn the message into the question that today's challenge waits for, or into its result."""
    query = taps.tap(update)
    try:
        progress = daily.start(player=context.player, now=context.now)
    except TooFewQuestionsError:
        await query.answer(texts.none_today(), show_alert=True)
        return
    await query.answer()
    if progress.next is None:
        await taps.edit_message(query, *_result(progress))
    else:
        await taps.edit_message(query, texts.question(progress.next), buttons.options(progress))


async def answer(update: Update, context: Context) -> None:
    """Grade the tap; turn the message into the feedback and the next question or the result."""
    query = taps.tap(update)
    run_id, number, option_index = taps.arguments(query, 3)
    try:
        answered = daily.answer(
            player=context.player,
            run_id=int(run_id),
            number=int(number),
            option_index=int(option_index),
            now=context.now,
        )
    except DailyAnsweredError:
        await query.answer(question_texts.already_answered())
        return
    except DailyOverError as refusal:
        # Its page and not its first question: the time of today's begins with a tap on purpose.
        note = texts.over(refusal.day, today=daily.today(context.now))
        text, keyboard = _page(context)
        await query.answer()
        await taps.edit_message(query, f"{note}\n\n{text}", keyboard)
        return
    except (StaleTapError, ValueError):
        await taps.stale(update, context)
        return
    await query.answer(question_texts.toast(is_correct=answered.is_correct))
    if answered.progress.next is not None:
        text = texts.feedback_and_question(answered)
        keyboard = below(answered.question.version, buttons.options(answered.progress))
        await taps.edit_message(query, text, keyboard)
    else:
        await _show_result(update, answered)
        run = answered.progress.run
        cards.order(kind=CardKind.DAILY, subject=run.pk, player=context.player, now=context.now)
        cards.order_milestone(answered.streak, player=context.player, now=context.now)


async def _show_result(update: Update, answered: Answer) -> None:
    """Turn the message into the feedback and the result, which is celebrated if all is right."""
    query = taps.tap(update)
    progress = answered.progress
    text = texts.result(progress, daily.standing(progress.run), answered.streak, answered.points)
    keyboard = below(answered.question.version, buttons.result(progress))
    if all(progress.outcomes):
        await taps.celebrate(query, texts.feedback(answered), text, keyboard)
    else:
        parts = (texts.feedback(answered), question_texts.DIVIDER, text)
        await taps.edit_message(query, "\n\n".join(parts), keyboard)


def _page(context: Context) -> tuple[str, InlineKeyboardMarkup]:
    """Return today's challenge before its start, in the middle, or its result."""
    progress = daily.progress(player=context.player, now=context.now)
    if progress is not None and progress.run.finished_at is not None:
        return _result(progress)
    text = texts.page(progress, now=context.now)
    return text, buttons.page(is_started=progress is not None)


def _result(progress: Progress) -> tuple[str, InlineKeyboardMarkup]:
    return texts.result(progress, daily.standing(progress.run)), buttons.result(progress)


SCREEN = Screen(
    commands={"daily": page},
    buttons={Data.DAILY: page, Data.DAILY_START: start, Data.DAILY_ANSWER: answer},
)

"""The article sprint: its page, its questions, its result. Product rules, section 11."""

from telegram import Update
from telegram.constants import ParseMode

from bot.chat import cards, navigation, taps
from bot.chat.context import Context
from bot.chat.navigation import Data
from bot.chat.screen import Screen
from bot.screens.offers import touchpoints
from bot.screens.sprint import buttons, texts
from economy.errors import NoEnergyError
from economy.streaks import StreakChange
from payments.offer_rules import Touchpoint
from quizarena.game import daily, reviews, sprints
from quizarena.game.errors import (
    NoQuestionsError,
    SprintAnsweredError,
    SprintOverError,
    StaleTapError,
)
from quizarena.game.sprints import Result


async def page(update: Update, context: Context) -> None:
    """Turn the message into the page of the mode: a sprint, or a round."""
    query = taps.tap(update)
    (key,) = taps.arguments(query, 1)
    await query.answer()
    text = texts.page(sprints.best(player=context.player))
    await taps.edit_message(query, text, buttons.page(start_key=key or f"u{update.update_id}"))


async def start(update: Update, context: Context) -> None:
    """Start a sprint and turn the message into its first question; a result stays above it."""
    query, now = taps.tap(update), context.now
    (key,) = taps.arguments(query, 1)
    show = taps.send_below if key.startswith(buttons.AGAIN) else taps.edit_message
    try:
        step = sprints.start(player=context.player, key=key, now=now)
    except NoQuestionsError:
        await query.answer(texts.not_enough_questions(), show_alert=True)
        return
    except NoEnergyError as refusal:
        await query.answer()
        text = texts.no_energy(refusal, now=now)
        free = navigation.free_of_energy(
            with_daily=not daily.has_finished(player=context.player, now=now),
            due=reviews.due(player=context.player, now=now),
        )
        if not await touchpoints.fallback_offer(
            query, context, Touchpoint.OUT_OF_ENERGY, above=text, first=free, show=show
        ):
            await show(query, text, buttons.out_of_energy(free))
        return
    except StaleTapError:
        await taps.stale(update, context)
        return
    await query.answer()
    if step.charge is None:
        return  # A second tap: the question stands in the message already.
    best = sprints.best(player=context.player)
    await show(query, texts.first_question(step, best, now=now), buttons.articles(step))


async def answer(update: Update, context: Context) -> None:
    """Grade the tap; turn the message into the next question, or into the result."""
    query, now = taps.tap(update), context.now
    sprint_id, number, article = taps.arguments(query, 3)
    try:
        answered = sprints.answer(
            player=context.player,
            sprint_id=int(sprint_id),
            number=int(number),
            article=article,
            now=now,
        )
    except SprintAnsweredError:
        await query.answer()  # Tapped twice in the hurry.
        return
    except SprintOverError as refusal:
        over = sprints.finish(player=context.player, sprint_id=refusal.sprint.pk, now=now)
        await _show_result(update, context, over)
        return
    except (StaleTapError, ValueError):
        await taps.stale(update, context)
        return
    if answered.next is not None:
        await query.answer()
        best = sprints.best(player=context.player)
        text = texts.feedback_and_question(answered, best, now=now)
        await taps.edit_message(query, text, buttons.articles(answered.next))
    else:
        assert answered.result is not None
        await _show_result(update, context, answered.result, answered.streak)
    cards.order_milestone(answered.streak, player=context.player, now=now)


async def stop(update: Update, context: Context) -> None:
    """Finish the sprint as it stands and turn the message into its result."""
    query = taps.tap(update)
    (sprint_id,) = taps.arguments(query, 1)
    try:
        over = sprints.finish(player=context.player, sprint_id=int(sprint_id), now=context.now)
    except (StaleTapError, ValueError):
        await taps.stale(update, context)
        return
    await query.answer()
    await taps.edit_message(query, texts.result(over), buttons.result(over))


async def answers(update: Update, context: Context) -> None:
    """List what a sprint has asked: below its result, and from then on in the list's message."""
    query = taps.tap(update)
    sprint_id, number = taps.arguments(query, 2)
    try:
        given = sprints.answers(player=context.player, sprint_id=int(sprint_id))
        page = int(number or 0)
    except (StaleTapError, ValueError):
        await taps.stale(update, context)
        return
    pages = -(-len(given) // buttons.PAGE)
    page = min(max(page, 0), pages - 1)
    shown = given[page * buttons.PAGE : (page + 1) * buttons.PAGE]
    text = texts.answers(shown, page=page, pages=pages)
    keyboard = buttons.answers(shown, sprint_id=int(sprint_id), page=page, pages=pages)
    await query.answer()
    if number:
        await taps.edit_message(query, text, keyboard)
        return
    await context.bot.send_message(
        context.player.telegram_id,
        text,
        parse_mode=ParseMode.HTML,
        reply_markup=keyboard,
        disable_notification=True,
    )


async def noun(update: Update, context: Context) -> None:
    """Turn the list into one of its nouns, with why its article is right."""
    query = taps.tap(update)
    sprint_id, number = taps.arguments(query, 2)
    try:
        given = sprints.answers(player=context.player, sprint_id=int(sprint_id))
        (shown,) = [one for one in given if one.number == int(number)]
    except (StaleTapError, ValueError):
        await taps.stale(update, context)
        return
    await query.answer()
    await taps.edit_message(query, texts.noun(shown), buttons.noun(shown, sprint_id=int(sprint_id)))


async def _show_result(
    update: Update, context: Context, over: Result, streak: StreakChange | None = None
) -> None:
    """Turn the message into the result."""
    query = taps.tap(update)
    await query.answer(texts.time_is_up())
    await taps.edit_message(query, texts.result(over, streak), buttons.result(over))
    await touchpoints.show_offer(context, Touchpoint.ROUND_OVER)


SCREEN = Screen(
    buttons={
        Data.SPRINT_ANSWER: answer,
        Data.SPRINT: page,
        Data.SPRINT_START: start,
        Data.SPRINT_STOP: stop,
        Data.SPRINT_ANSWERS: answers,
        Data.SPRINT_NOUN: noun,
    },
)

"""The menu of modes, and a round from its first question to its result."""

from collections.abc import Callable
from functools import partial

from telegram import InlineKeyboardMarkup, Update
from telegram.constants import ParseMode

from bot.chat import (
    answered,
    cards,
    navigation,
    phrases,
    question_texts,
    reminder_settings,
    taps,
    typed_answers,
)
from bot.chat.context import Context
from bot.chat.navigation import Data
from bot.chat.screen import Screen
from bot.chat.taps import Show
from bot.screens.game import buttons, texts
from bot.screens.offers import touchpoints
from economy import entitlements, wallets
from economy.errors import NoEnergyError
from economy.wallets import Charge
from payments import benefits, catalogue
from payments.catalogue import Offer
from payments.offer_rules import Touchpoint
from quizarena.game import cups, daily, reviews, rounds, sprints
from quizarena.game.errors import (
    AlreadyAnsweredError,
    ChipGoneError,
    LockedModeError,
    NoQuestionsError,
    QuestionRefundedError,
    SampleTakenError,
    StaleTapError,
)
from quizarena.game.models import ROUND_LENGTH, Level, Mode, RoundQuestion
from quizarena.game.rounds import Answer, Start
from quizarena.players.models import Awaited

# After so many rounds on the first day there is a kind word.
FIRST_DAY_ROUNDS = 2


async def play(update: Update, context: Context) -> None:
    """Offer the modes."""
    await taps.send_message(update, texts.choose_mode(), _menu(update, context))


async def menu(update: Update, context: Context) -> None:
    """Turn the message into the menu of modes."""
    query = taps.tap(update)
    await query.answer()
    await taps.edit_message(query, texts.choose_mode(), _menu(update, context))


async def start_round(update: Update, context: Context) -> None:
    """Start a round and turn the message into its first question; a result stays above it."""
    query = taps.tap(update)
    mode, key = taps.arguments(query, 2)
    if mode not in buttons.MENU:
        await taps.stale(update, context)
        return
    begin = partial(rounds.start, player=context.player, mode=Mode(mode), key=key, now=context.now)
    show = taps.send_below if key.startswith(buttons.AGAIN) else taps.edit_message
    await _ask(update, context, begin, show=show)


async def try_sample(update: Update, context: Context) -> None:
    """Start the day's sample of a locked mode and turn the message into its first question."""
    query = taps.tap(update)
    mode, key = taps.arguments(query, 2)
    if mode not in buttons.MENU or not key:
        await taps.stale(update, context)
        return
    begin = partial(
        rounds.start_sample, player=context.player, mode=Mode(mode), key=key, now=context.now
    )
    await _ask(update, context, begin)


async def begin(update: Update, context: Context) -> None:
    """Take the level of who is new, and turn the message into the first question, once."""
    query = taps.tap(update)
    (chosen,) = taps.arguments(query, 1)
    if chosen not in Level.values:
        await taps.stale(update, context)
        return
    start = partial(
        rounds.begin,
        player=context.player,
        level=Level(chosen),
        key=buttons.FIRST,
        now=context.now,
    )
    await _ask(update, context, start)


async def continue_round(update: Update, context: Context) -> None:
    """Turn the message into the question that the player's open round waits for."""
    (round_id,) = taps.arguments(taps.tap(update), 1)

    def resume() -> Start:
        return rounds.resume(player=context.player, round_id=int(round_id), now=context.now)

    await _ask(update, context, resume, shows_again=True)


async def answer(update: Update, context: Context) -> None:
    """Grade the tap; turn the message into the feedback and what comes next."""
    round_question_id, option_index = taps.arguments(taps.tap(update), 2)
    await _answer(
        update,
        context,
        lambda: rounds.answer(
            player=context.player,
            round_question_id=int(round_question_id),
            option_index=int(option_index),
            now=context.now,
        ),
    )


async def skip(update: Update, context: Context) -> None:
    """Show the answer to who does not know it, and what comes next."""
    (round_question_id,) = taps.arguments(taps.tap(update), 1)
    await _answer(
        update,
        context,
        lambda: rounds.skip(
            player=context.player, round_question_id=int(round_question_id), now=context.now
        ),
    )


async def place_chip(update: Update, context: Context) -> None:
    """Put the tapped word into the sentence; with the last one it is graded."""
    round_question_id, chip = taps.arguments(taps.tap(update), 2)
    await _answer(
        update,
        context,
        lambda: rounds.place_chip(
            player=context.player,
            round_question_id=int(round_question_id),
            chip=int(chip),
            now=context.now,
        ),
    )


async def take_chip_back(update: Update, context: Context) -> None:
    """Take the last word out of the sentence."""
    round_question_id, placed = taps.arguments(taps.tap(update), 2)
    await _answer(
        update,
        context,
        lambda: rounds.take_chip_back(
            player=context.player, round_question_id=int(round_question_id), placed=int(placed)
        ),
    )


def is_typed_answer(update: Update, awaited: Awaited | None) -> bool:
    """Return whether the message answers the question that the player's open round waits for."""
    return isinstance(typed_answers.question_of(update, awaited), RoundQuestion)


async def typed(update: Update, context: Context) -> None:
    """Grade what the player has written; the feedback and what comes next are a new message."""
    try:
        outcome = rounds.answer_text(
            player=context.player, text=taps.words(update), now=context.now
        )
    except QuestionRefundedError as refusal:
        await _send_another(update, context, round_id=refusal.round_question.round_id)
        return
    except StaleTapError:
        # Answered in the moment between the look and the lock.
        await taps.send_message(update, texts.choose_mode(), _menu(update, context))
        return
    await _show_answer(update, context, outcome)


async def _send_another(update: Update, context: Context, *, round_id: int) -> None:
    """Send another question in place of one that was refunded, or say why there is none."""
    now = context.now
    try:
        started = rounds.resume(player=context.player, round_id=round_id, now=now)
    except (NoQuestionsError, LockedModeError, NoEnergyError) as refusal:
        with_daily = _daily_is_open(context)
        due = reviews.due(player=context.player, now=now)
        text = texts.round_ended(refusal, with_daily=with_daily, due=due, now=now)
        if isinstance(refusal, NoEnergyError):
            keyboard = buttons.out_of_energy(with_daily=with_daily, due=due)
        else:
            keyboard = _menu(update, context)
        await taps.send_message(update, text, keyboard)
        return
    asked = started.round_question
    question = texts.question(asked, started.charge, now=now)
    text = f"{texts.question_refunded()}\n\n{question}"
    await taps.send_message(update, text, buttons.options(asked), shows=asked)


async def _answer(
    update: Update, context: Context, give: Callable[[], Answer | RoundQuestion]
) -> None:
    """Give the answer of a tap; turn the message into the feedback and what comes next.

    While the answer is not complete, it is turned into what has come of it so far.
    """
    query = taps.tap(update)
    try:
        outcome = give()
    except AlreadyAnsweredError:
        await query.answer(question_texts.already_answered())
        return
    except ChipGoneError:
        await query.answer()
        return
    except QuestionRefundedError as refusal:
        round_id = refusal.round_question.round_id
        resume = partial(rounds.resume, player=context.player, round_id=round_id, now=context.now)
        await _ask(update, context, resume, note=texts.question_refunded())
        return
    except (StaleTapError, ValueError):
        await taps.stale(update, context)
        return
    if isinstance(outcome, Answer):
        await query.answer(question_texts.toast(is_correct=bool(outcome.graded.is_correct)))
        await _show_answer(update, context, outcome)
        return
    await query.answer()
    outcome.version.question_row = outcome.question
    await taps.edit_message(
        query,
        texts.question(outcome, None, now=context.now),
        buttons.options(outcome),
        shows=outcome,
    )


async def _show_answer(update: Update, context: Context, outcome: Answer) -> None:
    """Show how an answer was graded, and what comes next."""
    if outcome.next is not None:
        graded = outcome.graded
        # Above the ways out, and above the row that saves the question: both are about it.
        above = 2 if graded.is_correct else 1
        await _show(
            update,
            texts.feedback_and_question(outcome, now=context.now),
            answered.below(
                graded.version, buttons.options(outcome.next, answered=graded), above=above
            ),
            shows=outcome.next,
        )
    else:
        await _show_result(update, context, outcome)
    cards.order_milestone(outcome.streak, player=context.player, now=context.now)


async def _show(
    update: Update,
    text: str,
    keyboard: InlineKeyboardMarkup,
    *,
    shows: RoundQuestion | None = None,
) -> None:
    """Turn the tapped message into `text`, or answer a message with a new one."""
    if update.callback_query is None:
        await taps.send_message(update, text, keyboard, shows=shows)
    else:
        await taps.edit_message(update.callback_query, text, keyboard, shows=shows)


async def _show_result(update: Update, context: Context, outcome: Answer) -> None:
    """Show the feedback and the result, which is celebrated if all is right."""
    last = outcome.graded
    graded = rounds.answered(last.round)
    is_out = isinstance(outcome.refusal, NoEnergyError)
    with_daily = is_out and _daily_is_open(context)
    has_mistakes = not all(one.is_correct for one in graded)
    due = reviews.due(player=context.player, now=context.now) if is_out or has_mistakes else 0
    # The one good moment to ask: a round was played to its end.
    asks = (
        outcome.refusal is None
        and not last.round.is_sample
        and reminder_settings.ask_once(player=context.player, now=context.now)
    )
    has_right = any(one.is_correct for one in graded)
    points = rounds.points_of(graded, player=context.player) if has_right else 0
    text = texts.round_over(
        outcome, graded, points=points, with_daily=with_daily, due=due, now=context.now
    )
    is_whole = len(graded) == ROUND_LENGTH
    if asks:
        text = f"{text}\n\n{texts.may_remind(now=context.now)}"
    if last.round.is_sample and not is_out:
        opening = _openers(context, last.round.mode)
        text = f"{text}\n\n{texts.sample_over(last.round, opening, now=context.now)}"
        keyboard = buttons.after_sample(opening, answered=last)
    else:
        keyboard = buttons.after_round(
            last.round,
            with_daily=with_daily,
            due=due if is_out else 0,
            sells=is_out,
            repeats=bool(due) and not is_out,
            share=texts.share(last.round, graded) if is_whole else "",
            asks=asks,
            answered=last,
        )
    keyboard = answered.below(last.version, keyboard, above=buttons.REMINDERS if asks else 1)
    if is_whole and not has_mistakes:
        if update.callback_query is not None:
            await taps.celebrate(update.callback_query, texts.feedback(last), text, keyboard)
        else:
            await taps.send_message(update, texts.feedback(last), InlineKeyboardMarkup([]))
            await taps.send_message(update, text, keyboard, effect=phrases.CONFETTI)
    else:
        parts = (texts.feedback(last), question_texts.DIVIDER, text)
        await _show(update, "\n\n".join(parts), keyboard)
    if not last.round.is_sample and _is_second_of_first_day(context):
        await context.bot.send_message(
            context.player.telegram_id, texts.first_day(), parse_mode=ParseMode.HTML
        )
        return  # No offer: the day ends with a kind word.
    await touchpoints.show_offer(
        context, Touchpoint.OUT_OF_ENERGY if is_out else Touchpoint.ROUND_OVER
    )


def _is_second_of_first_day(context: Context) -> bool:
    """Return whether the round that has just been finished is the second of the first day."""
    player, now = context.player, context.now
    return rounds.is_first_day(player=player, now=now) and (
        rounds.finished_today(player=player, now=now) == FIRST_DAY_ROUNDS
    )


async def stop(update: Update, context: Context) -> None:
    """End the round and turn the message into its result."""
    query = taps.tap(update)
    (round_id,) = taps.arguments(query, 1)
    try:
        ended = rounds.stop(player=context.player, round_id=int(round_id), now=context.now)
    except (StaleTapError, ValueError):
        await taps.stale(update, context)
        return
    await query.answer()
    graded = rounds.answered(ended.played)
    has_right = any(one.is_correct for one in graded)
    points = rounds.points_of(graded, player=context.player) if has_right else 0
    text = texts.stopped(ended, graded, points=points)
    has_mistakes = not all(one.is_correct for one in graded)
    repeats = has_mistakes and reviews.due(player=context.player, now=context.now) > 0
    keyboard = buttons.after_round(ended.played, repeats=repeats)
    if ended.played.is_sample:
        opening = _openers(context, ended.played.mode)
        text = f"{text}\n\n{texts.sample_over(ended.played, opening, now=context.now)}"
        keyboard = buttons.after_sample(opening)
    await taps.edit_message(query, text, keyboard)
    await touchpoints.show_offer(context, Touchpoint.ROUND_OVER)


async def _ask(
    update: Update,
    context: Context,
    begin: Callable[[], Start],
    *,
    note: str = "",
    shows_again: bool = False,
    show: Show = taps.edit_message,
) -> None:
    """Turn the tapped message into the question that `begin` brings, or say why there is none.

    With `show` it is sent below the message instead.
    `note` is said over the chat with the question. One that was paid before stands in the message
    already, after a second tap; `shows_again` shows it nevertheless.
    """
    query = taps.tap(update)
    try:
        started = begin()
    except NoQuestionsError:
        await query.answer(texts.no_questions(), show_alert=True)
        return
    except LockedModeError as refusal:
        await _show_locked(update, context, refusal, show=show)
        return
    except SampleTakenError as refusal:
        await _show_locked(update, context, refusal.locked, show=show)
        return
    except NoEnergyError as refusal:
        await query.answer(texts.no_energy_toast(refusal, now=context.now))
        with_daily = _daily_is_open(context)
        due = reviews.due(player=context.player, now=context.now)
        text = texts.no_energy(refusal, with_daily=with_daily, due=due, now=context.now)
        free = navigation.free_of_energy(with_daily=with_daily, due=due)
        if not await touchpoints.fallback_offer(
            query, context, Touchpoint.OUT_OF_ENERGY, above=text, first=free, show=show
        ):
            await show(query, text, buttons.out_of_energy(with_daily=with_daily, due=due))
        return
    except (StaleTapError, ValueError):
        await taps.stale(update, context)
        return
    await query.answer(note or None, show_alert=bool(note) or None)
    charge = started.charge
    if charge is None and shows_again:
        charge = Charge(
            energy=wallets.energy_at(player=context.player, now=context.now),
            plan=entitlements.premium_at(player=context.player, at=context.now),
        )
    if charge is not None:
        await show(
            query,
            texts.first_question(started, charge, now=context.now),
            buttons.options(started.round_question),
            shows=started.round_question,
        )


async def _show_locked(
    update: Update, context: Context, refusal: LockedModeError, *, show: Show
) -> None:
    """Show what opens a mode, and the day's sample if it is still there."""
    query, now = taps.tap(update), context.now
    opening = _openers(context, refusal.mode)
    has_sample = rounds.has_sample(player=context.player, now=now)
    key = str(update.update_id)
    sample = buttons.try_sample(refusal.mode, start_key=key) if has_sample else []
    why = texts.locked(refusal)
    if not await touchpoints.fallback_offer(
        query,
        context,
        Touchpoint.LOCKED_MODE,
        about=refusal.mode,
        below=texts.beside_offer(opening, has_sample=has_sample, now=now),
        first=sample,
        beside=buttons.premium(opening),
        toast=why,
        show=show,
    ):
        await query.answer(why)
        text = texts.locked_mode(refusal, opening, has_sample=has_sample, now=now)
        await show(query, text, buttons.locked_mode(sample, opening))


def _openers(context: Context, mode: str) -> list[Offer]:
    """Return what the player could buy to open a mode."""
    offers = catalogue.available_products(player=context.player, now=context.now)
    return benefits.openers(offers, mode=mode)


def _daily_is_open(context: Context) -> bool:
    """Return whether the player can still play today's challenge, which costs no energy."""
    return not daily.has_finished(player=context.player, now=context.now)


def _menu(update: Update, context: Context) -> InlineKeyboardMarkup:
    """Return the modes, those that are not open to the player with a lock."""
    open_modes = entitlements.open_modes(player=context.player, at=context.now)
    return buttons.menu(
        start_key=f"u{update.update_id}",
        open_modes=open_modes,
        waiting=rounds.open_question(player=context.player),
        due=reviews.due(player=context.player, now=context.now),
        cup_at=cups.starts_at(cups.today(context.now)) if cups.is_open(context.now) else None,
        has_sprint=sprints.is_possible(now=context.now),
    )


SCREEN = Screen(
    commands={"play": play},
    buttons={
        Data.ANSWER: answer,
        Data.CHIP: place_chip,
        Data.CHIP_BACK: take_chip_back,
        Data.SKIP: skip,
        Data.MENU: menu,
        Data.PLAY: start_round,
        Data.SAMPLE: try_sample,
        Data.BEGIN: begin,
        Data.CONTINUE: continue_round,
        Data.STOP: stop,
    },
    messages=((is_typed_answer, typed),),
)

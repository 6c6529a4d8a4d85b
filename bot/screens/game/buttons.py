"""The menu of modes, the options of a question, and the buttons under a result."""

from collections.abc import Collection, Sequence
from datetime import datetime

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.chat import navigation, phrases
from bot.chat.models import DAILY_HOUR
from bot.chat.navigation import Data, button
from bot.screens.game import texts
from payments.catalogue import Offer
from quizarena.game.models import WRITTEN, Mode, Round, RoundQuestion

# What is played in rounds; a mode that is not open is shown with a lock.
MENU = (
    Mode.QUICK_MIX_A1A2,
    Mode.ARTIKEL_SPRINT,
    Mode.CASES_PRACTICE,
    Mode.TRENNBARE_VERBEN,
    Mode.WORD_ORDER,
)

# The start keys of a result, which is followed by the id of its round, begin so; those of a menu
# with the id of its update and a "u".
AGAIN = "r"
# Those of a sample of a locked mode.
TRY = "s"
# That of a player's very first round.
FIRST = "first"

# So many rows of a result ask whether the bot may remind; they stay together.
REMINDERS = 3


def menu(
    *,
    start_key: str,
    open_modes: Collection[str] | None,
    waiting: RoundQuestion | None,
    cup_at: datetime | None = None,
    has_sprint: bool = False,
    due: int = 0,
) -> InlineKeyboardMarkup:
    """Return one button for an open round, one for the daily challenge and one for each mode.

    `cup_at` is when today's cup begins, while one can register for it. With `has_sprint` the mode
    of articles leads to a page of its own, where a sprint can be chosen instead of a round. `due`
    is how many cards are due, which has a button of its own.

    `start_key` makes all taps on a mode one start. `open_modes` are those without a lock; None is
    all of them. `waiting` is the latest question of the open round.
    """
    rows = [
        *navigation.continue_round(waiting),
        [navigation.daily()],
        *navigation.review(due=due),
    ]
    if cup_at is not None:
        rows.append([navigation.cup(starts_at=cup_at)])
    for mode in MENU:
        is_open = open_modes is None or mode in open_modes
        label = phrases.mode_name(mode) if is_open else f"🔒 {phrases.mode_name(mode)}"
        if mode is Mode.ARTIKEL_SPRINT and has_sprint:
            rows.append([button(label, Data.SPRINT, start_key)])
        else:
            rows.append([button(label, Data.PLAY, mode, start_key)])
    if open_modes is not None:
        rows.append([button(phrases.button_shop(), Data.SHOP)])  # What opens the locks.
    return InlineKeyboardMarkup([*rows, [button(phrases.button_back(), Data.HOME)]])


def try_sample(mode: Mode, *, start_key: str) -> list[list[InlineKeyboardButton]]:
    """Return the row that starts the day's sample of a locked mode; all its taps are one start."""
    return [[button(texts.button_sample(), Data.SAMPLE, mode, f"{TRY}{start_key}")]]


def premium(opening: Sequence[Offer]) -> list[list[InlineKeyboardButton]]:
    """Return the rows of the Premium plans among what opens a mode."""
    return navigation.products([offer for offer in opening if offer.product.plan is not None])


def locked_mode(
    sample: Sequence[Sequence[InlineKeyboardButton]], opening: Sequence[Offer]
) -> InlineKeyboardMarkup:
    """Return the way to a sample of a locked mode, what opens it, and the ways out."""
    return InlineKeyboardMarkup(
        [
            *sample,
            *navigation.products(opening),
            [button(phrases.button_shop(), Data.SHOP)],
            [button(phrases.button_back(), Data.MENU)],
        ]
    )


def after_sample(
    opening: Sequence[Offer], *, answered: RoundQuestion | None = None
) -> InlineKeyboardMarkup:
    """Return the buttons under the result of a sample: what opens its mode, and other modes.

    The last answer, if it has just been given, can be saved above them, as in `options`.
    """
    return InlineKeyboardMarkup(
        [
            *_save_row(answered),
            *navigation.products(opening),
            [button(texts.button_modes(), Data.MENU)],
        ]
    )


def out_of_energy(*, with_daily: bool, due: int) -> InlineKeyboardMarkup:
    """Return what is free, the way to more energy, and the way out."""
    return InlineKeyboardMarkup(
        [
            *navigation.free_of_energy(with_daily=with_daily, due=due),
            [button(phrases.button_shop(), Data.SHOP)],
            [button(phrases.button_back(), Data.HOME)],
        ]
    )


def options(
    round_question: RoundQuestion, *, answered: RoundQuestion | None = None
) -> InlineKeyboardMarkup:
    """Return what a question of its kind is answered with, and the way out.

    `answered` is the question before it. One that was answered right can be saved, in a row of its
    own: the label is too long for half of one. A mistake comes back by itself.
    """
    if round_question.version.kind in WRITTEN:
        return _without_options(round_question, answered)
    buttons = [
        button(round_question.text_at(index), Data.ANSWER, round_question.pk, index)
        for index in range(len(round_question.order))
    ]
    way_out = button(texts.button_stop(), Data.STOP, round_question.round_id)
    return InlineKeyboardMarkup([*navigation.option_rows(buttons), *_save_row(answered), [way_out]])


def _save_row(answered: RoundQuestion | None) -> list[list[InlineKeyboardButton]]:
    """Return the row that saves a question that was answered right."""
    if answered is None or not answered.is_correct:
        return []
    return [[navigation.save(answered.pk, number=answered.number, is_saved=False)]]


def _without_options(
    round_question: RoundQuestion, answered: RoundQuestion | None
) -> InlineKeyboardMarkup:
    """Return the words that are left to be put in order, if it has any, and the ways out."""
    rows = navigation.words_left(round_question, put_down=Data.CHIP, take_back=Data.CHIP_BACK)
    ways_out = [
        button(texts.button_skip(), Data.SKIP, round_question.pk),
        button(texts.button_stop(), Data.STOP, round_question.round_id),
    ]
    return InlineKeyboardMarkup([*rows, *_save_row(answered), ways_out])


def after_round(
    played: Round,
    *,
    with_daily: bool = False,
    due: int = 0,
    sells: bool = False,
    repeats: bool = False,
    share: str = "",
    asks: bool = False,
    answered: RoundQuestion | None = None,
) -> InlineKeyboardMarkup:
    """Return the buttons under a result; the last answer can be saved, as in `options`.

    Without energy `with_daily` and `due` cards lead to what is free and `sells` to what would have
    continued the round. `repeats` leads to the mistakes, which are due, and `share` is the address
    that sends the result on; `asks` whether the bot may remind.
    """
    rows = [
        [button(texts.button_again(), Data.PLAY, played.mode, f"{AGAIN}{played.pk}")],
        [button(texts.button_modes(), Data.MENU)],
    ]
    if repeats:
        rows.insert(1, [button(texts.button_repeat(), Data.REVIEW)])
    if share:
        rows.append([InlineKeyboardButton(phrases.button_share(), url=share)])
    if sells:
        rows.insert(0, [button(phrases.button_shop(), Data.SHOP)])
    free = navigation.free_of_energy(with_daily=with_daily, due=due)
    rows = [*free, *rows, *_save_row(answered)]
    if asks:
        daily = texts.button_daily_reminder(hour=DAILY_HOUR)
        rows += [
            [button(daily, Data.REMIND, 2)],
            [button(texts.button_streak_reminder(), Data.REMIND, 1)],
            [button(texts.button_no(), Data.REMIND, 0)],
        ]
    return InlineKeyboardMarkup(rows)

"""The switches, the choice of a clock and an hour, and the buttons that lead to them."""

from collections.abc import Sequence
from datetime import datetime

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Message

from bot.chat import dates, level_texts, local_time, phrases
from bot.chat.models import ReminderSettings, Zone
from bot.chat.navigation import Data, button
from bot.screens.settings import texts
from quizarena.players.models import DAILY_GOALS, Player


def settings(wanted: ReminderSettings, *, daily_goal: int, now: datetime) -> InlineKeyboardMarkup:
    """Return one switch for each kind of message, level, goal, clock, language, the way out."""
    rows = [
        [button(label, Data.SWITCH, field, int(not getattr(wanted, field)))]
        for field, label in texts.switches(wanted).items()
    ]
    if wanted.daily_round or wanted.daily_challenge or wanted.review:
        rows.insert(4, [button(texts.button_hour(wanted), Data.HOURS)])
    return InlineKeyboardMarkup(
        [
            *rows,
            [button(texts.button_goal(daily_goal), Data.GOAL)],
            [button(texts.button_zone(wanted, now=now), Data.ZONES)],
            [
                button(level_texts.button_levels(), Data.LEVELS),
                button(phrases.button_language(), Data.LANGUAGES),
            ],
            [button(phrases.button_profile(), Data.PROFILE)],
            [button(phrases.button_back(), Data.HOME)],
        ]
    )


def profile(player: Player, *, is_in_leagues: bool) -> InlineKeyboardMarkup:
    """Return the ways to another name, the two switches, and the way back."""
    forget = [[button(texts.button_forget_name(), Data.NO_NAME)]] if player.public_name else []
    shows = not player.is_hidden
    return InlineKeyboardMarkup(
        [
            [button(texts.button_choose_name(), Data.NAME)],
            *forget,
            [button(texts.switch_name(is_on=shows), Data.SHOW_NAME, int(not shows))],
            [
                button(
                    texts.switch_leagues(is_on=is_in_leagues), Data.LEAGUES, int(not is_in_leagues)
                )
            ],
            [button(phrases.button_top(), Data.TOP)],
            [button(phrases.button_back(), Data.SETTINGS)],
        ]
    )


def back_to_profile() -> InlineKeyboardMarkup:
    """Return the way back to how others see the player."""
    return InlineKeyboardMarkup([[button(phrases.button_back(), Data.PROFILE)]])


def zones(*, now: datetime) -> InlineKeyboardMarkup:
    """Return one button for each clock, with the time that it shows, and the way back.

    The westernmost stands alone: they are odd in number, and its name is too long for half a row.
    """
    first, *others = [
        button(f"{texts.city(zone)} {dates.clock(zone, now=now)}", Data.ZONE, zone) for zone in Zone
    ]
    back = [button(phrases.button_back(), Data.SETTINGS)]
    return InlineKeyboardMarkup([[first], *_in_rows(others, length=2), back])


def hours() -> InlineKeyboardMarkup:
    """Return one button for each hour that is not quiet, and the way back."""
    buttons = [button(f"{hour}:00", Data.HOUR, hour) for hour in local_time.HOURS]
    back = [button(phrases.button_back(), Data.SETTINGS)]
    return InlineKeyboardMarkup([*_in_rows(buttons, length=4), back])


def goals() -> InlineKeyboardMarkup:
    """Return one button for each number of rounds a day, and the way back."""
    chosen = [button(texts.rounds_a_day(goal), Data.GOAL, goal) for goal in DAILY_GOALS]
    back = [button(phrases.button_back(), Data.SETTINGS)]
    return InlineKeyboardMarkup([*([one] for one in chosen), back])


def _in_rows(
    buttons: Sequence[InlineKeyboardButton], *, length: int
) -> list[list[InlineKeyboardButton]]:
    return [list(buttons[first : first + length]) for first in range(0, len(buttons), length)]


def reminded(wanted: ReminderSettings, *, now: datetime) -> InlineKeyboardMarkup:
    """Return the ways to the clock and the settings, and to a round."""
    return InlineKeyboardMarkup(
        [
            [button(texts.button_zone(wanted, now=now), Data.ZONES)],
            [button(phrases.button_settings(), Data.SETTINGS)],
            [button(phrases.button_play(), Data.MENU)],
        ]
    )


def without(message: object, data: Data) -> InlineKeyboardMarkup:
    """Return the buttons of a message but for the rows with `data`, which have done their work."""
    markup = message.reply_markup if isinstance(message, Message) else None
    return InlineKeyboardMarkup(
        [
            row
            for row in (markup.inline_keyboard if markup else ())
            if not any(str(button.callback_data).startswith(data) for button in row)
        ]
    )

"""/settings: which messages a player wants, by which clock and language, and who sees what."""

from datetime import datetime

from telegram import InlineKeyboardMarkup, Update

from bot.chat import local_time, phrases, reminder_settings, taps
from bot.chat.context import Context
from bot.chat.models import ReminderSettings, Zone
from bot.chat.navigation import Data
from bot.chat.screen import Screen
from bot.screens.settings import buttons, profile, texts
from quizarena.players import services as players
from quizarena.players.models import DAILY_GOALS, Player

# What a tap turns, by the name of its field.
SWITCHES = ("streak_risk", "daily_round", "daily_challenge", "review", "duels", "premium", "news")


async def settings(update: Update, context: Context) -> None:
    """Show the settings, as a message of their own or in place of the tapped one."""
    if update.callback_query is None:
        await taps.send_message(update, *page(player=context.player, now=context.now))
        return
    query = taps.tap(update)
    await query.answer()
    await taps.edit_message(query, *page(player=context.player, now=context.now))


async def switch(update: Update, context: Context) -> None:
    """Turn one kind of message on or off; the button says which way."""
    query = taps.tap(update)
    field, value = taps.arguments(query, 2)
    if field not in SWITCHES or value not in ("0", "1"):
        await query.answer(phrases.stale())
        return
    await query.answer()
    wanted = reminder_settings.change(player=context.player, **{field: value == "1"})
    await taps.edit_message(query, *page(player=context.player, now=context.now, wanted=wanted))


async def zones(update: Update, context: Context) -> None:
    """Turn the message into the choice of a clock."""
    query = taps.tap(update)
    await query.answer()
    await taps.edit_message(query, texts.choose_zone(), buttons.zones(now=context.now))


async def zone(update: Update, context: Context) -> None:
    """Live by the chosen clock from now on."""
    query = taps.tap(update)
    (name,) = taps.arguments(query, 1)
    if name not in Zone.values:
        await query.answer(phrases.stale())
        return
    await query.answer(texts.zone_chosen(name, now=context.now))
    wanted = reminder_settings.change(player=context.player, zone=name)
    await taps.edit_message(query, *page(player=context.player, now=context.now, wanted=wanted))


async def hours(update: Update, context: Context) -> None:
    """Turn the message into the choice of an hour."""
    query = taps.tap(update)
    await query.answer()
    await taps.edit_message(query, texts.choose_hour(), buttons.hours())


async def hour(update: Update, context: Context) -> None:
    """Remind at the chosen hour from now on."""
    query = taps.tap(update)
    (argument,) = taps.arguments(query, 1)
    if not argument.isdecimal() or int(argument) not in local_time.HOURS:
        await query.answer(phrases.stale())
        return
    chosen = int(argument)
    await query.answer(texts.hour_chosen(chosen))
    # The hour is that of all daily reminders: who wants none, by an old button, wants this one.
    before = reminder_settings.settings_of(context.player)
    has_other = before.daily_challenge or before.review
    switched = {} if has_other else {"daily_round": True}
    wanted = reminder_settings.change(player=context.player, daily_hour=chosen, **switched)
    await taps.edit_message(query, *page(player=context.player, now=context.now, wanted=wanted))


async def goal(update: Update, context: Context) -> None:
    """Ask how many rounds a day the player wants, or take the number that was tapped."""
    query = taps.tap(update)
    (chosen,) = taps.arguments(query, 1)
    if not chosen:
        await query.answer()
        await taps.edit_message(query, texts.choose_goal(), buttons.goals())
    elif chosen in map(str, DAILY_GOALS):
        players.set_daily_goal(player=context.player, rounds=int(chosen))
        await query.answer(texts.goal_chosen(int(chosen)))
        await taps.edit_message(query, *page(player=context.player, now=context.now))
    else:
        await query.answer(phrases.stale())


async def may_remind(update: Update, context: Context) -> None:
    """Take the answer to the question after the first round."""
    query = taps.tap(update)
    (answer,) = taps.arguments(query, 1)
    # The question has been answered; the result above it stays, with the ways on.
    await taps.edit_buttons(query, buttons.without(query.message, Data.REMIND))
    if answer not in ("1", "2"):
        await query.answer(texts.will_not_remind())
        return
    await query.answer()
    if answer == "2":
        wanted = reminder_settings.change(player=context.player, daily_round=True)
        text = texts.will_remind_daily(wanted, now=context.now)
    else:
        wanted = reminder_settings.change(player=context.player, streak_risk=True)
        text = texts.will_remind(wanted, now=context.now)
    await taps.send_message(update, text, buttons.reminded(wanted, now=context.now))


async def no_news(update: Update, context: Context) -> None:
    """End the broadcasts, from the button under one of them."""
    query = taps.tap(update)
    reminder_settings.change(player=context.player, news=False)
    await query.answer(texts.no_news(), show_alert=True)
    await taps.edit_buttons(query, buttons.without(query.message, Data.NO_NEWS))


def page(
    *, player: Player, now: datetime, wanted: ReminderSettings | None = None
) -> tuple[str, InlineKeyboardMarkup]:
    """Return the settings as the player has them now; `wanted` spares the query."""
    wanted = wanted or reminder_settings.settings_of(player)
    text = texts.settings(wanted, now=now)
    return text, buttons.settings(wanted, daily_goal=player.daily_goal, now=now)


SCREEN = Screen(
    commands={"settings": settings},
    buttons={
        Data.SETTINGS: settings,
        Data.SWITCH: switch,
        Data.ZONES: zones,
        Data.ZONE: zone,
        Data.HOURS: hours,
        Data.HOUR: hour,
        Data.GOAL: goal,
        Data.REMIND: may_remind,
        Data.NO_NEWS: no_news,
        Data.PROFILE: profile.profile,
        Data.NAME: profile.ask_name,
        Data.NO_NAME: profile.forget_name,
        Data.SHOW_NAME: profile.show_name,
        Data.LEAGUES: profile.take_part,
    },
    messages=((profile.is_name, profile.named),),
)

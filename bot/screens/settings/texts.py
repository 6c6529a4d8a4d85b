"""The screen on which players choose the messages that they want; see bot/chat/phrases.py."""

from datetime import datetime
from html import escape

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bot.chat import dates, local_time
from bot.chat.models import ReminderSettings, Zone
from quizarena.game.league_rules import GROUP_SIZE
from quizarena.players import names
from quizarena.players.errors import NameProblem
from quizarena.players.models import Player

ON, OFF = "✅", "⬜"


def will_remind_daily(settings: ReminderSettings, *, now: datetime) -> str:
    """Return the thanks for wanting a daily reminder, with the clock that is meant."""
    return _(
        "🔔 <b>Good, I will remind you at {hour}:00 when you have not played yet.</b>\n\nIt is "
        "{time} where you are ({city}), right? You can change that in the settings."
    ).format(
        hour=settings.daily_hour,
        time=dates.clock(settings.zone, now=now),
        city=city(settings.zone),
    )


def will_remind(settings: ReminderSettings, *, now: datetime) -> str:
    """Return the thanks for a yes, with the clock that is meant."""
    return _(
        "🔔 <b>Good, I will remind you.</b>\n\nIt is {time} where you are ({city}), right? You can "
        "change that in the settings, and switch on a daily reminder as well."
    ).format(time=dates.clock(settings.zone, now=now), city=city(settings.zone))


def will_not_remind() -> str:
    """Return the answer to a no, as a note over the chat."""
    return _("All right, I stay quiet. /settings, should you change your mind.")


def settings(settings: ReminderSettings, *, now: datetime) -> str:
    """Return which messages the player gets, and by which clock."""
    return "\n".join(
        [
            _("⚙️ <b>Settings</b>"),
            "",
            _("What may I write to you about? Tap to switch it on or off."),
            "",
            _("🕰 Your clock: <b>{time}</b> ({city})").format(
                time=dates.clock(settings.zone, now=now), city=city(settings.zone)
            ),
            _quiet_hours(settings, now=now),
        ]
    )


def _quiet_hours(settings: ReminderSettings, *, now: datetime) -> str:
    """Return when nothing comes, when the reminder of a streak does, and how much in a day."""
    begin, end = f"{local_time.QUIET_BEGINS:%H:%M}", f"{local_time.QUIET_ENDS:%H:%M}"
    risk = dates.streak_risk_time(settings.zone, now=now)
    if risk == begin:
        text = _(
            "🌙 No messages {begin}–{end}, except your {risk} streak reminder. At most {most} "
            "messages a day beside those about your duels; what is about your purchases comes at "
            "once."
        )
    else:
        text = _(
            "🌙 No messages {begin}–{end}. Your streak reminder comes at {risk}. At most {most} "
            "messages a day beside those about your duels; what is about your purchases comes at "
            "once."
        )
    return text.format(begin=begin, end=end, risk=risk, most=len(local_time.SLOTS))


def choose_zone() -> str:
    """Return the question for the player's clock."""
    return _(
        "🕰 <b>What time is it where you are?</b>\n\nChoose a city whose clock shows the same time "
        "as yours, in summer and in winter."
    )


def choose_hour() -> str:
    """Return the question for the hour of the daily reminder."""
    return _(
        "⏰ <b>When shall I remind you?</b>\n\nOnly on days on which you have not played before, "
        "or not finished the daily challenge, or when cards are due."
    )


def profile(player: Player) -> str:
    """Return how others see the player, and what the leagues are."""
    own = escape(names.public_name(player, viewer=player))
    others = escape(names.public_name(player))
    if player.is_hidden:
        seen = _("Others see you as <b>{others}</b>. Only you see your name, {own}.")
    else:
        seen = _("Others see you as <b>{others}</b> on the leaderboards.")
    leagues = _(
        "In a league you compare your week with up to {others} players. Without it your points "
        "count all the same."
    ).format(others=GROUP_SIZE - 1)
    return "\n\n".join(
        [_("👤 <b>Name and league</b>"), seen.format(others=others, own=own), f"<i>{leagues}</i>"]
    )


def ask_name(*, minutes: int) -> str:
    """Return the request for a name."""
    return _(
        "✏️ <b>What shall others call you?</b>\n\nWrite a name of {least} to {most} characters "
        "in the next {minutes} minutes."
    ).format(least=names.LENGTH_MIN, most=names.LENGTH_MAX, minutes=minutes)


def bad_name(problem: NameProblem) -> str:
    """Return why a name cannot be taken."""
    match problem:
        case NameProblem.LENGTH:
            return _("A name has {least} to {most} characters.").format(
                least=names.LENGTH_MIN, most=names.LENGTH_MAX
            )
        case NameProblem.LINK:
            return _("A name cannot contain a link or an @.")
        case NameProblem.CHARACTERS:
            return _("A name has letters, digits, spaces, and - ' . _ only.")
        case NameProblem.SCRIPTS:
            return _("All letters of a name must be of one alphabet.")
        case NameProblem.LETTERS:
            return _("A name has at least {least} letters.").format(least=names.LENGTH_MIN)
        case NameProblem.WORDS:
            return _("This name cannot be taken. Please choose a friendly one.")
        case NameProblem.RESET:
            return _("Our team has reset this name. Please choose another one.")


def button_choose_name() -> str:
    """Return the label of the button that asks for a name."""
    return _("✏️ Choose a name")


def button_forget_name() -> str:
    """Return the label of the button that returns to the name at Telegram."""
    return _("↩️ My name as in Telegram")


def switch_name(*, is_on: bool) -> str:
    """Return the label of the switch with which others see the name."""
    return f"{ON if is_on else OFF} " + _("Others see my name")


def switch_leagues(*, is_on: bool) -> str:
    """Return the label of the switch with which one takes part in the leagues."""
    return f"{ON if is_on else OFF} " + _("I take part in the leagues")


def zone_chosen(zone: str, *, now: datetime) -> str:
    """Return the confirmation, with the clock that was chosen."""
    return _("Your clock shows {time}.").format(time=dates.clock(zone, now=now))


def hour_chosen(hour: int) -> str:
    """Return the confirmation of the hour."""
    return _("I will remind you at {hour}:00.").format(hour=hour)


def no_news() -> str:
    """Return the confirmation that there will be no more broadcasts."""
    return _("Good, no more news. You can have them back in /settings.")


def city(zone: str) -> str:
    """Return what the player calls the city of a zone."""
    names = {
        Zone.LOS_ANGELES: _("Los Angeles"),
        Zone.CHICAGO: _("Chicago"),
        Zone.NEW_YORK: _("New York"),
        Zone.SAO_PAULO: _("São Paulo"),
        Zone.LONDON: _("London"),
        Zone.BERLIN: _("Berlin"),
        Zone.KYIV: _("Kyiv"),
        Zone.ISTANBUL: _("Istanbul"),
        Zone.DUBAI: _("Dubai"),
        Zone.TASHKENT: _("Tashkent"),
        Zone.DELHI: _("Delhi"),
        Zone.BANGKOK: _("Bangkok"),
        Zone.BEIJING: _("Beijing"),
        Zone.TOKYO: _("Tokyo"),
        Zone.SYDNEY: _("Sydney"),
    }
    return names[Zone(zone)]


def switches(settings: ReminderSettings) -> dict[str, str]:
    """Return the label of each switch, by the field that it turns."""
    labels = {
        "streak_risk": _("🔥 When my streak is at risk"),
        "daily_round": _("⏰ A daily reminder"),
        "daily_challenge": _("📅 The daily challenge"),
        "review": _("🔁 Cards to review"),
        "duels": _("⚔️ Duels and tournaments"),
        "premium": _("👑 Before Premium ends"),
        "news": _("📣 News"),
    }
    return {
        field: f"{ON if getattr(settings, field) else OFF} {label}"
        for field, label in labels.items()
    }


def rounds_a_day(goal: int) -> str:
    """Return a number of rounds a day, as the label of a button."""
    return ngettext("{goal} round a day", "{goal} rounds a day", goal).format(goal=goal)


def choose_goal() -> str:
    """Return the question for the daily goal."""
    return _("🎯 <b>How many rounds a day do you want to play?</b>\n\nA round has ten questions.")


def goal_chosen(goal: int) -> str:
    """Return the confirmation of the daily goal, as a note over the chat."""
    return _("Your goal: {rounds}.").format(rounds=rounds_a_day(goal))


def button_goal(goal: int) -> str:
    """Return the label of the button that changes the daily goal."""
    return f"🎯 {rounds_a_day(goal)}"


def button_zone(settings: ReminderSettings, *, now: datetime) -> str:
    """Return the label of the button that changes the clock."""
    return _("🕰 My clock: {time}").format(time=dates.clock(settings.zone, now=now))


def button_hour(settings: ReminderSettings) -> str:
    """Return the label of the button that changes the hour of the daily reminders."""
    return _("⏰ At {hour}:00").format(hour=settings.daily_hour)

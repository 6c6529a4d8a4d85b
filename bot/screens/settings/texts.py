"""The screen on which players choose the messages that they want; see bot/chat/phrases.py."""

from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bot.chat import dates, local_time
from bot.chat.models import ReminderSettings, Zone

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
            "messages a day; what is about your purchases comes at once."
        )
    else:
        text = _(
            "🌙 No messages {begin}–{end}. Your streak reminder comes at {risk}. At most {most} "
            "messages a day; what is about your purchases comes at once."
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
        "or not finished the daily challenge."
    )


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

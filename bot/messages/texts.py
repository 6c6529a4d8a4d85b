"""Notices of Premium and streaks, and reminders, in words; see bot/chat/phrases.py."""

from datetime import datetime
from html import escape

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bot.chat import dates, phrases
from bot.screens.stats import texts as stats_texts
from economy.models import NoticeKind, PremiumNotice, StreakDay
from economy.streak_rules import Outcome
from economy.streaks import EarnBack


def streak_risk(*, days: int, ends_at: datetime) -> str:
    """Return that nobody has played today; `ends_at` is when that costs the streak."""
    return ngettext(
        "🔥 <b>Your streak of {days} day is waiting for you.</b>\n\nYou have not played today. "
        "Answer one question by {time}, and your streak stays.",
        "🔥 <b>Your streak of {days} days is waiting for you.</b>\n\nYou have not played today. "
        "Answer one question by {time}, and your streak stays.",
        days,
    ).format(days=days, time=dates.time(ends_at))


def daily_round(*, name: str) -> str:
    """Return the reminder at the hour that the player has chosen."""
    return _(
        "⏰ <b>Time for a few questions, {name}!</b>\n\nA short round a day, and your German gets "
        "better every day."
    ).format(name=escape(name))


def review(*, name: str, due: int) -> str:
    """Return the reminder of cards that are due."""
    return ngettext(
        "🔁 <b>{count} card is due, {name}!</b>\n\nWhat comes back at the right time stays in "
        "your memory. A review costs no energy.",
        "🔁 <b>{count} cards are due, {name}!</b>\n\nWhat comes back at the right time stays in "
        "your memory. A review costs no energy.",
        due,
    ).format(count=phrases.count_up_to_99(due), name=escape(name))


def daily_challenge(*, name: str) -> str:
    """Return the reminder of a challenge that the player has not finished."""
    return _(
        "📅 <b>Today's challenge is waiting for you, {name}!</b>\n\nSeven questions, the same for "
        "everyone, and no energy needed."
    ).format(name=escape(name))


def button_no_news() -> str:
    """Return the label of the button under every broadcast that ends them."""
    return _("🔕 No more news")


def streak_day(day: StreakDay, offer: EarnBack | None, *, now: datetime) -> str:
    """Return what has become of a day without an answer; `offer` is what its loss left open."""
    texts = {
        Outcome.FROZEN_SAVER: ngettext(
            "🛟 You did not play on {day} – a streak saver has kept your streak of {days} day.",
            "🛟 You did not play on {day} – a streak saver has kept your streak of {days} days.",
            day.length,
        ),
        Outcome.FROZEN_PREMIUM: ngettext(
            "👑 You did not play on {day} – your Premium has kept your streak of {days} day.",
            "👑 You did not play on {day} – your Premium has kept your streak of {days} days.",
            day.length,
        ),
        Outcome.SHIELDED: ngettext(
            "🛡 On {day} the game was down, sorry! Your streak of {days} day goes on.",
            "🛡 On {day} the game was down, sorry! Your streak of {days} days goes on.",
            day.length,
        ),
        Outcome.MISSED: ngettext(
            "💔 You did not play on {day}: your streak of {days} day is over.",
            "💔 You did not play on {day}: your streak of {days} days is over.",
            day.length,
        ),
    }
    text = texts[Outcome(day.outcome)].format(day=dates.short_day(day.day), days=day.length)
    return f"{text}\n{stats_texts.earn_back_offer(offer, now=now)}" if offer else text


def streak_card_title() -> str:
    """Return what stands at the top of a milestone's picture."""
    return _("My streak of learning German")


def streak_card_score(days: int) -> str:
    """Return what stands largest on a milestone's picture."""
    return ngettext("{days} day", "{days} days", days).format(days=days)


def streak_card_note() -> str:
    """Return what a milestone's picture says below that."""
    return _("A little German every day")


def streak_card_caption(days: int) -> str:
    """Return what goes with a milestone's picture, wherever it is forwarded to."""
    return ngettext(
        "🔥 My streak with Quiz Arena: {days} day of German!",
        "🔥 My streak with Quiz Arena: {days} days of German!",
        days,
    ).format(days=days)


def inline_invite() -> str:
    """Return the title of the inline result that invites somebody."""
    return _("🤝 Invite")


def inline_challenge() -> str:
    """Return the title of the inline result that leads to one's duel."""
    return _("⚔️ Challenge me")


def inline_result() -> str:
    """Return the title of the inline result that shows one's own."""
    return _("🏅 My result")


def inline_answered(*, answered: int, right: int) -> str:
    """Return what a player without a picture shares."""
    return ngettext(
        "🎯 {right} of {answered} question right with Quiz Arena. I am learning German!",
        "🎯 {right} of {answered} questions right with Quiz Arena. I am learning German!",
        answered,
    ).format(right=right, answered=answered)


def button_play_along() -> str:
    """Return the label of the button below what was shared inline."""
    return _("▶️ Play along")


def button_new_duel() -> str:
    """Return the label of the button above inline results that leads to a new duel."""
    return _("⚔️ Make a duel to challenge somebody")


def premium_notice(notice: PremiumNotice, *, now: datetime) -> str:
    """Return that Premium ends soon, or that it has ended, and what that means."""
    when = dates.short(notice.ends_at)
    if notice.kind == NoticeKind.ENDED:
        return _(
            "👑 Your Premium ended on {when}. Questions cost energy again, and modes with a 🔒 are "
            "locked. Your streak and all that you own stay yours. Thank you for your support!"
        ).format(when=when)
    return _(
        "👑 Your Premium ends {wait}, on {when}. Until then your energy is unlimited and every "
        "mode is open."
    ).format(wait=phrases.time_until(notice.ends_at - now), when=when)

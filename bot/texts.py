"""Every sentence the bot says, in the language that is active.

Sentences are English here and become German and Ukrainian through gettext (bot/locale). Messages
are Telegram HTML: whatever comes from outside goes through `escape`.
"""

from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bot.chat import dates, phrases
from bot.screens.stats import texts as stats_texts
from economy.models import (
    NoticeKind,
    PremiumNotice,
    StreakDay,
)
from economy.streak_rules import Outcome
from economy.streaks import EarnBack


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


def suspended() -> str:
    """Return what a suspended player is told, once."""
    return _("Your account is suspended at the moment. You cannot play for now.")


def unknown() -> str:
    """Return the answer to what the bot does not understand."""
    return _("I did not understand that. /play starts a round, /help shows what I can do.")


def sorry() -> str:
    """Return the apology for an update that we failed to work on for good."""
    return _("Something went wrong on our side, sorry. Send /play to go on.")


def too_fast() -> str:
    """Return what is said, once, to a player who acts faster than the bot follows."""
    return _("That was a bit fast for me. Take a breath and go on in a few seconds.")

"""What the bot says on its own, and the screen on which players choose what they want to hear."""

from datetime import datetime
from html import escape

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bot.chat import dates


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


def button_no_news() -> str:
    """Return the label of the button under every broadcast that ends them."""
    return _("🔕 No more news")

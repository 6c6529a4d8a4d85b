"""What the bot says about the player's own data; see bot/chat/phrases.py."""

from datetime import datetime

from django.utils.translation import gettext as _

from bot.chat import dates
from quizarena.players.models import DataRequest


def asked() -> str:
    """Return that the file is being put together."""
    return _(
        "📦 <b>Your data</b>\n\nI am putting together what is stored about you. The file comes "
        "into this chat within a few minutes."
    )


def had(request: DataRequest, *, next_at: datetime) -> str:
    """Return that the file is there already, and when there can be another one."""
    return _(
        "📦 <b>Your data</b>\n\nYou asked for it on {moment}; the file is in this chat. You can "
        "have it again from {next} on."
    ).format(moment=dates.full(request.asked_at), next=dates.full(next_at))


def caption() -> str:
    """Return what stands below the file."""
    return _(
        "📦 This is what is stored about you, as JSON: a text file that any editor opens. "
        "Whoever has it can read it – send it to nobody."
    )

"""The models of this app, for Django, which looks for them in this module alone."""

from bot.chat.models import Card, ReminderSettings, StaffPlayer, TournamentBoard
from bot.messages.models import Broadcast, BroadcastRecipient, Reminder, ReminderSweep
from bot.queue.models import InboxUpdate, OutgoingCall, PlayerRateLimit, RateLimit

__all__ = [
    "Broadcast",
    "BroadcastRecipient",
    "Card",
    "InboxUpdate",
    "OutgoingCall",
    "PlayerRateLimit",
    "RateLimit",
    "Reminder",
    "ReminderSettings",
    "ReminderSweep",
    "StaffPlayer",
    "TournamentBoard",
]

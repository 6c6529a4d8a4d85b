"""The admins of the rooms: Django looks for them in this module alone."""

from bot.messages import (
    broadcast_admin,
    player_questions,
    player_screens,
    player_timeline,
    recipient_admin,
)
from bot.queue import admin as queue_admin

__all__ = [
    "broadcast_admin",
    "player_questions",
    "player_screens",
    "player_timeline",
    "queue_admin",
    "recipient_admin",
]

player_questions.declare()
player_screens.declare()

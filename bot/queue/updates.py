"""Which kinds of update the bot asks Telegram for."""

# What a handler is registered for (bot/routing.py); all else is done as soon as it comes.
HANDLED_UPDATES = (
    "message",
    "callback_query",
    "inline_query",
    "my_chat_member",
    "pre_checkout_query",
    "subscription",
)
# By hand: a library's own list ends where its version of the Bot API does (docs/decisions/0003).
ALLOWED_UPDATES = [
    "message",
    "edited_message",
    "callback_query",
    "inline_query",
    "chosen_inline_result",
    "my_chat_member",
    "pre_checkout_query",
    "subscription",
]

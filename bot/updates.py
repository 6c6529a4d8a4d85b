"""Which kinds of update the bot asks Telegram for."""

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

"""A Bot API server of our own that stands where Telegram stands, with a chat page for people.

It knows nothing of Django or of the bot: they meet over HTTP only, as with Telegram.
"""

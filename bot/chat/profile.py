"""What Telegram shows of the bot beside its messages: its commands, and what it is.

All of it is set in every language by `manage.py webhook set` and `manage.py poll`. Telegram goes by
the phone's language; the commands of a chat follow the language that its player has chosen.
"""

from django.utils.translation import gettext as _
from telegram import Bot, BotCommand, BotCommandScopeChat


def commands() -> list[tuple[str, str]]:
    """Return the bot's menu of commands with their descriptions."""
    return [
        ("play", _("Play a round")),
        ("daily", _("Today's challenge")),
        ("review", _("Your mistakes come back")),
        ("duel", _("Duels with others")),
        ("cup", _("Daily cup and tournaments")),
        ("top", _("Leaderboards and your league")),
        ("rules", _("Grammar rules with examples")),
        ("shop", _("Energy, Premium and more")),
        ("promo", _("Enter a promo code")),
        ("invite", _("Invite friends and get rewards")),
        ("wallet", _("What you own and have bought")),
        ("stats", _("Streak and statistics")),
        ("settings", _("Level, goal, reminders")),
        ("language", _("Choose the language")),
        ("help", _("How it works")),
        ("terms", _("Terms")),
        ("privacy", _("What is stored about you")),
        ("my_data", _("Get what is stored about you")),
        ("delete_me", _("Delete your account")),
        ("paysupport", _("Help with payments")),
    ]


def description() -> str:
    """Return what an empty chat shows; at most 512 characters (Bot API setMyDescription)."""
    return _(
        "German in a few minutes a day: short quizzes at your level, with an explanation after "
        "every answer.\n\n"
        "🎯 Rounds of ten questions, from A1 on\n"
        "📅 A daily challenge, the same for everyone\n"
        "🔥 A streak that keeps you going\n\n"
        "Playing is free. Tap Start!"
    )


def short_description() -> str:
    """Return what stands on the bot's page; at most 120 characters (setMyShortDescription)."""
    return _("German in a few minutes a day: short quizzes at your level, with explanations.")


async def set_chat_commands(bot: Bot, *, chat_id: int) -> None:
    """Let one chat have the commands in the active language, whatever the phone speaks."""
    await bot.set_my_commands(
        [BotCommand(name, about) for name, about in commands()], scope=BotCommandScopeChat(chat_id)
    )

"""How the game works, its terms and its commands; see bot/chat/phrases.py."""

from datetime import datetime

from django.utils.translation import gettext as _

from bot.chat import phrases


def help_text(*, now: datetime) -> str:
    """Return the answer to /help."""
    return _(
        "<b>How it works</b>\n\n"
        "/play – choose a mode and answer ten questions. After every answer you see at once "
        "what is right, and why.\n"
        "Every question costs 1 energy point; a point comes back every 30 minutes, and all of them "
        "at {time}.\n"
        "/daily – seven questions a day, the same for everyone, without energy\n"
        "/duel – against a friend or somebody of your level, without energy\n"
        "/top – leaderboards and your league\n"
        "/shop – more energy, streak savers, Premium\n"
        "/promo – enter a promo code\n"
        "/invite – invite friends and get rewards\n"
        "/wallet – what you own and what you have bought\n"
        "/stats – your streak and how well you answer\n"
        "/settings – reminders and your clock\n"
        "/language – Deutsch, English, Українська\n"
        "/terms – terms\n"
        "/paysupport – help with payments\n"
        "/help – this page\n\n"
        "You can stop a round at any time; what you have answered counts."
    ).format(time=phrases.top_up_time(now=now))


def terms() -> str:
    """Return the answer to /terms."""
    return _(
        "<b>Terms</b>\n\n"
        "<blockquote expandable>"
        "Quiz Arena is a game for learners of German. Playing is free. We store your Telegram "
        "id, your name as Telegram shows it, your language and your answers, for nothing but "
        "the game. Be kind to others, and do not let programs play for you: accounts that harm "
        "the game can be suspended."
        "</blockquote>\n\n"
        "<b>Purchases</b>\n\n"
        "<blockquote expandable>"
        "What you buy in the /shop is paid for in Telegram Stars and delivered at once; it can be "
        "used in this game only. A subscription is renewed every 30 days until you cancel it in "
        "/wallet. If something is wrong with a payment, use /paysupport: we answer here and can "
        "refund your Stars through Telegram. A refund removes what was bought. Telegram itself "
        "cannot help with purchases in this bot."
        "</blockquote>"
    )


def commands() -> list[tuple[str, str]]:
    """Return the bot's menu of commands with their descriptions."""
    return [
        ("play", _("Play a round")),
        ("daily", _("Today's challenge")),
        ("duel", _("Duels with others")),
        ("top", _("Leaderboards and your league")),
        ("shop", _("Energy, Premium and more")),
        ("promo", _("Enter a promo code")),
        ("invite", _("Invite friends and get rewards")),
        ("wallet", _("What you own and have bought")),
        ("stats", _("Streak and statistics")),
        ("settings", _("Reminders and your clock")),
        ("language", _("Choose the language")),
        ("help", _("How it works")),
        ("terms", _("Terms")),
        ("paysupport", _("Help with payments")),
    ]

"""How the game works, its terms and what it stores; see bot/chat/phrases.py."""

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
        "/review – your mistakes and what you have saved with ⭐, without energy\n"
        "/duel – against a friend or somebody of your level, without energy\n"
        "/cup – a tournament every day at 18:00 in Germany, or one with friends, without energy\n"
        "/top – leaderboards and your league\n"
        "/rules – grammar rules with examples\n"
        "/shop – more energy, streak savers, Premium\n"
        "/promo – enter a promo code\n"
        "/invite – invite friends and get rewards\n"
        "/wallet – what you own and what you have bought\n"
        "/stats – your streak and how well you answer\n"
        "/settings – your level, your goal, reminders and your clock\n"
        "/language – Deutsch, English, Українська\n"
        "/terms – terms\n"
        "/privacy – what is stored about you\n"
        "/my_data – get what is stored about you\n"
        "/delete_me – delete your account\n"
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


def privacy() -> str:
    """Return the answer to /privacy (Telegram asks every bot that stores anything for it)."""
    return _(
        "<b>Privacy</b>\n\n"
        "<b>What is stored:</b> your Telegram id, your name and username as Telegram shows them, "
        "your language and settings, your answers, what you own and have bought, and whom you have "
        "invited. The text of a message is deleted once it has been answered; the rest of what "
        "Telegram sends us with it is kept for 30 days. What you write to support is kept with the "
        "answer.\n\n"
        "<b>What for:</b> for the game, your statistics and your purchases. There is no "
        "advertising by others, and nothing is sold or passed on.\n\n"
        "<b>Who sees you:</b> leaderboards, leagues, duels, cups and tournaments show others a "
        "name: one that you choose in /settings, or your first name with an initial. You can hide "
        "it there.\n\n"
        "<b>Payments</b> are made by Telegram: we see neither your card nor your bank. Records of "
        "purchases are kept for as long as bookkeeping needs them.\n\n"
        "<b>Your rights:</b> /my_data sends you what is stored about you, and /delete_me deletes "
        "your account. Write to us with /paysupport to have something corrected."
    )

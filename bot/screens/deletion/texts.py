"""What the bot says about the deletion of an account; see bot/chat/phrases.py."""

from datetime import datetime

from django.utils.translation import gettext as _

from bot.chat import dates
from quizarena.players.models import DELETION_DELAY, DeletionRequest


def explained() -> str:
    """Return what a deletion means, before it is asked for."""
    return _(
        "🗑 <b>Delete your account</b>\n\n"
        "<b>What is deleted:</b> your name and username, your Telegram id, what you have typed as "
        "answers, our messages, and what you have written to support.\n\n"
        "<b>What stays without your name:</b> records of purchases, as bookkeeping needs them, and "
        "results of duels and tournaments that others have played with you.\n\n"
        "<b>What you lose:</b> energy, Premium, tickets, your streak, your points and everything "
        "else. Purchases cannot be refunded afterwards.\n\n"
        "The account is deleted after {days} days. Until then you can cancel it."
    ).format(days=DELETION_DELAY.days)


def subscribed() -> str:
    """Return why the account cannot be deleted yet."""
    return _(
        "🗑 <b>Delete your account</b>\n\nYou have a subscription. Please cancel it first, so that "
        "Telegram does not charge you again; then send /delete_me once more."
    )


def asked(request: DeletionRequest, *, now: datetime) -> str:
    """Return when the account will be deleted."""
    if request.due_at <= now:
        return _(
            "🗑 <b>Your account will be deleted soon.</b>\n\nA payment, a refund or a subscription "
            "may have to end first, or our team has to look at your account. Until then you can "
            "cancel the deletion. Afterwards it is final."
        )
    return _(
        "🗑 <b>Your account will be deleted on {moment}.</b>\n\nUntil then everything works as "
        "before, and you can cancel the deletion. Afterwards it is final."
    ).format(moment=dates.full(request.due_at))


def kept() -> str:
    """Return the confirmation that the account stays."""
    return _("✅ Your account will not be deleted.")


def button_delete() -> str:
    return _("🗑 Delete my account")


def button_keep() -> str:
    return _("Keep my account")

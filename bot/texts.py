"""What the bot says where no screen answers; see bot/chat/phrases.py."""

from django.utils.translation import gettext as _


def suspended() -> str:
    """Return the answer to a suspended player, which a button shows in at most 200 characters."""
    return _(
        "Your account is suspended at the moment. You cannot play for now. Our support still "
        "answers you: /paysupport"
    )


def unknown() -> str:
    """Return the answer to what the bot does not understand."""
    return _("I did not understand that. /play starts a round, /help shows what I can do.")


def sorry() -> str:
    """Return the apology for an update that we failed to work on for good."""
    return _("Something went wrong on our side, sorry. Send /play to go on.")


def too_fast() -> str:
    """Return the answer, given once, to a player who acts faster than the bot follows."""
    return _("That was a bit fast for me. Take a breath and go on in a few seconds.")

"""The answers to a member of staff who links or unlinks a chat."""

from html import escape

from django.utils.translation import gettext as _


def chat_linked(*, staff: str) -> str:
    """Return the answer to the code of a member of staff."""
    return _(
        "🔗 This chat now gets the messages for the staff account <b>{staff}</b>.\n\n"
        "Is this not your account? Send /unlink."
    ).format(staff=escape(staff))


def wrong_link_code() -> str:
    """Return the answer to a code that no member of staff has now."""
    return _(
        "This code is not valid (any more). Get a new one in the admin, and send it within ten "
        "minutes."
    )


def too_many_link_codes() -> str:
    """Return the answer to a code after too many wrong ones."""
    return _("Too many wrong codes from this chat. Try again in an hour.")


def chat_unlinked() -> str:
    """Return the answer to /unlink."""
    return _("This chat gets no more messages for staff.")


def chat_not_linked() -> str:
    """Return the answer to /unlink in a chat of nobody from staff."""
    return _("This chat is not linked to a staff account.")

"""The question for a language and the answer; see bot/chat/phrases.py."""

from django.utils.translation import gettext as _


def choose_language() -> str:
    """Return the question of /language."""
    return _("🌍 <b>Which language shall I speak with you?</b>")


def language_chosen() -> str:
    """Return the confirmation, in the language that was chosen."""
    return _("Good, I speak English with you from now on.")

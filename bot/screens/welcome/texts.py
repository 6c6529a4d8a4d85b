"""The first words of the bot; see bot/chat/phrases.py."""

from html import escape

from django.utils.translation import gettext as _

from bot.chat import level_texts


def hello(*, name: str) -> str:
    """Return the answer to the first /start."""
    hello = _(
        "👋 <b>Hello, {name}!</b>\n\nWelcome to Quiz Arena. A few quick questions a day, and your "
        "German gets better every day."
    ).format(name=escape(name))
    return f"{hello}\n\n{which_language()}"


def which_language() -> str:
    """Return the question for the language, which stands alone where a link has greeted before."""
    return _("🌍 Which language shall I speak with you?")


def which_level() -> str:
    """Return the question for the level, in the language that was chosen."""
    asked = _("🎓 <b>How well do you know German?</b>")
    later = _("Your first question comes at once. You can change the level in /settings.")
    return f"{asked}\n\n{level_texts.meanings()}\n\n{later}"

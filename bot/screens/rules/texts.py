"""Every sentence about rule cards, and the cards themselves; see bot/chat/phrases.py."""

from collections.abc import Sequence
from html import escape

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from quizarena.game.models import Level, RuleCard, Topic


def choose_level(level: Level) -> str:
    """Return the first page of the rules, with the level at which the player is asked."""
    return _(
        "📖 <b>Grammar rules</b>\n\nShort cards with examples. You play at level {level}.\n\n"
        "Choose a level."
    ).format(level=level)


def no_cards() -> str:
    """Return what stands there while there is no card."""
    return _("📖 There are no rule cards yet.")


def choose_topic(level: Level, *, page: int, pages: int) -> str:
    """Return what stands above the topics of a level."""
    head = _("📖 <b>Rules, {level}</b>").format(level=level)
    if pages > 1:
        place = _("Page {page} of {pages}").format(page=page + 1, pages=pages)
        head = f"{head} · {place}"
    return f"{head}\n\n" + _("Choose a topic.")


def choose_card(topic: Topic, level: Level) -> str:
    """Return what stands above the cards of a topic."""
    title = escape(topic.title(_language()))
    return f"📖 <b>{title}</b> · {level}\n\n" + _("Choose a rule.")


def card(shown: RuleCard) -> str:
    """Return a rule card: title, text, examples with what they mean, table.

    The longest has some 2,600 of the 4,096 characters that Telegram takes.
    """
    language = _language()
    topic = escape(shown.topic.title(language))
    parts = [
        f"📖 <b>{escape(shown.title(language))}</b>\n<i>{shown.level} · {topic}</i>",
        escape(shown.text(language)),
        "\n".join(_examples(shown, language)),
    ]
    if shown.table:
        parts.append(f"<pre>{escape(_table(shown.table))}</pre>")
    return "\n\n".join(parts)


def _examples(shown: RuleCard, language: str) -> list[str]:
    """Return the lines of the examples; who reads German needs no translation."""
    lines = []
    for example in shown.examples:
        lines.append(f"• <b>{escape(example['de'])}</b>")
        if language in example and language != "de":
            lines.append(f"   <i>{escape(example[language])}</i>")
    return lines


def _table(rows: Sequence[str]) -> str:
    return "\n".join(rows)


def no_card() -> str:
    """Return the answer to a button whose card is there no more."""
    return _("This rule card is no longer there. /rules has the others.")


def title_of(row: RuleCard | Topic) -> str:
    """Return the title in the player's language, as a label of a button."""
    return row.title(_language())


def button_before() -> str:
    """Return the label of the button that leads to the page before."""
    return _("◀️ Previous")


def button_after() -> str:
    """Return the label of the button that leads to the page after."""
    return _("Next ▶️")


def button_levels() -> str:
    """Return the label of the button that leads to the levels."""
    return _("🎚 Other level")


def _language() -> str:
    return get_language() or ""

"""Templates of broadcasts: what they say and to whom."""

from collections.abc import Mapping
from typing import Any

from bot.messages import broadcasts
from bot.messages.models import BROADCAST_TERMS, Broadcast
from quizarena.staff import draft_templates

KIND = "broadcast"
TERMS = tuple(name for name in BROADCAST_TERMS if name != "name")


def register() -> None:
    """Let broadcasts have templates."""
    draft_templates.register(
        draft_templates.Kind(
            name=KIND,
            label="Broadcast",
            permission="bot.run_broadcast",
            form_page="admin:bot_broadcast_add",
            in_words=in_words,
        )
    )


def terms_of(broadcast: Broadcast) -> dict[str, Any]:
    """Return what a template of the broadcast keeps."""
    return {name: getattr(broadcast, name) for name in TERMS}


def in_words(terms: Mapping[str, Any]) -> str:
    """Return to whom a broadcast of the template goes."""
    draft = Broadcast(**{name: terms[name] for name in TERMS if name in terms})
    return f"to {broadcasts.in_words(draft)}"

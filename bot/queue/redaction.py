"""Updates without what people have typed. Product rules, section 16.

Once an update is done its texts are not needed, and a code in one works for whoever reads it.
"""

from typing import Any

REDACTED = "…"
# Where the Bot API has what a person wrote: messages, captions, inline queries, polls, and the
# addresses behind links. What the bot has written stands under the same names, in messages that a
# button is of or that are answered.
TYPED = frozenset({"text", "caption", "query", "question", "explanation", "url"})


def without_texts(payload: Any) -> Any:
    """Return a payload, or a part of one, in which every text is REDACTED; nothing else changes."""
    match payload:
        case dict():
            return {
                key: REDACTED if key in TYPED and isinstance(part, str) else without_texts(part)
                for key, part in payload.items()
            }
        case list():
            return [without_texts(part) for part in payload]
    return payload

"""What a player will read of a campaign, for who prepares it.

The texts are the bot's, which stands above: it calls `tell_with` when the process starts.
"""

from collections.abc import Callable

from promos.models import Campaign

# The languages that operators check; the others follow them.
LANGUAGES = ("de", "en")

_tell: Callable[[Campaign, str, str], str] | None = None


def tell_with(tell: Callable[[Campaign, str, str], str]) -> None:
    """Let `tell` say what a player reads when a code of the campaign is accepted.

    It gets the campaign, which may not be stored, the language, and in this language the title
    of the one product that the campaign is for, if it is for one.
    """
    global _tell  # noqa: PLW0603 -- set once, at the start of the process.
    _tell = tell


def told(campaign: Campaign, *, language: str, product: str = "") -> str:
    """Return what a player reads when a code of the campaign is accepted."""
    assert _tell is not None, "The bot has not said how: it is not among INSTALLED_APPS."
    return _tell(campaign, language, product)

"""What a player will read of a campaign, for who prepares it.

The texts are the bot's, which stands above: it calls `render_with` when the process starts.
"""

from collections.abc import Callable

from promos.models import Campaign

_render: Callable[[Campaign, str, str], str] | None = None


def render_with(render: Callable[[Campaign, str, str], str]) -> None:
    """Let `render` return what a player reads when a code of the campaign is accepted.

    It gets the campaign, which may not be stored, the language, and in this language the title
    of the one product that the campaign is for, if it is for one.
    """
    global _render  # noqa: PLW0603 -- set once, at the start of the process.
    _render = render


def player_text(campaign: Campaign, *, language: str, product: str = "") -> str:
    """Return what a player reads when a code of the campaign is accepted."""
    assert _render is not None, "No renderer: the bot is not among INSTALLED_APPS."
    return _render(campaign, language, product)

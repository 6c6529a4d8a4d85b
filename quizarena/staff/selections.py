"""What staff have chosen in a list, kept in their session: an address has no room for hundreds.

A server refuses an address of more than some four thousand characters, so the list's action stores
what was chosen and leads to a page whose address has only its key.
"""

import secrets

from django.http import HttpRequest

# Of a larger choice nobody reads the preview, and the session is read with every request.
CHOSEN_MAX = 1_000
# The latest of each session: one for each window in which somebody works.
KEPT_MAX = 5
_NAME = "selections"


def keep(request: HttpRequest, rows: str) -> str:
    """Store what was chosen, as the page reads it, in the session; return the key.

    Of the session's choices the latest five stay.
    """
    key = secrets.token_urlsafe(9)
    stored = {**request.session.get(_NAME, {}), key: rows}
    request.session[_NAME] = dict(list(stored.items())[-KEPT_MAX:])
    return key


def kept(request: HttpRequest, key: str) -> str:
    """Return what was chosen under this key; empty if it is no longer stored."""
    rows: str = request.session.get(_NAME, {}).get(key, "")
    return rows


def too_many(count: int, *, what: str) -> str:
    """Return what to do about more rows than are chosen at once."""
    return (
        f"{count:,} {what} are chosen, and {CHOSEN_MAX:,} at most at once. Choose fewer with the"
        " filters, and try again."
    )

"""Templates of answers: which placeholders they may have, and what stands in their place."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.utils import timezone, translation
from django.utils.formats import date_format

from payments.errors import UnknownPlaceholderError
from payments.models import PAID, Purchase, PurchaseStatus, SupportTemplate
from quizarena.players.models import Language, Player

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _About:
    """What an answer is about."""

    player: Player
    purchase: Purchase | None
    language: str


def _product(about: _About) -> str:
    product = about.purchase.product if about.purchase else None
    return product.title(about.language) if product else ""


def _stars(about: _About) -> str:
    return str(about.purchase.paid_stars or "") if about.purchase else ""


def _day(about: _About) -> str:
    paid_at = about.purchase.paid_at if about.purchase else None
    if paid_at is None:
        return ""
    with translation.override(about.language):
        return date_format(timezone.localtime(paid_at), "DATE_FORMAT")


# What it stands for, and how it is found; empty if there is no such thing.
PLACEHOLDERS: Mapping[str, tuple[str, Callable[[_About], str]]] = {
    "first_name": ("the player's first name", lambda about: about.player.first_name),
    "purchase": ("the product that the player has paid for last", _product),
    "stars": ("what the player has paid for it", _stars),
    "paid_on": ("the day of that", _day),
}


def check(text: str) -> None:
    """Raise UnknownPlaceholderError if the text has a placeholder that nothing fills."""
    unknown = [name for name in _PLACEHOLDER.findall(text) if name not in PLACEHOLDERS]
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise UnknownPlaceholderError(
            f"There is no placeholder {{{unknown[0]}}}. There are: {known}."
        )
    rest = _PLACEHOLDER.sub("", text)
    if "{" in rest or "}" in rest:
        raise UnknownPlaceholderError("A brace { or } stands alone. Placeholders have both.")


def fill(template: SupportTemplate, *, player: Player, language: str = "") -> str:
    """Return the template for the player, in their language or another one.

    A placeholder for which there is nothing stays as it is: see `unfilled`.
    """
    about = _About(
        player=player,
        purchase=last_paid(player),
        language=language or Language(player.language).value,
    )

    def value(match: re.Match[str]) -> str:
        _meaning, find = PLACEHOLDERS.get(match[1], ("", lambda _: ""))
        return find(about) or match[0]

    return _PLACEHOLDER.sub(value, template.text(about.language))


def unfilled(text: str) -> list[str]:
    """Return the placeholders that are still in a text."""
    return [name for name in _PLACEHOLDER.findall(text) if name in PLACEHOLDERS]


def last_paid(player: Player) -> Purchase | None:
    """Return the purchase that the player has paid last."""
    paid = player.purchases.filter(status__in=[*PAID, PurchaseStatus.REFUNDED])
    return paid.select_related("product").order_by("-opened_at").first()

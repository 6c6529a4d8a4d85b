"""What a product is good for, and which one is the best value. Product rules, section 4."""

from collections.abc import Collection, Iterable
from enum import StrEnum
from fractions import Fraction

from economy.goods import Goods
from payments.catalogue import Offer


class Benefit(StrEnum):
    """What a product is bought for: the groups of the shop, in its order."""

    ENERGY = "ENERGY"
    PREMIUM = "PREMIUM"
    EXTRAS = "EXTRAS"


def benefit(goods: Goods) -> Benefit:
    """Return the group of what a product delivers; the first that fits."""
    if goods.premium is not None:
        return Benefit.PREMIUM
    return Benefit.ENERGY if goods.paid_energy else Benefit.EXTRAS


def best_values(offers: Iterable[Offer]) -> frozenset[str]:
    """Return the codes of the products that cost the player less per unit than all like them.

    Compared is what delivers one thing only, more or less of it: a pack of several things has no
    price per unit. What cannot be bought now is left out. Where there is nothing to compare with,
    or the lowest price is that of two, nothing is the best value.
    """
    alike: dict[str, list[tuple[Fraction, str]]] = {}
    for offer in offers:
        if offer.refused is None and (only := _only_unit(offer.product.goods)):
            unit, amount = only
            alike.setdefault(unit, []).append((Fraction(offer.stars, amount), offer.product.pk))
    return frozenset(filter(None, map(_cheapest, alike.values())))


def _only_unit(goods: Goods) -> tuple[str, int] | None:
    """Return the one thing that these goods are, and how much of it; None if they are several."""
    amounts = {**goods.units, "premium_days": goods.premium_days, "mode_hours": goods.mode_hours}
    units = [(unit, amount) for unit, amount in amounts.items() if amount]
    return units[0] if len(units) == 1 else None


def _cheapest(priced: Collection[tuple[Fraction, str]]) -> str | None:
    """Return the code with the lowest price per unit, if it is one of several and the only one."""
    lowest = min(price for price, _code in priced)
    codes = [code for price, code in priced if price == lowest]
    return codes[0] if len(codes) == 1 < len(priced) else None


def openers(offers: Iterable[Offer], *, mode: str) -> list[Offer]:
    """Return what opens a locked mode and can be bought now: the cheapest pack and Premium plan."""
    cheapest: dict[bool, Offer] = {}
    for offer in sorted(offers, key=lambda one: one.stars):
        goods = offer.product.goods
        opens = goods.premium is not None or mode in goods.mode_codes
        if opens and offer.refused is None:
            cheapest.setdefault(goods.premium is not None, offer)
    return [cheapest[is_premium] for is_premium in (False, True) if is_premium in cheapest]

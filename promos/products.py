"""What can be bought, as far as promos need it: a port that payments implement.

payments call `read_with` when the process starts; until then nothing is for sale.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from economy.goods import Goods
from promos.discounts import discounted
from promos.models import Campaign, CampaignKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """Something for sale: its price in Stars, and what of it a campaign could give away, too."""

    code: str
    # By language, as players read it.
    titles: dict[str, str]
    stars: int
    premium_days: int = 0
    energy: int = 0

    @property
    def is_premium(self) -> bool:
        """Whether it is a Premium plan; everything else is a small product."""
        return self.premium_days > 0

    def title(self, language: str) -> str:
        """Return what it is called in a language."""
        return self.titles.get(language, self.code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """What a campaign's discounts have sold of one product, refunds left out."""

    product_code: str
    times: int
    # What was paid, and what it would have cost without the discount.
    stars_paid: int
    stars_full: int


def _nothing() -> Sequence[Product]:
    return ()


def _nothing_at(now: datetime) -> Sequence[Product]:
    return ()


def _no_sales(campaign_id: int) -> Sequence[Sale]:
    return ()


def _no_goods(product_code: str) -> Goods:
    """Say that there is no such product."""
    raise LookupError(product_code)


_on_sale: Callable[[], Sequence[Product]] = _nothing
_at_reference_price: Callable[[datetime], Sequence[Product]] = _nothing_at
_sales: Callable[[int], Sequence[Sale]] = _no_sales
_goods: Callable[[str], Goods] = _no_goods


def read_with(
    *,
    on_sale: Callable[[], Sequence[Product]],
    at_reference_price: Callable[[datetime], Sequence[Product]],
    sales: Callable[[int], Sequence[Sale]],
    goods: Callable[[str], Goods],
) -> None:
    """Let `on_sale` say what is for sale, and `sales` what a campaign's discounts have sold.

    `at_reference_price` returns every product with its reference price at an instant.
    `sales` gets the id of the campaign, and returns what sold best first. `goods` says what a
    product delivers, also one that is not for sale now; it raises LookupError for an unknown code.
    """
    global _on_sale, _at_reference_price, _sales, _goods
    _on_sale, _at_reference_price, _sales, _goods = on_sale, at_reference_price, sales, goods


def goods_of(product_code: str) -> Goods:
    """Return what a product delivers, for sale or not. Raises LookupError if there is none."""
    return _goods(product_code)


def on_sale() -> Sequence[Product]:
    """Return what is for sale, in the shop's order."""
    return _on_sale()


def sales_of(campaign: Campaign) -> Sequence[Sale]:
    """Return what the campaign's discounts have sold, the best first."""
    return _sales(campaign.pk)


def fitting(campaign: Campaign) -> list[tuple[Product, int]]:
    """Return the products that the discount is for, each with the price after it."""
    return [
        (product, discounted(stars=product.stars, percent=campaign.value))
        for product in on_sale()
        if campaign.fits(product_code=product.code, is_premium=product.is_premium)
    ]


def stars_each(campaign: Campaign, *, now: datetime) -> int | None:
    """Return what one use is worth at most, in Stars; None if no product is comparable.

    A discount takes off what it takes off the dearest product that it fits. Goods are worth what
    a product with exactly so much costs, or as much as they cost where they are dearest. Counted at
    reference prices, and with what is hidden now: neither a price nor the shop can be changed for
    an hour to make a campaign look cheap.
    """
    every = _at_reference_price(now)
    if campaign.is_discount:
        return max(
            (
                product.stars - discounted(stars=product.stars, percent=campaign.value)
                for product in every
                if campaign.fits(product_code=product.code, is_premium=product.is_premium)
            ),
            default=None,
        )
    is_energy = campaign.kind == CampaignKind.ENERGY_GRANT
    priced = [
        (product.energy if is_energy else product.premium_days, product.stars) for product in every
    ]
    exact = [stars for amount, stars in priced if amount == campaign.value]
    dearest = [ceil(campaign.value * stars / amount) for amount, stars in priced if amount]
    return min(exact, default=max(dearest, default=None))

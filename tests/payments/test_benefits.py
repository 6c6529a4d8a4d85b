"""What a product is good for, and which one is the best value: pure rules."""

from typing import Any

import pytest

from payments.benefits import benefit, best_values, openers
from payments.catalogue import PRODUCTS, Offer
from payments.errors import Refusal, RefusedError
from payments.models import Product

CATALOGUE = {product["code"]: product for product in PRODUCTS}


def offer(code: str, *, refused: Refusal | None = None, **fields: Any) -> Offer:
    """Return a product of the catalogue, with other `fields` if some are given."""
    product = Product(**{**CATALOGUE.get(code, {"code": code}), **fields})
    why = RefusedError(refused) if refused else None
    return Offer(product=product, refused=why, stars=product.stars)


@pytest.mark.parametrize(
    ("code", "group"),
    [
        ("ENERGY_10", "ENERGY"),
        ("MEGA_PACK_15", "ENERGY"),
        ("STREAK_SAVER_20", "EXTRAS"),
        ("FRIEND_CHALLENGE_5", "EXTRAS"),
        ("PREMIUM_STARTER", "PREMIUM"),
        ("PREMIUM_MONTH", "PREMIUM"),
        ("PREMIUM_SEASON", "PREMIUM"),
        ("PREMIUM_YEAR", "PREMIUM"),
    ],
)
def test_each_product_of_the_catalogue_has_its_group(code: str, group: str) -> None:
    assert benefit(offer(code).product.goods) == group


class TestBestValue:
    def test_of_the_catalogue_it_is_the_year(self) -> None:
        assert best_values(map(offer, CATALOGUE)) == {"PREMIUM_YEAR"}

    @pytest.mark.parametrize(
        ("stars", "best"),
        [(70, {"TWENTY"}), (9, {"TWENTY"}), (10, set()), (11, {"ENERGY_10"})],
    )
    def test_it_costs_less_per_unit_than_all_like_it(self, stars: int, best: set[str]) -> None:
        amount = 200 if stars == 70 else 20
        many = offer("TWENTY", stars=stars, paid_energy=amount)

        assert best_values([offer("ENERGY_10"), many]) == best

    def test_a_pack_of_several_things_is_compared_with_nothing(self) -> None:
        assert best_values([offer("ENERGY_10"), offer("MEGA_PACK_15", stars=1)]) == set()

    def test_what_cannot_be_bought_is_left_out(self) -> None:
        year = offer("PREMIUM_YEAR", refused=Refusal.NOT_FOR_SALE)

        plans = [offer("PREMIUM_MONTH"), offer("PREMIUM_SEASON"), year]

        assert best_values(plans) == {"PREMIUM_SEASON"}

    def test_one_alone_is_not_the_best_of_anything(self) -> None:
        assert best_values([offer("PREMIUM_YEAR")]) == set()
        assert best_values([]) == set()


class TestOpeners:
    def test_it_is_the_cheapest_pack_and_the_cheapest_plan(self) -> None:
        found = openers(map(offer, reversed(CATALOGUE)), mode="WORD_ORDER")

        assert [one.product.pk for one in found] == ["MEGA_PACK_15", "PREMIUM_STARTER"]

    def test_what_does_not_open_the_mode_or_cannot_be_bought_is_left_out(self) -> None:
        starter = offer("PREMIUM_STARTER", refused=Refusal.LOWER_PLAN)

        found = openers([offer("MEGA_PACK_15"), starter, offer("ENERGY_10")], mode="BUSINESS")

        assert found == []

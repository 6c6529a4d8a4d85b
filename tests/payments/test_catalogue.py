"""What is sold: the eight products, and the shop as a player sees it."""

import dataclasses
import importlib
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction
from django.db.models import OuterRef

from economy.goods import USED_BY, Goods
from payments import catalogue
from payments.models import Product
from quizarena.players import services as players
from quizarena.players.models import Player
from tests.payments import steps
from tests.payments.steps import DAY, NOON

pytestmark = pytest.mark.django_db

MODES = ("CASES_PRACTICE", "TRENNBARE_VERBEN", "WORD_ORDER")


@pytest.mark.parametrize(
    ("code", "stars", "goods"),
    [
        ("ENERGY_10", 5, {"paid_energy": 10}),
        ("MEGA_PACK_15", 15, {"paid_energy": 15, "mode_codes": MODES, "mode_hours": 24}),
        ("STREAK_SAVER_20", 20, {"streak_savers": 1}),
        ("FRIEND_CHALLENGE_5", 5, {"duel_tickets": 1}),
        ("PREMIUM_STARTER", 29, {"premium": "STARTER", "premium_days": 7}),
        ("PREMIUM_MONTH", 99, {"premium": "MONTH", "premium_days": 30}),
        ("PREMIUM_SEASON", 249, {"premium": "SEASON", "premium_days": 90}),
        ("PREMIUM_YEAR", 499, {"premium": "YEAR", "premium_days": 365}),
    ],
)
def test_a_product_has_its_price_and_its_goods(
    code: str, stars: int, goods: dict[str, Any]
) -> None:
    product = Product.objects.get(code=code)

    assert product.stars == stars
    nothing = {
        "paid_energy": 0,
        "streak_savers": 0,
        "duel_tickets": 0,
        "premium": None,
        "premium_days": 0,
        "mode_codes": (),
        "mode_hours": 0,
    }
    delivered = {name: getattr(product.goods, name) for name in nothing}
    assert delivered == {**nothing, **goods}


def test_there_are_eight_in_the_order_of_the_shop() -> None:
    assert list(Product.objects.values_list("code", flat=True)) == [
        "ENERGY_10",
        "MEGA_PACK_15",
        "STREAK_SAVER_20",
        "FRIEND_CHALLENGE_5",
        "PREMIUM_STARTER",
        "PREMIUM_MONTH",
        "PREMIUM_SEASON",
        "PREMIUM_YEAR",
    ]


def test_only_the_month_is_a_subscription_and_only_the_saver_has_a_window() -> None:
    assert [product.code for product in Product.objects.filter(can_subscribe=True)] == [
        "PREMIUM_MONTH"
    ]
    windows = Product.objects.exclude(once_per_days=None).values_list("code", "once_per_days")
    assert list(windows) == [("STREAK_SAVER_20", 7)]


@pytest.mark.parametrize("language", ["de", "en", "uk"])
def test_each_speaks_each_language_within_what_telegram_takes(language: str) -> None:
    """Bot API sendInvoice: a title of 1-32 characters, a description of 1-255."""
    for product in Product.objects.all():
        assert 1 <= len(product.title(language)) <= 32
        assert 1 <= len(product.description(language)) <= 255
        assert product.texts[language]["title"] == product.title(language)


def test_a_language_that_is_missing_falls_back_to_german() -> None:
    product = Product.objects.get(code="ENERGY_10")
    del product.texts["uk"]

    assert product.title("uk") == product.title("de") == "10 Energiepunkte"
    assert Product(code="NEW").title("de") == "NEW"


def test_seeding_again_keeps_what_operators_have_changed() -> None:
    Product.objects.filter(code="ENERGY_10").update(stars=7, is_for_sale=False)
    Product.objects.filter(code="PREMIUM_YEAR").delete()

    for _ in range(2):
        catalogue.seed_catalogue(app_config=apps.get_app_config("payments"))

    product = Product.objects.get(code="ENERGY_10")
    assert (product.stars, product.is_for_sale) == (7, False)
    assert Product.objects.get(code="PREMIUM_YEAR").stars == 499
    assert Product.objects.count() == 8


def test_each_thing_that_is_used_names_the_module_that_uses_it() -> None:
    names = {field.name for field in dataclasses.fields(Goods)} - {"premium_days", "mode_hours"}
    assert set(USED_BY) == names
    for module in USED_BY.values():
        importlib.import_module(module)


class TestShelf:
    """What a player sees, and what they cannot buy now."""

    @staticmethod
    def refused(player: Player, now: Any = NOON) -> dict[str, str]:
        """Return why what cannot be bought."""
        return {
            offer.product.code: offer.refused.refusal.value
            for offer in catalogue.available_products(player=player, now=now)
            if offer.refused
        }

    def test_duel_tickets_are_for_sale_and_delivered(self, player: Player) -> None:
        offers = catalogue.available_products(player=player, now=NOON)
        assert "FRIEND_CHALLENGE_5" in [offer.product.code for offer in offers]
        assert "FRIEND_CHALLENGE_5" in [product.code for product in catalogue.on_sale()]

        steps.buy(player, "FRIEND_CHALLENGE_5")

        assert steps.owned(player) == (0, 0, 1)

    def test_a_new_player_can_buy_everything(
        self, player: Player, django_assert_num_queries: Any
    ) -> None:
        with django_assert_num_queries(2):
            offers = catalogue.available_products(player=player, now=NOON)

        assert offers[0].product.code == "ENERGY_10"
        assert len(offers) == 8
        assert self.refused(player) == {}

    def test_only_of_what_is_sold_once_in_some_days_purchases_are_looked_up(
        self, player: Player
    ) -> None:
        for code in ("ENERGY_10", "STREAK_SAVER_20"):
            steps.buy(player, code)

        def plan(code: str) -> str:
            rows = Product.objects.filter(pk=code)
            found = catalogue.with_circumstances(
                rows, player=player.pk, product=OuterRef("pk"), now=NOON
            )
            return found.explain(analyze=True)

        looked_up = {
            code: "never executed"
            not in plan(code).partition("payments_purchase")[2].split("\n")[0]
            for code in ("ENERGY_10", "STREAK_SAVER_20")
        }

        assert looked_up == {"ENERGY_10": False, "STREAK_SAVER_20": True}

    def test_what_is_not_for_sale_is_not_shown(self, player: Player) -> None:
        Product.objects.filter(code="ENERGY_10").update(is_for_sale=False)

        codes = [
            offer.product.code for offer in catalogue.available_products(player=player, now=NOON)
        ]

        assert "ENERGY_10" not in codes
        assert len(codes) == 7

    def test_lower_plans_and_a_second_saver_are_refused(self, player: Player) -> None:
        steps.buy(player, "PREMIUM_SEASON")
        steps.buy(player, "STREAK_SAVER_20")

        assert self.refused(player) == {
            "PREMIUM_STARTER": "LOWER_PLAN",
            "PREMIUM_MONTH": "LOWER_PLAN",
            "STREAK_SAVER_20": "TOO_SOON",
        }
        offers = {
            offer.product.code: offer
            for offer in catalogue.available_products(player=player, now=NOON)
        }
        refused = offers["STREAK_SAVER_20"].refused
        assert refused is not None
        assert refused.until == NOON + 7 * DAY
        assert self.refused(player, NOON + 90 * DAY) == {}

    def test_who_is_suspended_can_buy_nothing(self, player: Player) -> None:
        players.suspend(player_id=player.pk, now=NOON)
        player.refresh_from_db()

        assert set(self.refused(player).values()) == {"SUSPENDED"}
        assert len(self.refused(player)) == 8


class TestDatabaseSaysNo:
    """A product that makes no sense, by a road that does not pass through the admin."""

    @pytest.mark.parametrize(
        ("changes", "rule"),
        [
            ({"stars": 0}, "product_has_a_price"),
            ({"stars": 10_001}, "product_has_a_price"),
            ({"premium": "MONTH"}, "product_premium_is_a_plan_and_its_days"),
            ({"premium_days": 7}, "product_premium_is_a_plan_and_its_days"),
            ({"premium": "LIFELONG", "premium_days": 7}, "product_premium_is_a_plan_and_its_days"),
            ({"mode_hours": 24}, "product_modes_have_hours"),
            ({"mode_codes": ["WORD_ORDER"]}, "product_modes_have_hours"),
            ({"paid_energy": 0}, "product_delivers_something"),
            ({"once_per_days": 0}, "product_window_is_of_days"),
            ({"can_subscribe": True}, "product_subscription_is_of_30_days"),
        ],
    )
    def test_it_is_refused(self, changes: dict[str, Any], rule: str) -> None:
        with pytest.raises(IntegrityError, match=rule), transaction.atomic():
            Product.objects.filter(code="ENERGY_10").update(**changes)

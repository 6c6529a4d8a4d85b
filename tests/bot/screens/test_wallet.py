"""The lines of the wallet: what stands together, and what was bought by its name."""

from typing import Any

import pytest

from bot.screens.wallet.lines import lines
from economy.models import LedgerEntry
from payments.models import Product
from quizarena.game.models import Round
from tests.bot.screens.buyers import buy, newcomer
from tests.conftest import Road


def entry(key: str, type_: str = "QUESTION", asset: str = "FREE_ENERGY", **deltas: Any) -> Any:
    """Return an entry that is not stored."""
    return LedgerEntry(
        idempotency_key=key, type=type_, asset=asset, amount=1, **(deltas or {"free_energy": -1})
    )


MIX, SPRINT = Round(pk=1, mode="QUICK_MIX_A1A2"), Round(pk=2, mode="ARTIKEL_SPRINT")
ROUNDS = {"a": MIX, "b": MIX, "c": MIX, "d": SPRINT}


def test_questions_of_a_round_that_follow_each_other_are_one_line() -> None:
    found = lines([entry("d"), entry("c"), entry("b"), entry("a")], ROUNDS)

    assert [(line.played, len(line.entries)) for line in found] == [(SPRINT, 1), (MIX, 3)]
    assert found[1].moved("free_energy") == -3
    assert found[1].oldest.idempotency_key == "a"


def test_what_lies_between_parts_them() -> None:
    between = entry("x", "PROMO_GRANT", "PAID_ENERGY", paid_energy=30)

    found = lines([entry("c"), between, entry("b"), entry("a")], ROUNDS)

    assert [len(line.entries) for line in found] == [1, 1, 2]
    assert found[1].moved("paid_energy") == 30


def test_what_comes_back_and_what_is_of_no_round_has_a_line_of_its_own() -> None:
    back = entry("a", "QUESTION_RETURNED", free_energy=1)

    found = lines([back, entry("y"), entry("z")], ROUNDS)

    assert [(line.played, line.moved("free_energy")) for line in found] == [
        (None, 1),
        (None, -1),
        (None, -1),
    ]


def test_what_regenerated_meanwhile_is_no_part_of_the_price() -> None:
    found = lines([entry("b", free_energy=4), entry("a")], ROUNDS)

    assert found[0].moved("free_energy") == -2


def test_of_a_round_that_took_both_kinds_of_energy_both_are_shown() -> None:
    found = lines([entry("b", asset="PAID_ENERGY", paid_energy=-1), entry("a")], ROUNDS)

    assert (found[0].moved("free_energy"), found[0].moved("paid_energy")) == (-1, -1)


@pytest.mark.parametrize("language", ["en", "de", "uk"])
def test_a_purchase_has_the_name_of_its_product(road: Road, language: str) -> None:
    anna = newcomer(road, language=language)
    buy(road, anna, "ENERGY_10")

    wallet = road.say(anna, "/wallet")["text"]

    assert f": {Product.objects.get(pk='ENERGY_10').title(language)} · +10 🔋" in wallet

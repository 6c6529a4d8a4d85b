"""The payload of an invoice: ours, unguessable, and for one player, product and price."""

import string
from collections.abc import Callable
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from payments import payload

PURCHASE = UUID("0f4f3d52-8d4e-4b5a-9c07-1d2a3b4c5d6e")
OLD = {"one": "a key of twenty-four characters"}
ROTATED = {"two": "another key, and longer than that", **OLD}


def signed(*, telegram_id: int = 700, product: str = "ENERGY_10", stars: int = 5) -> str:
    """Sign a payload."""
    return payload.sign(purchase_id=PURCHASE, telegram_id=telegram_id, product=product, stars=stars)


def is_ours(
    text: str, *, telegram_id: int = 700, product: str = "ENERGY_10", stars: int = 5
) -> bool:
    """Check a payload."""
    return payload.is_ours(text, telegram_id=telegram_id, product=product, stars=stars)


@pytest.fixture(autouse=True)
def _one_key(settings: Settings) -> None:
    settings.PAYMENT_PAYLOAD_KEYS = OLD


def test_it_names_its_key_and_its_purchase() -> None:
    prefix, key, purchase, signature = signed().split(".")

    assert (prefix, key, purchase) == ("qa", "one", "0f4f3d528d4e4b5a9c071d2a3b4c5d6e")
    assert len(signature) == 32
    assert is_ours(signed())


def test_telegram_takes_it() -> None:
    """Bot API sendInvoice: 1-128 bytes."""
    assert 1 <= len(signed(telegram_id=2**52, product="P" * 32, stars=10_000).encode()) <= 128


def test_it_is_for_one_player_product_and_price() -> None:
    assert not is_ours(signed(), telegram_id=701)
    assert not is_ours(signed(), product="ENERGY_1")
    assert not is_ours(signed(), stars=4)


@given(place=st.integers(0, 70), letter=st.sampled_from(string.printable + "é€"))
def test_no_letter_of_it_can_be_changed(place: int, letter: str) -> None:
    text = signed()
    changed = text[:place] + letter + text[place + 1 :]

    assert is_ours(changed) == (changed == text)


@pytest.mark.parametrize(
    "change",
    [
        lambda _: "",
        lambda text: text + ".",
        lambda text: "." + text,
        lambda text: text.replace("qa.", "qb."),
        lambda text: text.replace(".one.", ".two."),
        lambda text: text.rpartition(".")[0],
        lambda text: text.rpartition(".")[0] + ".",
        lambda text: text.upper(),
        lambda _: "qa.one.not-a-uuid.signature",
        lambda _: "nobody's",
    ],
)
def test_what_is_made_up_is_not_ours(change: Callable[[str], str]) -> None:
    assert not is_ours(change(signed()))


def test_after_a_rotation_the_new_key_signs_and_the_old_one_still_verifies(
    settings: Settings,
) -> None:
    before = signed()
    settings.PAYMENT_PAYLOAD_KEYS = ROTATED

    after = signed()

    assert after.startswith("qa.two.")
    assert is_ours(before)
    assert is_ours(after)


def test_a_key_that_is_gone_verifies_nothing(settings: Settings) -> None:
    settings.PAYMENT_PAYLOAD_KEYS = ROTATED
    after = signed()
    settings.PAYMENT_PAYLOAD_KEYS = OLD

    assert not is_ours(after)


def test_another_key_of_the_same_name_verifies_nothing(settings: Settings) -> None:
    before = signed()
    settings.PAYMENT_PAYLOAD_KEYS = {"one": "a key that somebody has guessed"}

    assert not is_ours(before)

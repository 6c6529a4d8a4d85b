"""`manage.py telegram_smoke` beside the product's own processes, with a person who pays or not."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.sandbox import ROOT
from tests.stack import Stack

pytestmark = pytest.mark.slow

CAMPAIGNS = "SELECT status, applied, reserved FROM promos_campaign ORDER BY id"


@contextmanager
def walking(stack: Stack, player: int, *, patience_s: int) -> Iterator[subprocess.Popen[str]]:
    """Run the walk; it is over, one way or the other, when the block is left."""
    stack.execute("SET LOCAL session_replication_role = replica; TRUNCATE promos_campaign CASCADE")
    process = subprocess.Popen(
        [sys.executable, "manage.py", "telegram_smoke", str(player), "--patience", str(patience_s)],
        cwd=ROOT,
        env=stack.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def invoices(stack: Stack, player: int) -> list[int]:
    """Return what each invoice in the player's chat costs."""
    cards = [message["invoice"] for message in stack.sandbox.chat(player) if "invoice" in message]
    return [card["total_amount"] for card in cards]


def wait_for_invoice(
    stack: Stack, player: int, walk: subprocess.Popen[str], *, number: int
) -> None:
    """Wait for the invoice of this number, or for the end of the walk, whose output says more."""

    def is_there() -> bool:
        return len(invoices(stack, player)) == number or walk.poll() is not None

    stack.wait_for(is_there, timeout=90)


def somebody(stack: Stack) -> int:
    """Return the Telegram id of a player who has said hello and has Stars."""
    player = stack.sandbox.add_player("Anna")
    stack.sandbox.set_stars(player, 100)
    stack.say(player, "/start")
    return player


def test_a_purchase_a_promo_purchase_and_their_refunds_are_as_they_should_be(stack: Stack) -> None:
    anna = somebody(stack)

    with walking(stack, anna, patience_s=60) as walk:
        for number in (1, 2):
            wait_for_invoice(stack, anna, walk, number=number)
            stack.sandbox.buy(anna)
        output, _ = walk.communicate(timeout=120)

    assert walk.returncode == 0, output
    assert "FAIL" not in output
    for fact in (
        "the purchase is credited",
        "the bot has as many Stars as before",
        "a code that takes off 40 % is accepted",
        "40 % less was paid (3 of 5 Stars)",
        "the redemption is APPLIED",
        "the redemption is REVOKED",
        "All checks passed.",
    ):
        assert fact in output, output
    assert invoices(stack, anna) == [5, 3]
    assert stack.sandbox.stars(anna) == 100
    assert stack.rows("SELECT status FROM payments_purchase") == [("REFUNDED",), ("REFUNDED",)]
    # The use stays used, and nobody can use the code any more.
    assert stack.rows(CAMPAIGNS) == [("ENDED", 1, 0)]


def test_when_nobody_pays_the_walk_says_so_fails_and_cleans_up(stack: Stack) -> None:
    anna = somebody(stack)

    with walking(stack, anna, patience_s=2) as walk:
        output, _ = walk.communicate(timeout=120)

    assert walk.returncode == 1, output
    assert "FAIL the payment has arrived. Was it paid?" in output
    assert "is closed; its invoice cannot be paid any more." in output
    assert "1 of the checks failed" in output
    assert stack.rows("SELECT status FROM payments_purchase") == [("FAILED",)]


def test_when_only_the_promo_invoice_is_not_paid_its_reservation_and_its_campaign_end(
    stack: Stack,
) -> None:
    anna = somebody(stack)

    with walking(stack, anna, patience_s=8) as walk:
        wait_for_invoice(stack, anna, walk, number=1)
        stack.sandbox.buy(anna)
        output, _ = walk.communicate(timeout=120)

    assert walk.returncode == 1, output
    assert "a code that takes off 40 % is accepted" in output
    assert "FAIL the payment has arrived. Was it paid?" in output
    assert "is ended." in output
    states = stack.rows("SELECT status FROM payments_purchase ORDER BY opened_at")
    assert states == [("REFUNDED",), ("FAILED",)]
    assert stack.rows("SELECT status FROM promos_redemption") == [("EXPIRED",)]
    assert stack.rows(CAMPAIGNS) == [("ENDED", 0, 0)]
    assert stack.sandbox.stars(anna) == 100

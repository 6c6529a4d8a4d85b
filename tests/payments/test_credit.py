"""Crediting: all of what was bought as one entry of the ledger, once."""

from typing import Any

import pytest
from django.db import connection
from django.forms.models import model_to_dict
from django.test.utils import CaptureQueriesContext

from economy import entitlements, wallets
from economy.goods import Plan
from economy.models import LedgerEntry, ModeSpan, Wallet
from payments import purchases, refunds
from payments.errors import NotCreditableError
from payments.models import Purchase
from quizarena.players.models import Player
from tests.factories import PlayerFactory
from tests.payments import steps
from tests.payments.steps import DAY, MINUTE, NOON, Delivery

pytestmark = pytest.mark.django_db


def credits_of(player: Player) -> list[LedgerEntry]:
    """Return what has been credited to the player for purchases."""
    return list(LedgerEntry.objects.filter(player=player, type="PURCHASE_CREDIT").order_by("pk"))


def test_credit_creates_single_ledger_entry_per_purchase(player: Player) -> None:
    first, second = steps.buy(player), steps.buy(player, "MEGA_PACK_15")

    assert [entry.idempotency_key for entry in credits_of(player)] == [
        f"credit:purchase:{first.pk}",
        f"credit:purchase:{second.pk}",
    ]
    for purchase, entry, stars in zip((first, second), credits_of(player), (5, 15), strict=True):
        assert purchase.credit_entry == entry
        assert (entry.asset, entry.direction, entry.amount) == ("PURCHASE", "CREDIT", stars)
        assert entry.source == "PURCHASE"
        assert entry.metadata["purchase"] == str(purchase.pk)
        assert entry.metadata["product"] == purchase.product_id


def test_credit_is_idempotent_on_same_purchase(player: Player) -> None:
    purchase = steps.buy(player)

    for minutes in range(3):
        again = steps.credit(purchase, now=NOON + minutes * MINUTE)
        assert (again, again.status) == (purchase, "CREDITED")

    assert len(credits_of(player)) == 1
    assert steps.owned(player) == (10, 0, 0)
    assert steps.timeline(purchase).count("CREDITED") == 1


def test_credit_contains_expected_breakdown_keys_for_friend_challenge_ticket(
    player: Player,
) -> None:
    steps.buy(player, "FRIEND_CHALLENGE_5")

    [entry] = credits_of(player)
    assert entry.metadata["asset_breakdown"] == {"friend_challenge_tickets": 1}
    assert steps.owned(player) == (0, 0, 1)


def test_credit_mutates_wallet_only_by_expected_breakdown_delta(player: Player) -> None:
    steps.buy(player, "ENERGY_10")
    before = model_to_dict(Wallet.objects.get(player=player))

    steps.buy(player, "STREAK_SAVER_20", now=NOON + MINUTE)

    after = model_to_dict(Wallet.objects.get(player=player))
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"streak_savers", "changed_at"}
    assert (before["streak_savers"], after["streak_savers"]) == (0, 1)


class TestDelivery:
    """What each product brings."""

    @pytest.mark.parametrize(
        ("code", "stars", "breakdown", "owned"),
        [
            ("ENERGY_10", 5, {"paid_energy": 10}, (10, 0, 0)),
            (
                "MEGA_PACK_15",
                15,
                {
                    "paid_energy": 15,
                    "mode_codes": ["CASES_PRACTICE", "TRENNBARE_VERBEN", "WORD_ORDER"],
                },
                (15, 0, 0),
            ),
            ("STREAK_SAVER_20", 20, {"streak_saver_tokens": 1}, (0, 1, 0)),
            ("PREMIUM_STARTER", 29, {"premium_days": 7}, (0, 0, 0)),
            ("PREMIUM_MONTH", 99, {"premium_days": 30}, (0, 0, 0)),
            ("PREMIUM_SEASON", 249, {"premium_days": 90}, (0, 0, 0)),
            ("PREMIUM_YEAR", 499, {"premium_days": 365}, (0, 0, 0)),
        ],
    )
    def test_the_entry_records_it(
        self,
        player: Player,
        code: str,
        stars: int,
        breakdown: dict[str, Any],
        owned: tuple[int, int, int],
    ) -> None:
        steps.buy(player, code)

        [entry] = credits_of(player)
        assert (entry.amount, entry.metadata["asset_breakdown"]) == (stars, breakdown)
        assert steps.owned(player) == owned

    @pytest.mark.parametrize(
        ("code", "plan", "days"),
        [
            ("PREMIUM_STARTER", Plan.STARTER, 7),
            ("PREMIUM_MONTH", Plan.MONTH, 30),
            ("PREMIUM_SEASON", Plan.SEASON, 90),
            ("PREMIUM_YEAR", Plan.YEAR, 365),
        ],
    )
    def test_premium_begins_at_once(self, player: Player, code: str, plan: Plan, days: int) -> None:
        steps.buy(player, code)

        assert entitlements.premium_at(player=player, at=NOON) == plan
        assert entitlements.premium_until(player=player, now=NOON) == NOON + days * DAY

    def test_a_mega_pack_opens_three_modes_for_a_day(self, player: Player) -> None:
        steps.buy(player, "MEGA_PACK_15")

        opened = ModeSpan.objects.live(NOON).filter(player=player)
        assert {(span.mode, span.starts_at, span.ends_at) for span in opened} == {
            ("CASES_PRACTICE", NOON, NOON + DAY),
            ("TRENNBARE_VERBEN", NOON, NOON + DAY),
            ("WORD_ORDER", NOON, NOON + DAY),
        }


class TestFailure:
    """All of it or none."""

    def test_nothing_of_a_delivery_that_breaks_stays(
        self, player: Player, delivery: Delivery
    ) -> None:
        steps.buy(player)
        purchase = steps.pay(steps.open_purchase(player, "MEGA_PACK_15"))
        delivery.breaks()

        failed = steps.credit(purchase)

        assert (failed.status, failed.credit_entry, failed.event) == (
            "PAID_UNCREDITED",
            None,
            "NOT_CREDITED",
        )
        assert "No modes today." in failed.evidence["error"]
        assert steps.again(purchase).credit_entry is None
        # The energy of the pack had been posted when its modes broke.
        assert len(credits_of(player)) == 1
        assert steps.owned(player) == (10, 0, 0)
        assert ModeSpan.objects.count() == 0

    def test_it_is_credited_when_the_delivery_works_again(
        self, player: Player, delivery: Delivery
    ) -> None:
        purchase = steps.pay(steps.open_purchase(player, "MEGA_PACK_15"))
        delivery.breaks()
        steps.credit(purchase)
        delivery.works()

        assert steps.credit(purchase).status == "CREDITED"
        assert steps.timeline(purchase)[-3:] == ["PAID", "NOT_CREDITED", "CREDITED"]
        assert steps.owned(player) == (15, 0, 0)

    def test_a_charge_that_nobody_has_recorded_is_not_credited(self, db: None) -> None:
        with pytest.raises(Purchase.DoesNotExist):
            purchases.credit(charge_id="unheard of", now=NOON)


class TestReplay:
    """Staff have looked at it."""

    def test_it_delivers_what_waits(self, player: Player) -> None:
        purchase = steps.pay(steps.open_purchase(player), stars=7)

        purchase = purchases.replay_credit(purchase_id=purchase.pk, now=NOON)

        [entry] = credits_of(player)
        # What was really paid, not what the price was.
        assert (purchase.status, entry.amount) == ("CREDITED", 7)
        assert steps.owned(player) == (10, 0, 0)

    @pytest.mark.parametrize("status", ["INVOICE_SENT", "CREDITED", "REFUNDED"])
    def test_what_does_not_wait_is_refused(self, player: Player, status: str) -> None:
        road = steps.open_purchase if status == "INVOICE_SENT" else steps.buy
        purchase = road(player)
        if status == "REFUNDED":
            purchase = steps.refund(purchase)

        with pytest.raises(NotCreditableError):
            purchases.replay_credit(purchase_id=purchase.pk, now=NOON)

        assert steps.again(purchase).status == status

    def test_what_breaks_again_stays_as_it_was(self, player: Player, delivery: Delivery) -> None:
        purchase = steps.pay(steps.open_purchase(player, "MEGA_PACK_15"), stars=1)
        delivery.breaks()

        with pytest.raises(Exception, match="No modes today"):
            purchases.replay_credit(purchase_id=purchase.pk, now=NOON)

        assert steps.again(purchase).status == "CREDIT_REVIEW"
        assert credits_of(player) == []


@pytest.mark.django_db(transaction=True)
class TestStatements:
    """How often the database is asked, BEGIN and COMMIT aside."""

    def test_a_pack_of_energy_costs_twelve_from_the_tap_to_the_credit(self) -> None:
        player = PlayerFactory.create()
        steps.buy(player)

        with CaptureQueriesContext(connection) as queries:
            steps.buy(player)

        assert self.count(queries) == 12

    def test_each_step_has_its_share(self) -> None:
        player = PlayerFactory.create()
        wallets.grant_welcome_energy(player=player, now=NOON)
        steps.buy(player)
        counts = {}

        with CaptureQueriesContext(connection) as queries:
            purchase = steps.open_purchase(player)
        counts["open, and send the invoice"] = self.count(queries)
        with CaptureQueriesContext(connection) as queries:
            steps.check_out(purchase)
        counts["pre-checkout"] = self.count(queries)
        with CaptureQueriesContext(connection) as queries:
            purchase = steps.pay(purchase)
        counts["record"] = self.count(queries)
        with CaptureQueriesContext(connection) as queries:
            steps.credit(purchase)
        counts["credit"] = self.count(queries)
        with CaptureQueriesContext(connection) as queries:
            steps.ask_refund(purchase)
        counts["ask for a refund"] = self.count(queries)
        with CaptureQueriesContext(connection) as queries:
            refunds.complete(purchase_id=purchase.pk, now=NOON)
        counts["complete a refund"] = self.count(queries)

        assert counts == {
            "open, and send the invoice": 5,
            "pre-checkout": 2,
            "record": 2,
            "credit": 3,
            "ask for a refund": 4,
            "complete a refund": 5,
        }

    @staticmethod
    def count(queries: CaptureQueriesContext) -> int:
        """Return how many statements there were."""
        return sum(query["sql"] not in ("BEGIN", "COMMIT") for query in queries.captured_queries)

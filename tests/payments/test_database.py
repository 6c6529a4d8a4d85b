"""The rules of purchases again, by roads that do not pass through the services."""

from datetime import datetime
from itertools import product as pairs
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from psycopg import sql

from economy import grants
from economy.goods import Goods
from economy.models import Asset, EntryType, LedgerEntry, Source
from payments import purchases
from payments.models import (
    PURCHASE_MOVES,
    Difference,
    Product,
    Purchase,
    PurchaseEvent,
    PurchaseStatus,
    ReconciliationRun,
    Refund,
    StarTransaction,
    Subscription,
    SupportRequest,
)
from quizarena.players.models import Player
from tests.factories import PlayerFactory, make_staff
from tests.owner import as_owner
from tests.payments import steps
from tests.payments.steps import MINUTE, NOON

pytestmark = pytest.mark.django_db

Change = dict[str, Any]


def row(player: Player, **changes: Any) -> Purchase:
    """Insert a purchase as it stands after the first tap, with `changes`."""
    product = Product.objects.get(code="ENERGY_10")
    values: Change = {
        "player": player,
        "product": product,
        "goods": product.goods.metadata(),
        "base_stars": 5,
        "stars": 5,
        "payload": str(uuid4()),
        "opened_at": NOON,
        "changed_at": NOON,
    }
    return Purchase.objects.create(**{**values, **changes})


def change(purchase: Purchase, **changes: Any) -> None:
    """Write to a purchase and to nothing else."""
    with transaction.atomic():
        assert Purchase.objects.filter(pk=purchase.pk).update(**changes) == 1


PAYMENT = {"charge_id": "one", "paid_stars": 5, "paid_currency": "XTR", "paid_at": NOON}


def credit_entry(purchase: Purchase) -> LedgerEntry:
    """Post what the credit of a purchase has to be."""
    entry, _ = grants.grant(
        player=purchase.player,
        goods=Goods(paid_energy=10),
        type=EntryType.PURCHASE_CREDIT,
        source=Source.PURCHASE,
        key=f"credit:purchase:{purchase.pk}",
        now=NOON,
        asset=Asset.PURCHASE,
        amount=5,
    )
    return entry


def refund_entry(purchase: Purchase, entry: LedgerEntry) -> LedgerEntry:
    """Post what the refund of a purchase has to be."""
    return grants.reverse(
        entry=entry,
        type=EntryType.PURCHASE_REFUND,
        source=Source.PURCHASE,
        key=f"refund:{purchase.pk}",
        now=NOON,
    ).entry


def standing(player: Player, status: str) -> Purchase:
    """Return a purchase that has come to `status` by its ordinary road."""
    purchase = purchases.open_purchase(player=player, product_code="ENERGY_10", now=NOON)
    if status == "INVOICE_SENT":
        purchases.invoice_sent(purchase, now=NOON)
    if status == "PRECHECKOUT_OK":
        steps.check_out(purchase)
    if status == "FAILED":
        purchases.fail_stale(now=NOON + 30 * MINUTE, limit=10)
    if status in {"PAID_UNCREDITED", "CREDITED", "REFUNDED"}:
        purchase = steps.pay(purchase)
    if status == "CREDIT_REVIEW":
        purchase = steps.pay(purchase, stars=4)
    if status in {"CREDITED", "REFUNDED"}:
        purchase = steps.credit(purchase)
    if status == "REFUNDED":
        purchase = steps.refund(purchase)
    purchase = steps.again(purchase)
    assert purchase.status == status
    return purchase


ALLOWED = {
    ("CREATED", "INVOICE_SENT"),
    ("CREATED", "PRECHECKOUT_OK"),
    ("CREATED", "FAILED"),
    ("CREATED", "PAID_UNCREDITED"),
    ("CREATED", "CREDIT_REVIEW"),
    ("INVOICE_SENT", "PRECHECKOUT_OK"),
    ("INVOICE_SENT", "FAILED"),
    ("INVOICE_SENT", "PAID_UNCREDITED"),
    ("INVOICE_SENT", "CREDIT_REVIEW"),
    ("PRECHECKOUT_OK", "FAILED"),
    ("PRECHECKOUT_OK", "PAID_UNCREDITED"),
    ("PRECHECKOUT_OK", "CREDIT_REVIEW"),
    ("FAILED", "PAID_UNCREDITED"),
    ("FAILED", "CREDIT_REVIEW"),
    ("PAID_UNCREDITED", "CREDITED"),
    ("PAID_UNCREDITED", "CREDIT_REVIEW"),
    ("PAID_UNCREDITED", "REFUNDED"),
    ("CREDITED", "REFUNDED"),
    ("CREDIT_REVIEW", "CREDITED"),
    ("CREDIT_REVIEW", "REFUNDED"),
}
STATUSES = (
    "CREATED",
    "INVOICE_SENT",
    "PRECHECKOUT_OK",
    "PAID_UNCREDITED",
    "CREDITED",
    "CREDIT_REVIEW",
    "REFUNDED",
    "FAILED",
)


class TestMoves:
    """Every move from every status to every other: just those of the table are allowed."""

    def test_the_table_is_the_one_of_the_product_rules(self) -> None:
        assert {(old.value, new.value) for old, new in PURCHASE_MOVES} == ALLOWED
        assert set(PurchaseStatus.values) == set(STATUSES)

    @pytest.mark.parametrize(
        ("old", "new"), [pair for pair in pairs(STATUSES, STATUSES) if pair[0] != pair[1]]
    )
    def test_a_move_is_allowed_or_not(self, player: Player, old: str, new: str) -> None:
        purchase = standing(player, old)
        # The other rules of the new status are kept, as far as that can be.
        changes: Change = {"status": new}
        if new in {"PAID_UNCREDITED", "CREDIT_REVIEW", "CREDITED", "REFUNDED"}:
            if purchase.charge_id is None:
                changes |= PAYMENT
            changes |= {"problem": "AMOUNT", "refund_asked_at": NOON}
        if new == "CREDITED" and purchase.paid_stars == 5 and purchase.credit_entry is None:
            changes["credit_entry"] = credit_entry(purchase)
        if new == "CREDITED" and purchase.paid_stars == 4:
            replayed = purchases.replay_credit(purchase_id=purchase.pk, now=NOON)
            assert replayed.status == new
            return
        if new == "REFUNDED" and purchase.credit_entry is not None:
            changes["refund_entry"] = refund_entry(purchase, purchase.credit_entry)

        if (old, new) in ALLOWED:
            change(purchase, **changes)
        else:
            with pytest.raises(DatabaseError, match="Invalid transition"):
                change(purchase, **changes)

    @pytest.mark.parametrize("status", STATUSES)
    def test_staying_is_no_move(self, player: Player, status: str) -> None:
        purchase = standing(player, status)

        change(purchase, status=status, recovery_tries=2)


class TestPurchase:
    """What a row of a purchase cannot be."""

    def test_one_is_open_per_player_and_product(self, player: Player) -> None:
        row(player)
        row(PlayerFactory.create())
        row(player, status="FAILED")

        with pytest.raises(IntegrityError, match="purchase_one_open_per_product"):
            row(player, status="PRECHECKOUT_OK")

    @pytest.mark.parametrize(
        ("changes", "rule"),
        [
            ({"event": "SNEEZED"}, "purchase_event_is_known"),
            ({"problem": "WHY_NOT"}, "purchase_problem_is_known"),
            ({"percent": 91, "stars": 1}, "purchase_percent_makes_sense"),
            ({"stars": 4}, "purchase_price_follows_from_the_percentage"),
            ({"percent": 50, "stars": 2}, "purchase_price_follows_from_the_percentage"),
            ({"percent": 90, "stars": 0}, "purchase_price_follows_from_the_percentage"),
            ({"product": None}, "purchase_knows_what_it_is_of"),
            ({"goods": None}, "purchase_knows_what_it_is_of"),
            ({"stars": None, "base_stars": None}, "purchase_knows_what_it_is_of"),
            (
                {"product": None, "goods": None, "stars": None, "base_stars": None},
                "purchase_knows_what_it_is_of",
            ),
            ({"charge_id": "one"}, "purchase_is_paid_with_evidence"),
            ({"status": "PAID_UNCREDITED"}, "purchase_is_paid_with_evidence"),
            (
                {"status": "PAID_UNCREDITED", **PAYMENT, "charge_id": None},
                "purchase_is_paid_with_evidence",
            ),
            (
                {"status": "PAID_UNCREDITED", **PAYMENT, "charge_id": ""},
                "purchase_is_paid_with_evidence",
            ),
            (
                {"status": "PAID_UNCREDITED", **PAYMENT, "paid_stars": None},
                "purchase_is_paid_with_evidence",
            ),
            (
                {"status": "PAID_UNCREDITED", **PAYMENT, "paid_currency": ""},
                "purchase_is_paid_with_evidence",
            ),
            (
                {"status": "PAID_UNCREDITED", **PAYMENT, "paid_at": None},
                "purchase_is_paid_with_evidence",
            ),
            ({"status": "FAILED", **PAYMENT}, "purchase_is_paid_with_evidence"),
            ({"payload": None}, "purchase_has_a_payload_or_a_charge"),
            ({"status": "CREDIT_REVIEW", **PAYMENT}, "purchase_in_review_has_a_problem"),
            ({"status": "REFUNDED", **PAYMENT}, "purchase_is_refunded_when_asked_for"),
            ({"status": "CREDITED", **PAYMENT}, "purchase_one_credit_and_one_refund"),
        ],
    )
    def test_it_is_refused(self, player: Player, changes: Change, rule: str) -> None:
        with pytest.raises(IntegrityError, match=rule), transaction.atomic():
            row(player, **changes)

    def test_a_status_is_known(self, player: Player) -> None:
        with as_owner() as cursor:
            # It knows the statuses, too, and would be asked first.
            cursor.execute(
                "ALTER TABLE payments_purchase DROP CONSTRAINT purchase_is_paid_with_evidence"
            )

        with pytest.raises(IntegrityError, match="purchase_status_is_known"), transaction.atomic():
            row(player, status="LOST")

    @pytest.mark.parametrize(
        ("base", "percent", "stars"),
        [(5, 0, 5), (5, 1, 5), (5, 50, 3), (5, 90, 1), (1, 90, 1), (499, 33, 335), (10, 90, 1)],
    )
    def test_a_price_is_rounded_up_and_never_nothing(
        self, player: Player, base: int, percent: int, stars: int
    ) -> None:
        row(player, base_stars=base, percent=percent, stars=stars)

    @pytest.mark.parametrize("field", ["payload", "charge_id"])
    def test_a_payload_and_a_charge_have_one_purchase(self, player: Player, field: str) -> None:
        purchase = steps.pay(steps.open_purchase(player))
        value = getattr(purchase, field)
        paid = {**PAYMENT, "status": "PAID_UNCREDITED", field: value}

        with pytest.raises(IntegrityError, match=field), transaction.atomic():
            row(PlayerFactory.create(), **paid)

    @pytest.mark.parametrize("status", ["PAID_UNCREDITED", "CREDITED", "CREDIT_REVIEW"])
    def test_only_what_is_refunded_has_a_refund(self, player: Player, status: str) -> None:
        refunded = standing(player, "REFUNDED")
        other = standing(PlayerFactory.create(), status)

        with pytest.raises(DatabaseError, match="The refund of a purchase is the one entry"):
            change(other, refund_entry=refunded.refund_entry)

    def test_what_is_not_credited_has_no_credit(self, player: Player) -> None:
        purchase = standing(player, "PAID_UNCREDITED")

        with pytest.raises(IntegrityError, match="purchase_one_credit_and_one_refund"):
            change(purchase, credit_entry=credit_entry(purchase))

    def test_what_is_refunded_and_was_credited_has_its_debit(self, player: Player) -> None:
        purchase = standing(player, "CREDITED")

        with pytest.raises(IntegrityError, match="purchase_one_credit_and_one_refund"):
            change(purchase, status="REFUNDED", refund_asked_at=NOON)

    @pytest.mark.parametrize(
        "changes",
        [
            {"id": uuid4()},
            {"player": None},
            {"product_id": "PREMIUM_YEAR"},
            {"goods": {"asset_breakdown": {"paid_energy": 1_000}}},
            {"base_stars": 1, "stars": 1},
            {"percent": 1},
            {"is_subscription": True},
            {"renews": None},
            {"payload": "another"},
            {"payload": None},
            {"opened_at": NOON + MINUTE},
        ],
    )
    def test_what_it_is_of_stays(self, player: Player, changes: Change) -> None:
        purchase = standing(player, "CREDITED")
        changes = dict(changes)
        if "player" in changes:
            changes["player"] = PlayerFactory.create()
        if "renews" in changes:
            changes["renews"] = standing(PlayerFactory.create(), "CREDITED")

        with pytest.raises(DatabaseError, match="stays as it was opened"):
            change(purchase, **changes)

    @pytest.mark.parametrize(
        "changes",
        [
            {"charge_id": "another"},
            {"charge_id": None},
            {"provider_charge_id": "another"},
            {"paid_stars": 6},
            {"paid_currency": "EUR"},
            {"paid_at": NOON + MINUTE},
            {"subscribed_until": NOON},
        ],
    )
    @pytest.mark.parametrize("status", ["PAID_UNCREDITED", "CREDITED", "CREDIT_REVIEW", "REFUNDED"])
    def test_a_payment_is_evidence(self, player: Player, status: str, changes: Change) -> None:
        purchase = standing(player, status)

        with pytest.raises(DatabaseError, match="evidence and stays as it came"):
            change(purchase, **changes)

    def test_the_credit_is_the_entry_of_its_own(self, player: Player) -> None:
        purchase = standing(player, "PAID_UNCREDITED")
        theirs = standing(PlayerFactory.create(), "CREDITED")
        prize, _ = grants.grant(
            player=player,
            goods=Goods(paid_energy=5),
            type=EntryType.PRIZE,
            source=Source.SYSTEM,
            key=f"credit:purchase:{purchase.pk}",
            now=NOON,
        )

        for entry in (theirs.credit_entry, prize):
            with pytest.raises(DatabaseError, match="The credit of a purchase is the one entry"):
                change(purchase, status="CREDITED", credit_entry=entry)

    def test_the_credit_is_of_what_was_paid(self, player: Player) -> None:
        purchase = standing(player, "CREDIT_REVIEW")
        assert purchase.paid_stars == 4

        # An entry of five Stars.
        with pytest.raises(DatabaseError, match="The credit of a purchase is the one entry"):
            change(purchase, status="CREDITED", credit_entry=credit_entry(purchase))

    def test_a_credit_cannot_be_taken_away_or_exchanged(self, player: Player) -> None:
        purchase = standing(player, "CREDITED")

        with pytest.raises(DatabaseError, match="The credit of a purchase is the one entry"):
            change(purchase, credit_entry=None)

    def test_a_refund_cannot_be_taken_away(self, player: Player) -> None:
        purchase = standing(player, "REFUNDED")

        with pytest.raises(DatabaseError, match="The refund of a purchase is the one entry"):
            change(purchase, refund_entry=None)

    @pytest.mark.usefixtures("owner")
    def test_it_is_never_deleted(self, player: Player) -> None:
        row(player)

        with pytest.raises(DatabaseError, match="Cannot delete"), transaction.atomic():
            Purchase.objects.all()._raw_delete(using="default")


class TestTimeline:
    """The database keeps it, and nobody else writes it."""

    def test_every_change_is_kept_with_its_evidence(self, player: Player) -> None:
        purchase = row(player)

        change(
            purchase,
            status="INVOICE_SENT",
            event="INVOICE_SENT",
            evidence={"card": 7},
            changed_at=NOON + MINUTE,
        )
        change(purchase, recovery_tries=1)

        events = purchase.events.order_by("pk").values_list("kind", "status", "evidence", "at")
        assert list(events) == [
            ("OPENED", "CREATED", {}, NOON),
            ("INVOICE_SENT", "INVOICE_SENT", {"card": 7}, NOON + MINUTE),
        ]

    def test_nobody_else_writes_it(self, player: Player) -> None:
        purchase = row(player)

        with (
            pytest.raises(DatabaseError, match="written by what happens to the purchase"),
            transaction.atomic(),
        ):
            PurchaseEvent.objects.create(
                purchase=purchase, kind="CREDITED", status="CREDITED", evidence={}, at=NOON
            )

    @pytest.mark.usefixtures("owner")
    def test_it_is_never_changed(self, player: Player) -> None:
        row(player)

        with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
            PurchaseEvent.objects.update(kind="CREDITED")
        with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
            PurchaseEvent.objects.all()._raw_delete(using="default")


class TestRefund:
    """What a refund cannot be."""

    @pytest.mark.parametrize(
        ("changes", "rule"),
        [
            ({"source": "NOBODY"}, "refund_source_is_known"),
            ({"reason": ""}, "refund_has_a_reason"),
            ({"source": "STAFF"}, "refund_of_staff_is_theirs"),
            ({"finished_at": NOON}, "refund_ends_after_telegram"),
        ],
    )
    def test_it_is_refused(self, player: Player, changes: Change, rule: str) -> None:
        steps.ask_refund(steps.buy(player))

        with pytest.raises(IntegrityError, match=rule), transaction.atomic():
            Refund.objects.update(**changes)

    def test_the_maker_is_never_the_checker(self, player: Player) -> None:
        steps.ask_refund(steps.buy(player))
        finance = make_staff("Finance")
        other = make_staff("Finance", username="other")

        for staff, checker in ((finance, finance), (None, other)):
            with (
                pytest.raises(IntegrityError, match="refund_maker_is_never_the_checker"),
                transaction.atomic(),
            ):
                Refund.objects.update(staff=staff, approved_by=checker)
        Refund.objects.update(staff=finance, approved_by=other)

    def test_a_purchase_has_one(self, player: Player) -> None:
        refund = steps.ask_refund(steps.buy(player))
        refund.pk = None

        with pytest.raises(IntegrityError, match="purchase_id"), transaction.atomic():
            refund.save(force_insert=True)

    @pytest.mark.usefixtures("owner")
    def test_it_is_never_deleted(self, player: Player) -> None:
        steps.ask_refund(steps.buy(player))

        with pytest.raises(DatabaseError, match="Cannot delete"), transaction.atomic():
            Refund.objects.all()._raw_delete(using="default")


class TestTheRest:
    """Subscriptions, Telegram's list, runs, and requests to support."""

    @pytest.mark.usefixtures("owner")
    def test_a_subscription_is_never_deleted(self, player: Player) -> None:
        steps.buy(player, "PREMIUM_MONTH", is_subscription=True)

        with pytest.raises(DatabaseError, match="Cannot delete"), transaction.atomic():
            Subscription.objects.all()._raw_delete(using="default")

    @pytest.mark.parametrize(
        ("stars", "rule"),
        [
            (5, "startransaction_comes_in_once"),
            (0, "startransaction_comes_in_once"),
            (-5, "startransaction_goes_out_once"),
        ],
    )
    def test_a_line_of_telegrams_list_is_kept_once(self, stars: int, rule: str) -> None:
        self.line(5)
        self.line(-5)

        with pytest.raises(IntegrityError, match=rule), transaction.atomic():
            self.line(stars)

    @pytest.mark.usefixtures("owner")
    def test_a_line_of_telegrams_list_is_never_changed(self) -> None:
        self.line(5)

        with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
            StarTransaction.objects.update(stars=6)
        with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
            StarTransaction.objects.all()._raw_delete(using="default")

    def test_a_difference_is_of_a_kind_that_is_known(self) -> None:
        run = ReconciliationRun.objects.create(is_full=True, started_at=NOON, due_at=NOON)

        with pytest.raises(IntegrityError, match="difference_kind_is_known"), transaction.atomic():
            Difference.objects.create(run=run, kind="ODD")

    @pytest.mark.parametrize(
        ("changes", "rule"),
        [
            ({"text": ""}, "supportrequest_says_something"),
            ({"answer": "Ja."}, "supportrequest_answer_is_whole"),
            ({"answered_at": NOON}, "supportrequest_answer_is_whole"),
            ({"answered_at": NOON, "answer": "Ja."}, "supportrequest_answer_is_whole"),
            ({"notified_at": NOON}, "supportrequest_notified_when_answered"),
        ],
    )
    def test_a_request_to_support_is_refused(
        self, player: Player, changes: Change, rule: str
    ) -> None:
        values = {"player": player, "text": "Hallo?", "asked_at": NOON, **changes}

        with pytest.raises(IntegrityError, match=rule), transaction.atomic():
            SupportRequest.objects.create(**values)

    @pytest.mark.usefixtures("owner")
    def test_a_request_to_support_is_never_deleted(self, player: Player) -> None:
        SupportRequest.objects.create(player=player, text="Hallo?", asked_at=NOON)

        with pytest.raises(DatabaseError, match="Cannot delete"), transaction.atomic():
            SupportRequest.objects.all()._raw_delete(using="default")

    @pytest.mark.parametrize(
        "table",
        [
            "payments_purchase",
            "payments_purchaseevent",
            "payments_subscription",
            "payments_refund",
            "payments_startransaction",
            "payments_supportrequest",
        ],
    )
    @pytest.mark.usefixtures("owner")
    def test_nothing_is_truncated(self, table: str) -> None:
        truncate = sql.SQL("TRUNCATE {} CASCADE").format(sql.Identifier(table))

        with (
            pytest.raises(DatabaseError, match="Cannot truncate"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(truncate)

    @staticmethod
    def line(stars: int, *, at: datetime = NOON) -> StarTransaction:
        """Keep a line of Telegram's list."""
        return StarTransaction.objects.create(
            transaction_id="one", stars=stars, at=at, is_ours=True, partner={}, seen_at=at
        )

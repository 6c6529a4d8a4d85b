"""Two at once on one purchase: each race is forced, and beside it stands what the lock is for."""

import re
from datetime import timedelta
from functools import partial
from threading import Event
from typing import Any

import pytest
from django.db.models import QuerySet

from economy import grants, ledger
from economy.models import PremiumSpan
from payments import catalogue, checkout, purchases, refunds, subscriptions
from payments.errors import Refusal
from payments.models import Purchase, PurchaseEvent, Refund, Subscription
from quizarena.players import services as players
from quizarena.players.models import Player
from quizarena.staff.models import Alert
from tests.concurrency import (
    another_connection,
    compile_anew,
    meet_after,
    overlap,
    run_together,
    take_row_locks_away,
)
from tests.factories import PlayerFactory
from tests.payments import steps
from tests.payments.steps import DAY, MINUTE, NOON

pytestmark = pytest.mark.django_db(transaction=True)


def take_the_lock_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everybody read purchases without their lock, and both before either writes."""

    def look(**which: Any) -> Purchase:
        return Purchase.objects.select_related("player").get(**which)

    monkeypatch.setattr(purchases, "lock", look)
    meet_after(monkeypatch, purchases, "lock")


def charge_of(purchase: Purchase) -> str:
    """Return the charge of what has been paid."""
    assert purchase.charge_id is not None
    return purchase.charge_id


def names(results: list[Any]) -> list[str]:
    """Return of what kind the results are."""
    return sorted(type(result).__name__ for result in results)


class TestTwoTaps:
    """A player taps a product twice at once."""

    def test_they_open_one_purchase(self, monkeypatch: pytest.MonkeyPatch) -> None:
        player = PlayerFactory.create()
        meet_after(monkeypatch, catalogue, "circumstances")
        tap = partial(steps.open_purchase, player)

        first, second = run_together(tap, tap)

        assert first == second
        assert (first.payload, first.stars) == (second.payload, 5)
        assert Purchase.objects.count() == 1

    def test_if_the_second_did_not_wait_for_the_first_it_would_break(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: an ordinary insert of the second is refused."""
        player = PlayerFactory.create()
        insert = re.sub(r"ON CONFLICT.*(?=RETURNING)", "", purchases._OPEN, flags=re.DOTALL)
        monkeypatch.setattr(purchases, "_OPEN", insert)
        meet_after(monkeypatch, catalogue, "circumstances")
        tap = partial(steps.open_purchase, player)

        results = run_together(tap, tap)

        assert names(results) == ["IntegrityError", "Purchase"]


class TestDay:
    """A player who may open one more purchase today opens two."""

    def open_two(self) -> list[str]:
        """Let a player tap two products at once; return what became of them."""
        player = PlayerFactory.create()
        tap = partial(steps.open_purchase, player)
        return names(run_together(partial(tap, "ENERGY_10"), partial(tap, "MEGA_PACK_15")))

    def test_the_one_too_many_does_not_slip_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(purchases, "OPENED_A_DAY_MAX", 1)
        meet_after(monkeypatch, purchases, "_may_open")

        assert self.open_two() == ["Purchase", "RefusedError"]

    def test_without_the_lock_it_would(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail."""
        monkeypatch.setattr(purchases, "OPENED_A_DAY_MAX", 1)
        monkeypatch.setattr(players, "lock", print)
        meet_after(monkeypatch, purchases, "_may_open")

        assert self.open_two() == ["Purchase", "Purchase"]


class TestCredit:
    """Two workers have the same payment."""

    def test_one_payment_is_credited_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        player = PlayerFactory.create()
        purchase = steps.pay(steps.open_purchase(player))
        meet_after(monkeypatch, purchases, "lock")

        results = run_together(partial(steps.credit, purchase), partial(steps.credit, purchase))

        assert [result.status for result in results] == ["CREDITED", "CREDITED"]
        assert steps.entries(player) == [("PURCHASE_CREDIT", f"credit:purchase:{purchase.pk}", 5)]
        assert steps.owned(player) == (10, 0, 0)
        assert steps.timeline(purchase).count("CREDITED") == 1

    def test_without_the_lock_both_deliver(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail: let the ledger not know the key, either."""
        player = PlayerFactory.create()
        purchase = steps.pay(steps.open_purchase(player))
        take_the_lock_away(monkeypatch)
        post, numbers = ledger.post, iter("12")
        monkeypatch.setattr(
            ledger, "post", lambda **asked: post(**{**asked, "key": asked["key"] + next(numbers)})
        )
        delivered = []
        grant = grants.grant

        def granting(**asked: Any) -> Any:
            delivered.append(asked["key"])
            return grant(**asked)

        monkeypatch.setattr(grants, "grant", granting)

        run_together(partial(steps.credit, purchase), partial(steps.credit, purchase))

        assert delivered == [f"credit:purchase:{purchase.pk}"] * 2

    def test_recovery_does_not_credit_what_a_worker_credits(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        player = PlayerFactory.create()
        purchase = steps.pay(steps.open_purchase(player))
        meet_after(monkeypatch, purchases, "lock")

        live, recovered = run_together(
            partial(steps.credit, purchase),
            partial(purchases.recover, charge_id=charge_of(purchase), now=NOON + 5 * MINUTE),
        )

        assert (live.status, recovered.status) == ("CREDITED", "CREDITED")
        assert steps.again(purchase).recovery_tries == 0
        assert len(steps.entries(player)) == 1
        assert steps.owned(player) == (10, 0, 0)

    def test_without_the_lock_recovery_writes_over_what_the_worker_has_done(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: both deliver, and the timeline has it twice."""
        player = PlayerFactory.create()
        purchase = steps.pay(steps.open_purchase(player))
        take_the_lock_away(monkeypatch)

        run_together(
            partial(steps.credit, purchase),
            partial(purchases.recover, charge_id=charge_of(purchase), now=NOON + 5 * MINUTE),
        )

        assert steps.timeline(purchase).count("CREDITED") == 2


class TestRefund:
    """A refund meets a credit, or another refund."""

    def test_a_refund_and_a_credit_leave_nothing_half_done(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        player = PlayerFactory.create()
        purchase = steps.pay(steps.open_purchase(player))
        meet_after(monkeypatch, purchases, "lock")

        run_together(partial(steps.credit, purchase), partial(steps.refund, purchase))

        purchase = steps.again(purchase)
        assert purchase.status == "REFUNDED"
        # Whoever came first: one credit and its debit, or neither.
        assert (purchase.credit_entry is None) == (purchase.refund_entry is None)
        types = [kind for kind, _, _ in steps.entries(player)]
        assert types in ([], ["PURCHASE_CREDIT", "PURCHASE_REFUND"])
        if types:
            assert steps.owned(player) == (0, 0, 0)

    def test_without_the_lock_one_of_them_breaks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail: the refund is lost, or credited all the same."""
        player = PlayerFactory.create()
        purchase = steps.pay(steps.open_purchase(player))
        take_the_lock_away(monkeypatch)

        _, refund = run_together(
            partial(steps.credit, purchase), partial(steps.ask_refund, purchase)
        )

        purchase = steps.again(purchase)
        if isinstance(refund, Exception):
            # The credit was faster, and the database stops who read before it.
            assert "Invalid transition" in str(refund)
            assert (purchase.status, purchase.refund_asked_at) == ("CREDITED", None)
            return
        assert (purchase.status, purchase.refund_asked_at) == ("CREDITED", NOON)
        assert steps.timeline(purchase)[-2:] in (
            ["CREDITED", "REFUND_ASKED"],
            ["REFUND_ASKED", "CREDITED"],
        )

    def test_two_who_ask_get_one_refund(self, monkeypatch: pytest.MonkeyPatch) -> None:
        purchase = steps.buy(PlayerFactory.create())
        meet_after(monkeypatch, purchases, "lock")

        first, second = run_together(
            partial(steps.ask_refund, purchase), partial(steps.ask_refund, purchase)
        )

        assert first == second
        assert steps.timeline(purchase).count("REFUND_ASKED") == 1

    def test_without_the_lock_the_database_refuses_the_second_refund(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail."""
        purchase = steps.buy(PlayerFactory.create())
        take_the_lock_away(monkeypatch)

        results = run_together(
            partial(steps.ask_refund, purchase), partial(steps.ask_refund, purchase)
        )

        assert names(results) == ["IntegrityError", "Refund"]

    def test_two_who_complete_reverse_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        player = PlayerFactory.create()
        purchase = steps.buy(player)
        steps.buy(player)
        steps.ask_refund(purchase)
        meet_after(monkeypatch, grants, "reverse")
        complete = partial(refunds.complete, purchase_id=purchase.pk, now=NOON)

        results = run_together(complete, complete)

        assert [result.status for result in results] == ["REFUNDED", "REFUNDED"]
        assert [kind for kind, _, _ in steps.entries(player)].count("PURCHASE_REFUND") == 1
        assert steps.owned(player) == (10, 0, 0)
        assert steps.timeline(purchase).count("REFUNDED") == 1

    def test_without_the_lock_both_complete(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail: only the ledger keeps the second from taking."""
        player = PlayerFactory.create()
        purchase = steps.buy(player)
        steps.ask_refund(purchase)
        take_row_locks_away(monkeypatch)
        taken = []
        take_back = grants.reverse

        def taking(**asked: Any) -> Any:
            taken.append(asked["key"])
            return take_back(**asked)

        monkeypatch.setattr(grants, "reverse", taking)
        meet_after(monkeypatch, grants, "reverse")
        complete = partial(refunds.complete, purchase_id=purchase.pk, now=NOON)

        run_together(complete, complete)

        assert taken == [f"refund:{purchase.pk}"] * 2

    def test_two_workers_do_not_claim_one_refund(self, monkeypatch: pytest.MonkeyPatch) -> None:
        purchase = steps.buy(PlayerFactory.create())
        refund = steps.ask_refund(purchase)
        meet_after(monkeypatch, Refund, "save")
        claim = partial(refunds._claim, refund_id=refund.pk, now=NOON)

        results = run_together(claim, claim)

        assert names(results) == ["NoneType", "Refund"]

    def test_without_the_lock_both_claim_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail: Telegram would be asked by both."""
        purchase = steps.buy(PlayerFactory.create())
        refund = steps.ask_refund(purchase)
        take_row_locks_away(monkeypatch)
        meet_after(monkeypatch, Refund, "save")
        claim = partial(refunds._claim, refund_id=refund.pk, now=NOON)

        results = run_together(claim, claim)

        assert names(results) == ["Refund", "Refund"]


class TestStale:
    """The stale job meets a payment."""

    def test_a_payment_is_honoured_whoever_comes_first(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        player = PlayerFactory.create()
        purchase = steps.open_purchase(player)
        late = NOON + 31 * MINUTE
        meet_after(monkeypatch, Purchase, "moves")

        closed, paid = run_together(
            partial(purchases.fail_stale, now=late, limit=10),
            partial(steps.pay, purchase, now=late),
        )

        assert closed in (0, 1)
        assert paid.status == "PAID_UNCREDITED"
        assert paid.flags == (["LATE"] if closed else ["UNCHECKED"])
        assert steps.again(purchase).status == "PAID_UNCREDITED"

    def test_without_the_lock_the_job_would_close_what_is_paid(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: the database's table of moves is left."""
        player = PlayerFactory.create()
        purchase = steps.open_purchase(player)
        late = NOON + 31 * MINUTE
        take_row_locks_away(monkeypatch)
        paid = steps.payment(purchase, paid_at=late)
        moves = Purchase.moves

        def paid_meanwhile(row: Purchase, *args: Any, **kwargs: Any) -> list[str]:
            if row.charge_id is None and args[0] == "FAILED":
                [result] = run_together(partial(purchases.record_payment, paid, now=late))
                assert result.status == "PAID_UNCREDITED"
            return moves(row, *args, **kwargs)

        monkeypatch.setattr(Purchase, "moves", paid_meanwhile)

        with pytest.raises(Exception, match=r"Invalid transition|purchase_is_paid_with_evidence"):
            purchases.fail_stale(now=late, limit=10)

    def test_two_jobs_close_a_purchase_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        purchase = steps.open_purchase(PlayerFactory.create())
        meet_after(monkeypatch, purchases, "fail")
        close = partial(purchases.fail_stale, now=NOON + 31 * MINUTE, limit=10)

        results = run_together(close, close)

        assert sorted(results) == [0, 1]
        assert steps.timeline(purchase) == ["OPENED", "INVOICE_SENT", "FAILED"]

    def test_without_the_lock_both_close_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail: both say that they have."""
        steps.open_purchase(PlayerFactory.create())
        take_row_locks_away(monkeypatch)
        meet_after(monkeypatch, purchases, "fail")
        close = partial(purchases.fail_stale, now=NOON + 31 * MINUTE, limit=10)

        assert run_together(close, close) == [1, 1]


class TestRecording:
    """Telegram tells the same thing to two workers at once."""

    def test_one_charge_is_recorded_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        purchase = steps.open_purchase(PlayerFactory.create())
        paid = steps.payment(purchase)
        meet_after(monkeypatch, purchases, "_take")
        record = partial(purchases.record_payment, paid, now=NOON)

        first, second = run_together(record, record)

        assert first == second == purchase
        assert steps.timeline(purchase) == ["OPENED", "INVOICE_SENT", "PAID"]

    def test_two_charges_of_one_purchase_are_both_kept(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        purchase = steps.open_purchase(PlayerFactory.create())
        meet_after(monkeypatch, purchases, "_take")

        first, second = run_together(partial(steps.pay, purchase), partial(steps.pay, purchase))

        assert sorted([first.status, second.status]) == ["CREDIT_REVIEW", "PAID_UNCREDITED"]
        assert {first.charge_id, second.charge_id} == set(
            Purchase.objects.values_list("charge_id", flat=True)
        )

    def test_without_the_lock_the_evidence_of_the_first_is_not_overwritten(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the tests above can fail: the database keeps the first, the second is lost."""
        purchase = steps.open_purchase(PlayerFactory.create())
        take_row_locks_away(monkeypatch)
        meet_after(monkeypatch, purchases, "_take")

        results = run_together(partial(steps.pay, purchase), partial(steps.pay, purchase))

        assert sum(isinstance(result, Purchase) for result in results) == 1
        assert Purchase.objects.count() == 1

    def test_one_charge_with_an_unknown_payload_is_kept_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        purchase = steps.open_purchase(PlayerFactory.create())
        paid = steps.payment(purchase, payload="nobody's")
        meet_after(monkeypatch, purchases, "_payer")
        record = partial(purchases.record_payment, paid, now=NOON)

        first, second = run_together(record, record)

        assert first == second
        assert (first.status, first.problem) == ("CREDIT_REVIEW", "UNKNOWN_PAYLOAD")
        assert Purchase.objects.filter(charge_id=paid.charge_id).count() == 1
        assert steps.timeline(first) == ["PAID"]
        assert Alert.objects.count() == 1

    def test_if_the_second_did_not_stand_back_the_database_would_refuse_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: an ordinary insert of the second breaks."""
        purchase = steps.open_purchase(PlayerFactory.create())
        paid = steps.payment(purchase, payload="nobody's")
        bulk_create = QuerySet.bulk_create

        def insert(rows: QuerySet[Any], objs: list[Any], **_: Any) -> list[Any]:
            return bulk_create(rows, objs)

        monkeypatch.setattr(QuerySet, "bulk_create", insert)
        meet_after(monkeypatch, purchases, "_payer")
        record = partial(purchases.record_payment, paid, now=NOON)

        results = run_together(record, record)

        assert names(results) == ["IntegrityError", "Purchase"]


class TestPreCheckout:
    """Telegram asks twice at once."""

    def test_one_query_is_answered_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        purchase = steps.open_purchase(PlayerFactory.create())
        meet_after(monkeypatch, checkout, "_checkout_refusal")
        ask = partial(steps.check_out, purchase, query="query")

        assert run_together(ask, ask) == [None, None]

        assert steps.timeline(purchase) == ["OPENED", "INVOICE_SENT", "APPROVED"]
        assert PurchaseEvent.objects.filter(evidence__query="query").count() == 1

    def test_the_second_delivery_gets_the_answer_of_the_first(self) -> None:
        assert self.answers(PlayerFactory.create()) == [None, None]

    def test_without_looking_again_after_the_lock_it_is_answered_anew(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the tests above can fail: what is beside the row is as it was before."""
        monkeypatch.setattr(checkout, "_VERSION_SEEN", checkout._VERSION)
        compile_anew(monkeypatch)

        assert self.answers(PlayerFactory.create()) == [None, Refusal.NOT_FOR_SALE]

    @staticmethod
    def answers(player: Player) -> list[Any]:
        """Let one query come twice, and the product be hidden in between."""
        purchase = steps.open_purchase(player)

        def first() -> Any:
            answer = steps.check_out(purchase, query="query")
            # Somebody else has a word with the purchase before the second delivery gets the lock.
            purchases.invoice_sent(purchases.lock(pk=purchase.pk), now=NOON + MINUTE)
            with another_connection() as cursor:
                cursor.execute("UPDATE payments_product SET is_for_sale = false")
            return answer

        return overlap(first, partial(steps.check_out, purchase, query="query"))


class TestGrace:
    """The days of grace meet the renewal that they were for."""

    def test_a_renewal_that_waited_for_the_grace_takes_its_rest_back(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert self.premium_left(monkeypatch) == 30 * DAY
        assert Subscription.objects.get().grace_entry is None

    def test_without_the_lock_the_renewal_does_not_see_the_grace(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: the player keeps both."""
        take_row_locks_away(monkeypatch)

        assert self.premium_left(monkeypatch) == 33 * DAY

    @staticmethod
    def premium_left(monkeypatch: pytest.MonkeyPatch) -> timedelta:
        """Let a renewal come while its grace is being granted; return how much Premium there is."""
        player = PlayerFactory.create()
        first = steps.buy(player, "PREMIUM_MONTH", is_subscription=True)
        late = NOON + 30 * DAY + MINUTE
        renewal = steps.pay(first, now=late, is_renewal=True)
        granted, grant = Event(), grants.grant

        def granting(**asked: Any) -> Any:
            result = grant(**asked)
            granted.set()
            return result

        monkeypatch.setattr(grants, "grant", granting)
        meet_after(monkeypatch, grants, "grant")

        def renew() -> Purchase:
            granted.wait(5)
            return steps.credit(renewal, now=late)

        given, renewed = run_together(
            partial(subscriptions.give_grace, purchase_id=first.pk, now=late), renew
        )

        assert (given, renewed.status) == (True, "CREDITED")
        spans = PremiumSpan.objects.live(late).filter(player=player)
        return sum((span.ends_at - max(late, span.starts_at) for span in spans), timedelta())

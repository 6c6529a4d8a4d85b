"""Refunds of staff: at once up to a limit, beyond it with a second person."""

from datetime import timedelta
from functools import partial
from importlib import import_module

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from pytest_django.fixtures import Settings

from economy import grants, wallets
from economy.goods import Goods, Plan
from economy.models import EntryType, Source
from payments import approvals
from payments.errors import NotRefundableError
from payments.models import Purchase, Refund
from quizarena.staff import approvals as staff_approvals
from quizarena.staff.errors import ChangedError, OwnRequestError
from quizarena.staff.models import ApprovalRequest
from tests.concurrency import meet_after, run_together
from tests.factories import PlayerFactory, make_staff
from tests.owner import as_owner, behind_the_guards
from tests.payments.steps import NOON, buy, open_purchase, pay, refund


def ask(purchase: Purchase, staff: User, *, now: object = NOON) -> Refund | ApprovalRequest:
    """Let staff refund a purchase, as the desk does."""
    assert isinstance(now, type(NOON))
    return approvals.request(purchase_id=purchase.pk, reason="Wrong one.", staff=staff, now=now)


@pytest.mark.django_db
class TestLimits:
    def test_what_is_not_above_the_limit_is_refunded_at_once(self, settings: Settings) -> None:
        settings.REFUND_APPROVAL_STARS = 99
        purchase, anna = buy(PlayerFactory.create(), "PREMIUM_MONTH"), make_staff("Support")

        refund = ask(purchase, anna)

        assert isinstance(refund, Refund)
        assert (refund.source, refund.staff, refund.reason) == ("STAFF", anna, "Wrong one.")
        assert refund.approved_by is None
        assert ApprovalRequest.objects.count() == 0

    def test_more_waits_for_a_second_person(self) -> None:
        purchase, anna = buy(PlayerFactory.create(), "PREMIUM_SEASON"), make_staff("Support")

        request = ask(purchase, anna)

        assert isinstance(request, ApprovalRequest)
        assert request.status == "OPEN"
        assert Refund.objects.count() == 0
        purchase.refresh_from_db()
        assert purchase.refund_asked_at is None

    def test_whoever_asks_twice_has_one_request(self) -> None:
        purchase, anna = buy(PlayerFactory.create(), "PREMIUM_SEASON"), make_staff("Support")

        assert ask(purchase, anna) == ask(purchase, anna)
        assert ApprovalRequest.objects.count() == 1

    def test_a_days_stars_are_counted_per_person_and_day_of_berlin(
        self, settings: Settings
    ) -> None:
        settings.REFUND_DAILY_STARS = 58
        anna, olena = make_staff("Support"), make_staff("Support", username="olena")
        first, second, third, fourth, fifth = (
            buy(PlayerFactory.create(), "PREMIUM_STARTER") for _ in range(5)
        )
        # 23:59 and midnight in Berlin.
        before, after = NOON + timedelta(hours=11, minutes=59), NOON + timedelta(hours=12)

        assert isinstance(ask(first, anna, now=before), Refund)
        assert isinstance(ask(second, anna, now=before), Refund)
        assert isinstance(ask(third, anna, now=before), ApprovalRequest)
        assert isinstance(ask(fourth, olena, now=before), Refund)
        assert isinstance(ask(fifth, anna, now=after), Refund)

    def test_what_a_second_person_has_approved_does_not_count(self, settings: Settings) -> None:
        settings.REFUND_DAILY_STARS = 250
        anna, fin = make_staff("Support"), make_staff("Finance")
        request = ask(buy(PlayerFactory.create(), "PREMIUM_SEASON"), anna)
        staff_approvals.approve(request_id=request.pk, checker=fin, now=NOON)

        assert approvals.refunded_today(staff=anna, now=NOON) == 0
        assert isinstance(ask(buy(PlayerFactory.create()), anna), Refund)

    def test_nothing_is_asked_for_what_cannot_be_refunded(self) -> None:
        anna, player = make_staff("Support"), PlayerFactory.create()
        unpaid, refunded = open_purchase(player), refund(buy(player, "PREMIUM_YEAR"))

        with pytest.raises(NotRefundableError, match="invoice sent: nothing was paid"):
            ask(unpaid, anna)
        with pytest.raises(NotRefundableError, match="It has been refunded"):
            ask(refunded, anna)
        assert ApprovalRequest.objects.count() == 0


@pytest.mark.django_db
class TestApproved:
    def test_the_second_person_lets_it_go_on(self) -> None:
        purchase, anna = buy(PlayerFactory.create(), "PREMIUM_SEASON"), make_staff("Support")
        fin = make_staff("Finance")
        request = ask(purchase, anna)

        staff_approvals.approve(request_id=request.pk, checker=fin, now=NOON)

        refund = Refund.objects.get(purchase=purchase)
        assert (refund.staff, refund.approved_by) == (anna, fin)
        assert purchase.events.order_by("-pk").values_list("evidence", flat=True)[0] == {
            "source": "STAFF",
            "reason": "Wrong one.",
            "staff": anna.pk,
            "approved_by": fin.pk,
        }

    def test_what_was_asked_for_in_earlier_words_can_still_be_approved(self) -> None:
        migration = import_module("payments.migrations.0017_waiting_refunds_in_new_words")
        player = PlayerFactory.create(username="", first_name="5 XTR from B")
        purchase, fin = buy(player, "MEGA_PACK_15"), make_staff("Finance")
        later = NOON + timedelta(hours=2)
        buy(player, "MEGA_PACK_15", now=NOON + timedelta(hours=1))
        request = staff_approvals.ask(
            kind=approvals.REFUND,
            subject=purchase,
            parameters={},
            reason="Wrong one.",
            maker=make_staff("Support"),
            now=later,
        )
        today, was = request.preview, [list(row) for row in request.preview]
        was[0][1] = was[0][1].replace("15 Stars from", "15 XTR from")
        for row in was[2:]:
            for name, code in (
                ("Cases practice", "CASES_PRACTICE"),
                ("Trennbare Verben", "TRENNBARE_VERBEN"),
                ("Word order", "WORD_ORDER"),
            ):
                row[0] = row[0].replace(name, code)
        assert was[0][1] == f"15 XTR from 5 XTR from B ({player.telegram_id})"
        assert [row[0] for row in was[2:4]] == ["CASES_PRACTICE", "CASES_PRACTICE (purchase)"]
        with behind_the_guards():
            ApprovalRequest.objects.update(preview=was)
        with pytest.raises(ChangedError):
            staff_approvals.approve(request_id=request.pk, checker=fin, now=later)

        with as_owner() as cursor:
            # What this test has written is checked only at its end, and keeps tables as they are.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for statement in migration.Migration.operations[0].sql:
                cursor.execute(statement)

        request.refresh_from_db()
        assert request.preview == today
        staff_approvals.approve(request_id=request.pk, checker=fin, now=later)

    def test_the_maker_is_never_the_checker(self) -> None:
        fin = make_staff("Finance")
        request = ask(buy(PlayerFactory.create(), "PREMIUM_SEASON"), fin)

        with pytest.raises(OwnRequestError):
            staff_approvals.approve(request_id=request.pk, checker=fin, now=NOON)
        assert Refund.objects.count() == 0

    def test_time_that_passes_changes_nothing(self) -> None:
        request = ask(buy(PlayerFactory.create(), "PREMIUM_SEASON"), make_staff("Support"))
        later = NOON + timedelta(days=2, hours=23)

        staff_approvals.approve(request_id=request.pk, checker=make_staff("Finance"), now=later)

        assert Refund.objects.count() == 1

    def test_what_would_do_something_else_now_is_not_approved(self) -> None:
        player = PlayerFactory.create()
        season = buy(player, "PREMIUM_SEASON")
        request = ask(season, make_staff("Support"))
        # A plan behind it that the second person has never seen.
        grants.grant(
            player=player,
            goods=Goods(premium=Plan.STARTER, premium_days=7),
            type=EntryType.PRIZE,
            source=Source.GAME,
            key="prize",
            now=NOON,
        )

        with pytest.raises(ChangedError):
            staff_approvals.approve(request_id=request.pk, checker=make_staff("Finance"), now=NOON)

    def test_the_database_knows_that_they_are_two(self) -> None:
        anna = make_staff("Support")
        refund = ask(buy(PlayerFactory.create()), anna)

        with (
            pytest.raises(DatabaseError, match="refund_maker_is_never_the_checker"),
            transaction.atomic(),
        ):
            Refund.objects.filter(pk=refund.pk).update(approved_by=anna)


@pytest.mark.django_db
class TestForesight:
    def test_what_is_spent_is_shown(self) -> None:
        player = PlayerFactory.create(username="anna")
        purchase = buy(player)
        for number in range(23):  # The first twenty are free.
            wallets.charge_question(player=player, key=f"question-{number}", now=NOON)

        assert approvals.preview(purchase=purchase, now=NOON) == [
            ("Stars", "5 Stars from @anna", "given back"),
            ("Paid energy", "10 delivered, 3 spent", "7 taken back"),
        ]

    def test_an_earlier_plan_gets_its_time_back(self) -> None:
        player = PlayerFactory.create(username="anna")
        buy(player, "PREMIUM_STARTER")
        month = buy(player, "PREMIUM_MONTH", now=NOON + timedelta(days=2))

        assert approvals.preview(purchase=month, now=NOON + timedelta(days=3)) == [
            ("Stars", "99 Stars from @anna", "given back"),
            ("Premium Month", "24 Nov 2026, 12:00 – 24 Dec 2026, 12:00", "taken away"),
            (
                "Premium Starter (purchase)",
                "begins 24 Dec 2026, 12:00",
                "begins at once, keeps all 5 days",
            ),
        ]

    def test_modes_end(self) -> None:
        mega = buy(PlayerFactory.create(username="anna"), "MEGA_PACK_15")

        assert approvals.preview(purchase=mega, now=NOON)[1:] == [
            ("Paid energy", "15 delivered", "15 taken back"),
            ("Cases practice", "22 Nov 2026, 12:00 – 23 Nov 2026, 12:00", "taken away"),
            ("Trennbare Verben", "22 Nov 2026, 12:00 – 23 Nov 2026, 12:00", "taken away"),
            ("Word order", "22 Nov 2026, 12:00 – 23 Nov 2026, 12:00", "taken away"),
        ]
        assert approvals.preview(purchase=mega, now=NOON + timedelta(days=2))[2] == (
            "Cases practice",
            "is over",
            "nothing to take back",
        )

    def test_what_was_never_credited_has_nothing_to_take_back(self) -> None:
        paid = pay(open_purchase(PlayerFactory.create(username="anna")), stars=4)

        assert approvals.preview(purchase=paid, now=NOON) == [
            ("Stars", "4 Stars from @anna", "given back"),
            ("Goods", "nothing was delivered", "nothing to take back"),
        ]

    def test_a_subscription_does_not_renew(self) -> None:
        purchase = buy(PlayerFactory.create(), "PREMIUM_MONTH", is_subscription=True)

        assert approvals.preview(purchase=purchase, now=NOON)[1] == (
            "Subscription",
            "renews every 30 days",
            "does not renew any more",
        )


@pytest.mark.django_db(transaction=True)
class TestTwoAtOnce:
    """A day has 100 Stars, and two refunds of 29 and 99 are asked for at once."""

    def refund_both(self, settings: Settings) -> list[str]:
        """Let one person refund two purchases at the same instant."""
        settings.REFUND_DAILY_STARS = 100
        purchases = [
            buy(PlayerFactory.create(), "PREMIUM_STARTER"),
            buy(PlayerFactory.create(), "PREMIUM_MONTH"),
        ]
        anna = make_staff("Support")
        results = run_together(*(partial(ask, purchase, anna) for purchase in purchases))
        return sorted(type(result).__name__ for result in results)

    def test_they_do_not_pass_the_days_limit_together(
        self, monkeypatch: pytest.MonkeyPatch, settings: Settings
    ) -> None:
        meet_after(monkeypatch, approvals, "refunded_today")

        assert self.refund_both(settings) == ["ApprovalRequest", "Refund"]

    def test_without_the_lock_they_do(
        self, monkeypatch: pytest.MonkeyPatch, settings: Settings
    ) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        monkeypatch.setattr(approvals, "lock_staff", lambda _: None)
        meet_after(monkeypatch, approvals, "refunded_today")

        assert self.refund_both(settings) == ["Refund", "Refund"]

"""The monthly statement and the liability: literal numbers, and whether they add up."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from economy import grants, wallets
from economy.goods import Goods, Plan
from economy.models import EntryType, Source
from payments import liability, monthly
from payments.models import Liability, MonthlyStatement
from quizarena.players import deletions
from quizarena.staff.models import Alert
from tests.factories import PlayerFactory, make_staff
from tests.owner import behind_the_guards
from tests.payments.steps import NOON, buy, refund

pytestmark = pytest.mark.django_db

NOVEMBER, DECEMBER = date(2026, 11, 1), date(2026, 12, 1)
# Midnight in Berlin.
NEW_MONTH = datetime(2026, 11, 30, 23, tzinfo=UTC)


def account(month: date, name: str) -> dict[str, Any]:
    """Return an account of a stored statement."""
    found: dict[str, Any] = MonthlyStatement.objects.get(month=month).accounts[name]
    return found


class TestMonthlyStatement:
    def test_a_month_adds_up_and_the_next_one_begins_with_its_closing(self) -> None:
        player = PlayerFactory.create()
        buy(player)
        spent = refund(buy(player))
        buy(player, "PREMIUM_STARTER", now=NEW_MONTH)
        assert spent.status == "REFUNDED"

        monthly.count(now=NEW_MONTH + timedelta(hours=1))

        november = MonthlyStatement.objects.get(month=NOVEMBER)
        assert not november.is_closed
        assert november.counted_until == NEW_MONTH
        energy = account(NOVEMBER, "paid_energy")
        assert energy == {
            "opening": 0,
            "credits": {"PURCHASE_CREDIT": 20},
            "debits": {"PURCHASE_REFUND": 10},
            "closing": 10,
            "counted": 10,
            "shortfall": 0,
        }
        assert account(NOVEMBER, "stars") == {
            "opening": 0,
            "credits": {"ENERGY_10": 10},
            "debits": {"ENERGY_10": 5},
            "closing": 5,
            "counted": 5,
            "shortfall": 0,
        }

        assert monthly.count(now=NEW_MONTH + timedelta(hours=2)) == 2
        assert MonthlyStatement.objects.get(month=NOVEMBER).is_closed
        assert monthly.count(now=NEW_MONTH + timedelta(hours=3)) == 1
        assert account(DECEMBER, "stars") == {
            "opening": 5,
            "credits": {"PREMIUM_STARTER": 29},
            "debits": {},
            "closing": 34,
            "counted": 34,
            "shortfall": 0,
        }
        assert account(DECEMBER, "paid_energy")["opening"] == 10
        assert all(one.adds_up for one in MonthlyStatement.objects.all())
        assert not Alert.objects.exists()

    def test_what_was_spent_before_a_refund_is_a_shortfall_in_no_balance(self) -> None:
        player = PlayerFactory.create()
        purchase = buy(player)
        # The 20 of the welcome, then 4 of those bought.
        for number in range(24):
            wallets.charge_question(player=player, key=f"question-{number}", now=NOON)
        refund(purchase)

        monthly.count(now=NOON + timedelta(hours=1))

        energy = account(NOVEMBER, "paid_energy")
        assert energy["debits"] == {"QUESTION": 4, "PURCHASE_REFUND": 6}
        assert (energy["closing"], energy["counted"], energy["shortfall"]) == (0, 0, 4)

    def test_a_payment_of_a_closed_month_that_is_found_later_is_a_line_of_its_own(self) -> None:
        player = PlayerFactory.create()
        buy(player)
        monthly.count(now=NEW_MONTH + timedelta(hours=2))
        buy(player, now=NEW_MONTH - timedelta(seconds=1))

        monthly.count(now=NEW_MONTH + timedelta(days=1))

        assert account(DECEMBER, "stars")["credits"] == {"RECORDED_LATE": 5}
        assert account(DECEMBER, "stars")["closing"] == account(DECEMBER, "stars")["counted"] == 10

    def test_a_payment_that_comes_in_while_it_is_counted_makes_no_difference(self) -> None:
        player = PlayerFactory.create()
        bought: list[object] = []

        def meanwhile(execute: Any, sql: str, *rest: Any) -> Any:
            result = execute(sql, *rest)
            if "paid_stars" in sql and "GROUP BY" in sql and not bought:
                bought.append(sql)
                bought.append(buy(player))
            return result

        with connection.execute_wrapper(meanwhile):
            monthly.count_month(NOVEMBER, now=NEW_MONTH + timedelta(hours=2))

        assert len(bought) == 2
        assert MonthlyStatement.objects.get(month=NOVEMBER).adds_up
        assert not Alert.objects.exists()

    def test_one_that_does_not_add_up_raises_an_alert_until_it_does(self) -> None:
        player = PlayerFactory.create()
        buy(player)
        with behind_the_guards() as cursor:
            cursor.execute("UPDATE economy_wallet SET paid_energy = 11")
        monthly.count(now=NOON + timedelta(hours=1))
        alert = Alert.objects.get()
        assert (alert.kind, alert.key) == ("statement_difference", "2026-11")
        assert alert.details == {"paid_energy": {"closing": 10, "counted": 11}}

        with behind_the_guards() as cursor:
            cursor.execute("UPDATE economy_wallet SET paid_energy = 10")
        monthly.count(now=NOON + timedelta(hours=1))

        alert.refresh_from_db()
        assert alert.resolved_at == NOON + timedelta(hours=1)

    def test_a_closed_one_stays_as_it_is(self) -> None:
        buy(PlayerFactory.create())
        monthly.count(now=NEW_MONTH + timedelta(hours=2))
        closed = MonthlyStatement.objects.get(month=NOVEMBER)
        for change in (
            lambda: MonthlyStatement.objects.filter(pk=closed.pk).update(accounts={}),
            closed.delete,
        ):
            with pytest.raises(DatabaseError), transaction.atomic():
                change()
        assert monthly.count_month(NOVEMBER, now=NEW_MONTH + timedelta(days=9)) == closed

    def test_the_page_shows_the_chosen_month_with_bounded_queries(
        self, django_assert_max_num_queries: Any
    ) -> None:
        client = Client()
        client.force_login(make_staff("Finance"))
        page = "/admin/payments/monthlystatement/"
        assert "No month is counted yet" in client.get(page).content.decode()
        buy(PlayerFactory.create())
        monthly.count(now=NEW_MONTH + timedelta(days=1))

        latest = client.get(page).content.decode()
        with django_assert_max_num_queries(45):
            november = client.get(page, {"month": "2026-11-01"}).content.decode()

        assert "Statement of December 2026" in latest
        assert "Statement of November 2026" in november
        assert "10 energy points" in november
        assert "does not add up" not in november
        assert "Statement of December 2026" in client.get(page, {"month": "x"}).content.decode()


class TestLiability:
    def test_bought_units_are_worth_what_was_paid_as_far_as_the_balance_reaches(self) -> None:
        anna, ben = PlayerFactory.create(), PlayerFactory.create()
        buy(anna)
        buy(ben)
        refund(buy(ben))
        # A gift is no liability.
        grants.grant(
            player=ben,
            goods=Goods(paid_energy=100, premium=Plan.YEAR, premium_days=365),
            type=EntryType.PROMO_GRANT,
            source=Source.PROMO,
            key="gift",
            now=NOON,
        )
        buy(anna, "MEGA_PACK_15")  # Energy and modes: 7.5 Stars each.
        buy(anna, "PREMIUM_STARTER")

        counted = liability.count(now=NOON + timedelta(hours=12))

        assert counted.parts == [
            # Half of the 24 hours of three modes.
            {"part": "modes", "players": 1, "units": 36, "stars": 4},
            {"part": "paid_energy", "players": 2, "units": 35, "stars": 18},
            {"part": "premium", "players": 1, "units": 156, "stars": 27},
        ]
        assert counted.stars == 49
        assert liability.count(now=NOON + timedelta(hours=13)).pk == counted.pk

    def test_who_is_deleted_owns_nothing_any_more(self) -> None:
        anna = PlayerFactory.create()
        buy(anna)
        buy(anna, "MEGA_PACK_15")
        buy(anna, "PREMIUM_STARTER")
        asked = deletions.ask(player=anna, now=NOON)
        assert deletions.begin(request_id=asked.pk, now=asked.due_at)

        counted = liability.count(now=asked.due_at)

        assert (counted.stars, counted.parts) == (0, [])

    def test_the_page_states_the_method(self) -> None:
        buy(PlayerFactory.create())
        counted = liability.count(now=NOON)
        client = Client()
        client.force_login(make_staff("Finance"))

        assert (
            "Gifts count as spent first"
            in client.get("/admin/payments/liability/").content.decode()
        )
        page = client.get(f"/admin/payments/liability/{counted.pk}/change/").content.decode()
        assert "Paid energy" in page
        with pytest.raises(DatabaseError), transaction.atomic():
            Liability.objects.update(stars=0)

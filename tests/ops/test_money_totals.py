"""Totals of purchases, Stars and promo codes, from the rows that have come since."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from quizarena.ops import money_totals
from quizarena.ops.models import MetricPosition, MetricTotal
from quizarena.ops.tasks import record_metric_totals
from tests.concurrency import another_connection
from tests.factories import PlayerFactory, make_campaign
from tests.payments import steps
from tests.promos.steps import CODE, redeem

NOON = steps.NOON
SECOND = timedelta(seconds=1)


def totals() -> dict[str, float]:
    """Return what has been counted, by name and label without what all have in common."""
    return {
        f"{one.name.removeprefix('quizarena_').removesuffix('_total')} {one.label}": one.value
        for one in MetricTotal.objects.all()
    }


@pytest.mark.django_db
class TestRecord:
    def test_purchases_and_stars_are_counted_from_the_first_run_on(self) -> None:
        steps.buy(PlayerFactory.create())
        assert money_totals.record(now=NOON) == 0
        steps.buy(PlayerFactory.create())
        steps.refund(steps.buy(PlayerFactory.create()))

        assert money_totals.record(now=NOON + 30 * SECOND) == 12
        assert money_totals.record(now=NOON + 40 * SECOND) == 0

        assert totals() == {
            "purchase_events opened": 2,
            "purchase_events invoice_sent": 2,
            "purchase_events approved": 2,
            "purchase_events paid": 2,
            "purchase_events credited": 2,
            "purchase_events refund_asked": 1,
            "purchase_events refunded": 1,
            "stars paid": 10,
            "stars credited": 10,
            "stars refunded": 5,
        }

    def test_what_is_younger_than_half_a_minute_and_all_behind_it_is_left(self) -> None:
        money_totals.record(now=NOON)
        steps.open_purchase(PlayerFactory.create(), now=NOON)
        steps.open_purchase(PlayerFactory.create(), now=NOON + 2 * SECOND)
        steps.open_purchase(PlayerFactory.create(), now=NOON + SECOND)

        # Two rows each: opened, and the invoice sent.
        assert money_totals.record(now=NOON + 30 * SECOND) == 2
        assert money_totals.record(now=NOON + 31 * SECOND) == 0
        assert money_totals.record(now=NOON + 32 * SECOND) == 4
        assert totals()["purchase_events opened"] == 3

    def test_one_run_has_a_limit_and_the_next_continues(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = "payments_purchaseevent"
        monkeypatch.setitem(
            money_totals.STATEMENTS,
            name,
            money_totals.STATEMENTS[name].replace("LIMIT 5000", "LIMIT 3"),
        )
        money_totals.record(now=NOON)
        steps.buy(PlayerFactory.create())

        later = NOON + 30 * SECOND
        assert [money_totals.record(now=later) for _ in range(3)] == [3, 2, 0]
        assert totals()["purchase_events credited"] == 1

    def test_promo_codes_by_what_came_of_them(self) -> None:
        money_totals.record(now=NOON)
        player = PlayerFactory.create()
        make_campaign(code=CODE)
        for code in (CODE, "NOSUCHCODE", "ANOTHER1"):
            redeem(player, code)

        assert money_totals.record(now=NOON + timedelta(hours=2)) == 3
        assert totals() == {"promo_attempts accepted": 1, "promo_attempts invalid": 2}

    def test_a_quiet_run_is_a_position_and_a_look_for_each_table(self) -> None:
        record_metric_totals()

        with CaptureQueriesContext(connection) as queries:
            assert record_metric_totals() == 0

        # With a savepoint and its end each, as this test is a transaction itself.
        assert len(queries) == 8


@pytest.mark.django_db(transaction=True)
def test_what_somebody_else_is_counting_is_skipped() -> None:
    money_totals.record(now=NOON)
    steps.buy(PlayerFactory.create())
    later = NOON + 30 * SECOND

    with another_connection() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT FROM ops_metricposition FOR UPDATE")
        assert money_totals.record(now=later) == 0
        cursor.execute("ROLLBACK")

    assert money_totals.record(now=later) == 5
    assert totals()["stars credited"] == 5
    assert MetricPosition.objects.count() == 2

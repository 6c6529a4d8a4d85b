"""What has come of offers: the numbers, the alerts, and the pages that show them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client

from payments import offer_funnel, tasks
from payments.models import Attribution, Impression, Purchase
from payments.offer_funnel import Funnel
from payments.offer_rules import Trigger
from quizarena.players.models import Player
from quizarena.staff.models import Alert
from tests.factories import PlayerFactory, make_staff
from tests.owner import as_owner
from tests.payments import steps

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NOON = datetime(2026, 11, 18, 11, tzinfo=UTC)


def store(player: Player, *, at: datetime = NOON, **fields: Any) -> Impression:
    """Store an offer of energy that was shown at `at`."""
    values = {
        "trigger": "ENERGY_LOW",
        "priority": 60,
        "event": "HOME",
        "is_blocking": False,
        "prices": {"ENERGY_10": 5},
        "shown_at": at,
        "day": at.date(),
        "ordinal": 1,
        **fields,
    }
    return Impression.objects.create(player=player, **values)


def many(count: int, *, at: datetime, bought: int = 0, **fields: Any) -> None:
    """Show an offer to so many players, of whom so many buy."""
    for number in range(count):
        player = PlayerFactory.create()
        impression = store(player, at=at, **fields)
        if number < bought:
            buy(impression, at=at)


def buy(impression: Impression, *, at: datetime) -> Purchase:
    """Let the player buy what was offered."""
    purchase = steps.open_purchase(impression.player, now=at)
    Attribution.objects.create(purchase=purchase, impression=impression, at=at)
    Impression.objects.filter(pk=impression.pk).update(clicked_at=at)
    return steps.credit(steps.pay(purchase, now=at), now=at)


def lately() -> Funnel:
    """Return the funnel of ENERGY_LOW over the last seven days."""
    return offer_funnel.funnels(since=NOON - 7 * DAY, until=NOON + HOUR)[Trigger.ENERGY_LOW]


@pytest.mark.django_db
class TestFunnel:
    def test_from_what_was_shown_to_the_stars(self) -> None:
        many(4, at=NOON, bought=2)
        refunded = buy(store(PlayerFactory.create()), at=NOON)
        steps.refund(refunded, now=NOON)
        store(PlayerFactory.create(), clicked_at=NOON)
        store(PlayerFactory.create(), dismissed_at=NOON)
        store(PlayerFactory.create(), muted_at=NOON)

        assert lately() == Funnel(
            shown=8, clicked=4, bought=3, dismissed=1, muted=1, stars=15, refunds=1, refunded=5
        )

    def test_a_purchase_that_is_not_credited_is_not_bought(self) -> None:
        impression = store(PlayerFactory.create())
        purchase = steps.open_purchase(impression.player)
        Attribution.objects.create(purchase=purchase, impression=impression, at=NOON)
        steps.pay(purchase)

        assert lately() == Funnel(shown=1)

    def test_two_products_of_one_offer_are_two_purchases(self) -> None:
        impression = store(PlayerFactory.create(), prices={"ENERGY_10": 5, "MEGA_PACK_15": 15})
        for code in ("ENERGY_10", "MEGA_PACK_15"):
            purchase = steps.open_purchase(impression.player, code)
            Attribution.objects.create(purchase=purchase, impression=impression, at=NOON)
            steps.credit(steps.pay(purchase))

        assert lately() == Funnel(shown=1, bought=2, stars=20)

    def test_what_was_shown_before_does_not_count(self) -> None:
        many(1, at=NOON - 7 * DAY - timedelta(seconds=1), bought=1)

        assert lately() == Funnel()

    def test_it_is_one_query(self, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(1):
            assert len(offer_funnel.funnels(since=NOON, until=NOON)) == 12


@pytest.mark.django_db
class TestGuard:
    def alerts(self) -> list[tuple[str, str, bool]]:
        """Return kind, key and whether it is open, of every alert."""
        found = Alert.objects.order_by("pk").values_list("kind", "key", "resolved_at")
        return [(kind, key, resolved is None) for kind, key, resolved in found]

    @pytest.mark.parametrize(("bought", "is_raised"), [(10, False), (9, True)])
    def test_a_trigger_that_sells_less_than_half(self, bought: int, is_raised: bool) -> None:
        many(40, at=NOON - 10 * DAY, bought=20)
        many(40, at=NOON - DAY, bought=bought)

        found = offer_funnel.guard(now=NOON)

        assert found == int(is_raised)
        assert self.alerts() == ([("offer_drop", "ENERGY_LOW", True)] if is_raised else [])

    def test_few_are_no_drop(self) -> None:
        many(38, at=NOON - 10 * DAY, bought=19)
        many(38, at=NOON - DAY)

        assert offer_funnel.guard(now=NOON) == 0

    def test_what_sells_again_is_resolved(self) -> None:
        many(40, at=NOON - 10 * DAY, bought=20)
        many(40, at=NOON - DAY)
        offer_funnel.guard(now=NOON)
        many(40, at=NOON, bought=30)

        offer_funnel.guard(now=NOON + HOUR)

        assert self.alerts() == [("offer_drop", "ENERGY_LOW", False)]

    @pytest.mark.parametrize(
        ("shown", "muted", "is_raised"), [(100, 20, False), (100, 21, True), (99, 99, False)]
    )
    def test_more_than_a_fifth_do_not_want_to_see_it(
        self, shown: int, muted: int, is_raised: bool
    ) -> None:
        many(muted, at=NOON, muted_at=NOON)
        many(shown - muted, at=NOON)

        offer_funnel.guard(now=NOON + HOUR)

        assert self.alerts() == ([("offer_spam", "ENERGY_LOW", True)] if is_raised else [])

    @pytest.mark.parametrize(
        ("constraint", "fields"),
        [
            ("impression_same_once_in_24_hours", {"ordinal": 2}),
            (
                "impression_blocking_once_in_6_hours",
                {"ordinal": 2, "is_blocking": True, "trigger": "ENERGY_ZERO"},
            ),
            ("impression_three_a_day", {"ordinal": 4, "trigger": "STREAK_GT7"}),
        ],
    )
    def test_what_the_constraints_make_impossible_is_looked_for_all_the_same(
        self, constraint: str, fields: dict[str, Any]
    ) -> None:
        player = PlayerFactory.create()
        with as_owner() as cursor:
            cursor.execute(f"ALTER TABLE payments_impression DROP CONSTRAINT {constraint}")
        store(player, is_blocking=True, trigger="LOCKED_MODE_CLICK")
        if constraint == "impression_three_a_day":
            store(player, ordinal=2)
            store(player, ordinal=3, trigger="MONTH_EXPIRING")
        else:
            assert offer_funnel.guard(now=NOON + HOUR) == 0
            fields = {"trigger": "LOCKED_MODE_CLICK", **fields}
        store(player, at=NOON + timedelta(minutes=1), **fields)

        assert offer_funnel.guard(now=NOON + HOUR) == 1
        assert self.alerts() == [("offer_spam", "caps", True)]

    def test_the_jobs_run(self) -> None:
        store(PlayerFactory.create(), at=NOON - 400 * DAY)

        assert (tasks.guard_offers(), tasks.purge_impressions()) == (0, 1)


@pytest.mark.django_db
class TestDesk:
    @pytest.mark.parametrize(
        ("role", "status"),
        [("Support", 200), ("Operator", 200), ("Finance", 200), ("Editor", 403)],
    )
    @pytest.mark.parametrize("page", ["", "funnel/"])
    def test_who_may_look(self, client: Client, role: str, status: int, page: str) -> None:
        client.force_login(make_staff(role))

        assert client.get(f"/admin/payments/impression/{page}").status_code == status

    def test_the_list_shows_what_has_come_of_it(self, client: Client) -> None:
        player = PlayerFactory.create(username="zoe")
        buy(store(player), at=NOON)
        other = PlayerFactory.create(username="max")
        store(other, trigger="STREAK_GT7", muted_at=NOON)
        client.force_login(make_staff("Operator"))

        everything = client.get("/admin/payments/impression/").content.decode()
        hers = client.get("/admin/payments/impression/?q=@zoe").content.decode()
        muted = client.get("/admin/payments/impression/?trigger=STREAK_GT7").content.decode()

        assert "@zoe" in everything
        assert "@max" in everything
        assert "bought" in hers
        assert "@max" not in hers
        assert "ENERGY_10 for 5" in hers
        assert "@zoe" not in muted

    def test_the_list_never_counts(self, client: Client) -> None:
        client.force_login(make_staff("Operator"))
        store(PlayerFactory.create())

        with CaptureQueries() as queries:
            client.get("/admin/payments/impression/")

        assert not [sql for sql in queries if "COUNT(" in sql and "impression" in sql]

    def test_an_offer_and_its_player(self, client: Client) -> None:
        player = PlayerFactory.create()
        impression = store(player)
        purchase = buy(impression, at=NOON)
        client.force_login(make_staff("Support"))

        page = client.get(f"/admin/payments/impression/{impression.pk}/change/").content.decode()
        story = client.get(f"/admin/players/player/{player.pk}/change/").content.decode()

        assert f"{purchase.pk}" in page
        assert f"/admin/payments/impression/{impression.pk}/change/" in story

    def test_the_funnel_has_every_trigger(self, client: Client) -> None:
        client.force_login(make_staff("Operator"))
        with time_machine.travel(NOON + HOUR, tick=False):
            many(3, at=NOON, bought=1)
            page = client.get("/admin/payments/impression/funnel/").content.decode()

        assert "33.3%" in page
        for trigger in Trigger:
            assert page.count(f"<small>{trigger.value}</small></span>") == 2

    def test_nobody_edits_what_was_shown(self, client: Client) -> None:
        impression = store(PlayerFactory.create())
        client.force_login(make_staff("Administrator", is_superuser=True))

        assert client.get("/admin/payments/impression/add/").status_code == 403
        page = f"/admin/payments/impression/{impression.pk}/delete/"
        assert client.get(page).status_code == 403


class CaptureQueries(list[str]):
    """The SQL of a block."""

    def __enter__(self) -> "CaptureQueries":
        self._wrapper = connection.execute_wrapper(self._note)
        self._wrapper.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._wrapper.__exit__(None, None, None)

    def _note(self, execute: Any, sql: str, *args: Any) -> Any:
        self.append(sql)
        return execute(sql, *args)

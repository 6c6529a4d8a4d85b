"""How the product does, recorded day by day, and the page that compares periods."""

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from economy import streaks
from payments.models import Impression
from promos import statistics
from promos.models import Redemption
from quizarena.ops import analytics_admin, product_days
from quizarena.ops.models import ProductDay
from quizarena.players.models import Player
from tests.factories import make_campaign, make_staff
from tests.game.played import DAY, NOON, TODAY, newcomer
from tests.payments import steps
from tests.promos.invitations import come, invite
from tests.promos.steps import CODE, redeem

pytestmark = pytest.mark.django_db

PAGE = "/admin/ops/productday/"


def play(player: Player, *days: int) -> None:
    """Let the player answer so many days after TODAY."""
    for day in days:
        streaks.record_activity(player=player, now=NOON + day * DAY)


def record(after: int) -> ProductDay:
    """Do what the job does so many days later, and return TODAY's row."""
    now = NOON + after * DAY
    product_days.record_due(now=now, until=now + 9_000 * DAY)
    return ProductDay.objects.get(day=TODAY)


def test_a_day_and_its_cohort_are_recorded_as_far_as_they_are_known() -> None:
    anna, bert = newcomer(created_at=NOON), newcomer(created_at=NOON)
    play(anna, 0, 1, 7, 30)
    play(bert, 0)

    today = record(0)
    assert (today.active, today.active_7, today.active_30, today.new_players) == (2, 2, 2, 2)
    assert (today.retained_1, today.retained_7, today.retained_30) == (None, None, None)
    assert record(1).retained_1 is None
    assert record(2).retained_1 == 1
    assert record(8).retained_7 == 1
    month = record(31)
    assert (month.retained_30, month.cohort_payers, month.cohort_net_stars) == (1, 0, 0)
    last = ProductDay.objects.get(day=TODAY + 30 * DAY)
    assert (last.active, last.active_7, last.active_30) == (1, 1, 1)


def test_a_day_that_is_done_is_not_recorded_again_and_a_repeat_changes_nothing() -> None:
    play(newcomer(created_at=NOON), 0)
    before = record(40)
    assert product_days.record_due(now=NOON + 40 * DAY, until=NOON + 9_000 * DAY) == 1

    product_days.record_day(day=TODAY, now=NOON + 40 * DAY)

    after = ProductDay.objects.get(day=TODAY)
    assert after.__dict__ | {"_state": None} == before.__dict__ | {"_state": None}


@pytest.mark.parametrize(
    ("day", "begins", "ends"),
    [
        # 23 hours: at two o'clock it is three.
        (
            date(2027, 3, 28),
            datetime(2027, 3, 27, 23, tzinfo=UTC),
            datetime(2027, 3, 28, 22, tzinfo=UTC),
        ),
        # 25 hours: at three o'clock it is two once more.
        (
            date(2027, 10, 31),
            datetime(2027, 10, 30, 22, tzinfo=UTC),
            datetime(2027, 10, 31, 23, tzinfo=UTC),
        ),
    ],
)
def test_a_day_on_which_clocks_are_changed_is_a_day(
    day: date, begins: datetime, ends: datetime
) -> None:
    moment = timedelta(microseconds=1)
    first, last = newcomer(begins, created_at=begins), newcomer(ends - moment, created_at=begins)
    newcomer(begins - moment, created_at=begins)
    newcomer(ends, created_at=begins)
    for player, at in ((first, begins), (last, ends - moment), (last, ends)):
        streaks.record_activity(player=player, now=at)
    # The day after is over after its last hour, and one for those who come late.
    over = ends + timedelta(hours=25)

    assert product_days.record_day(day=day, now=over - moment)
    row = ProductDay.objects.get(day=day)
    assert (row.new_players, row.active, row.retained_1) == (2, 2, None)
    assert product_days.record_day(day=day, now=over)
    row.refresh_from_db()
    assert (row.new_players, row.active, row.retained_1) == (2, 2, 1)


def test_without_players_nothing_is_recorded() -> None:
    assert product_days.record_due(now=NOON, until=NOON + timedelta(hours=1)) == 0


def test_more_come_back_than_have_started_is_refused() -> None:
    newcomer(created_at=NOON)
    row = record(0)

    with pytest.raises(IntegrityError), transaction.atomic():
        ProductDay.objects.filter(pk=row.pk).update(retained_1=2)


def test_the_page_is_honest_about_what_is_not_recorded(client: Client) -> None:
    with time_machine.travel(NOON + 8 * DAY, tick=False):
        client.force_login(make_staff("Operator"))
        assert "Nothing has been recorded yet." in client.get(PAGE).content.decode()
        play(newcomer(created_at=NOON), 0, 1)
        record(8)

        for days in ("1", "7", "30", "90", "x"):
            assert client.get(PAGE, {"days": days}).status_code == 200
        page = client.get(PAGE, {"days": "30"}).content.decode()

    assert "Recorded are 8 of 30 days of this period and 0 of 30" in page
    assert "1 (100.0%)" in page


def test_a_period_ends_with_yesterday_and_is_compared_with_the_one_before(client: Client) -> None:
    # Two in the seven days before, three in those that end with yesterday, five today.
    for day, players in ((0, 2), (7, 3), (14, 5)):
        for _ in range(players):
            newcomer(NOON + day * DAY, created_at=NOON)
    with time_machine.travel(NOON + 14 * DAY, tick=False):
        record(14)
        client.force_login(make_staff("Operator"))

        week = client.get(PAGE, {"days": "7"})
        today = client.get(PAGE, {"days": "1"})

    assert ["New players", "3", "2", "+50.0%"] in week.context["figures"]["rows"]
    assert ["New players", "5", "0"] in today.context["figures"]["rows"]
    assert week.context["coverage"] == ""


def test_each_figure_of_two_days_is_what_its_name_says() -> None:
    first = ProductDay(
        active=10,
        active_7=40,
        active_30=100,
        new_players=4,
        purchases=3,
        stars=90,
        refunded_stars=5,
        payers_30=8,
        net_stars_30=400,
        retained_1=2,
        retained_7=1,
        retained_30=1,
        cohort_payers=1,
        cohort_net_stars=29,
    )
    # Its day 1 is over, its days 7 and 30 are not.
    second = ProductDay(
        active=15,
        active_7=50,
        active_30=120,
        new_players=6,
        retained_1=1,
        purchases=1,
        stars=5,
        refunded_stars=99,
        payers_30=9,
        net_stars_30=300,
    )

    shown = {}
    for figure in analytics_admin.FIGURES:
        value = figure.of([first, second])
        assert value is not None
        shown[figure.name] = figure.show(value)

    assert shown == {
        "Active players a day (DAU)": "12.5",
        "Active in 7 days (WAU), at the end": "50",
        "Active in 30 days (MAU), at the end": "120",
        "New players": "10",
        "Purchases": "4",
        "Stars, refunds taken off": "−9",
        "Conversion, of 30 days": "7.5%",
        "ARPU, of 30 days": "⭐ 2.50",
        "Back on day 1 (D1)": "30.0%",
        "Back on day 7 (D7)": "25.0%",
        "Back on day 30 (D30)": "25.0%",
        "New players paying in 30 days": "25.0%",
        "Lifetime value of 30 days (LTV)": "⭐ 7.25",
    }
    assert [figure.of([]) for figure in analytics_admin.FIGURES] == 13 * [None]


def test_stars_count_on_the_day_of_the_payment_and_refunds_on_theirs() -> None:
    anna, bert = newcomer(created_at=NOON), newcomer(created_at=NOON)
    steps.buy(anna, now=NOON)
    steps.buy(anna, now=NOON + 2 * DAY)
    refunded = steps.buy(bert, now=NOON + 2 * DAY)
    steps.refund(refunded, now=NOON + 3 * DAY)
    price = refunded.paid_stars
    assert price

    row = record(31)

    assert (row.purchases, row.payers, row.stars, row.refunded_stars) == (1, 1, price, 0)
    assert (row.cohort_payers, row.cohort_net_stars) == (2, 2 * price)
    third = ProductDay.objects.get(day=TODAY + 2 * DAY)
    assert (third.purchases, third.payers, third.stars) == (2, 2, 2 * price)
    assert (third.payers_30, third.net_stars_30) == (2, 3 * price)
    fourth = ProductDay.objects.get(day=TODAY + 3 * DAY)
    assert (fourth.refunded_stars, fourth.net_stars_30) == (price, 2 * price)


@pytest.mark.parametrize("role", ["Support", "Editor", "Security"])
def test_others_do_not_see_it(client: Client, role: str) -> None:
    client.force_login(make_staff(role))

    assert client.get(PAGE).status_code == 403


def test_codes_offers_and_invitations_are_compared_with_the_period_before(client: Client) -> None:
    campaign = make_campaign(code=CODE, grant=True, starts_at=NOON)
    # One in the seven days before, two in those that end with yesterday, one today.
    for day in (6, 7, 13, 14):
        at = NOON + day * DAY
        redeem(newcomer(created_at=NOON), now=at)
        Impression.objects.create(
            player=newcomer(created_at=NOON), trigger="ENERGY_LOW", priority=60, event="HOME",
            is_blocking=False, prices={"ENERGY_10": 5}, shown_at=at, day=at.date(), ordinal=1,
            muted_at=at,
        )  # fmt: skip
        come(invite(now=at), now=at)
    redeem(Redemption.objects.earliest("pk").player, now=NOON + 8 * DAY)

    with time_machine.travel(NOON + 14 * DAY, tick=False):
        client.force_login(make_staff("Operator"))
        week = client.get(PAGE, {"days": "7"})
        today = client.get(PAGE, {"days": "1"})
        ninety = client.get(PAGE, {"days": "90"})

    codes, offers, invitations = (one["table"]["rows"] for one in week.context["results"])
    assert campaign.is_discount is False
    assert codes == [
        ["Accepted", "2", "1", "+100.0%"],
        ["Used", "2", "1", "+100.0%"],
        ["Used of accepted", "100.0%", "100.0%", "+0.0%"],
        ["Used, then refunded", "0", "0", "–"],
        ["Refused", "1", "0", "–"],
    ]
    assert offers[0] == ["Shown", "2", "1", "+100.0%"]
    assert offers[3] == ["Bought of shown", "0.0%", "0.0%", "–"]
    assert offers[6] == ["Muted of shown", "100.0%", "100.0%", "+0.0%"]
    assert invitations[0] == ["Started", "2", "1", "+100.0%"]
    titles = [one["title"] for one in today.context["results"]]
    assert titles == ["Promo codes", "Offers", "Invitations"]
    assert today.context["results"][0]["table"]["rows"][0] == ["Accepted", "1", "1"]
    assert ninety.context["results"][2]["table"]["rows"][0] == ["Started", "3", "0", "–"]
    assert "/admin/payments/impression/funnel/" in week.content.decode()


def test_each_section_is_for_who_may_see_its_page(client: Client) -> None:
    client.force_login(make_staff("Operator"))
    operator = client.get(PAGE).context["results"]
    limited = make_staff("Editor", username="eva")
    limited.user_permissions.add(Permission.objects.get(codename="view_productday"))
    client.force_login(limited)

    assert len(operator) == 3
    assert client.get(PAGE).context["results"] == []


def test_codes_are_counted_through_the_indexes_of_their_campaigns() -> None:
    with CaptureQueriesContext(connection) as queries:
        statistics.results(since=NOON, until=NOON + DAY)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN {queries[0]['sql']}")
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "using attempt_of_campaign" in plan
    assert "using redemption_of_campaign" in plan
    assert "Seq Scan" not in plan

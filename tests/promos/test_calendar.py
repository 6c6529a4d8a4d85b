"""The calendar of campaigns: what is in a month, where, and for whom."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bot.messages.models import Broadcast
from promos import tags
from promos.admin import calendar
from promos.admin.calendar import Bar, week
from promos.models import Campaign
from tests.factories import NOON, make_campaign, make_staff
from tests.promos.desk import text

PAGE = "/admin/promos/campaign/calendar/"
MONDAY = date(2026, 11, 23)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def bar(first: int, last: int | None, name: str = "x") -> Bar:
    """Return a bar from one day of November to another."""
    return Bar(
        name=name,
        address="/",
        status="active",
        first=date(2026, 11, first),
        last=None if last is None else date(2026, 11, last),
        says="",
    )


class TestWeek:
    def test_bars_one_after_the_other_share_a_row(self) -> None:
        lanes, hidden = week(MONDAY, bars=[bar(20, 24), bar(24, 25), bar(26, None)])

        assert [
            [(cell.days, cell.bar is not None, cell.from_before, cell.goes_on) for cell in lane]
            for lane in lanes
        ] == [
            [(2, True, True, False), (1, False, False, False), (4, True, False, True)],
            [(1, False, False, False), (2, True, False, False), (4, False, False, False)],
        ]
        assert hidden == 0

    def test_of_too_many_the_others_are_counted(self) -> None:
        lanes, hidden = week(MONDAY, bars=[bar(23, 29)] * 13)

        assert (len(lanes), hidden) == (10, 3)

    def test_another_week_has_none_of_them(self) -> None:
        assert week(MONDAY, bars=[bar(1, 22), bar(30, None)]) == ([], 0)


@pytest.mark.django_db
class TestBars:
    def _bars(self) -> list[tuple[str, date, date | None]]:
        found = calendar.bars(first=date(2026, 11, 1), last=date(2026, 11, 30))
        return [(one.name, one.first, one.last) for one in found]

    def test_days_are_of_berlin_and_midnight_belongs_to_the_day_before(self) -> None:
        make_campaign(
            name="Late",
            starts_at=datetime(2026, 11, 9, 23, 30, tzinfo=UTC),
            ends_at=datetime(2026, 11, 14, 23, 0, tzinfo=UTC),
        )

        assert self._bars() == [("Late", date(2026, 11, 10), date(2026, 11, 14))]

    def test_what_is_in_the_month_is_there_also_without_an_end(self) -> None:
        make_campaign(name="Endless", starts_at=NOON - timedelta(days=90))
        make_campaign(name="Draft", status="DRAFT", starts_at=NOON, ends_at=NOON + HOUR)
        make_campaign(name="Next", starts_at=datetime(2026, 11, 30, 23, 0, tzinfo=UTC))
        make_campaign(name="Gone", starts_at=NOON - 60 * DAY, ends_at=NOON - 30 * DAY)

        assert self._bars() == [
            ("Endless", date(2026, 8, 24), None),
            ("Draft", date(2026, 11, 22), date(2026, 11, 22)),
        ]

    def test_one_that_was_ended_early_ends_then_and_a_draft_that_was_ended_never_was(self) -> None:
        ended: dict[str, Any] = {"starts_at": NOON - 9 * DAY, "ends_at": NOON + 9 * DAY}
        early = make_campaign(name="Early", authorised_at=NOON - 9 * DAY, **ended)
        Campaign.objects.filter(pk=early.pk).update(status="ENDED", changed_at=NOON - 2 * DAY)
        make_campaign(name="Never", status="ENDED", **ended)

        assert self._bars() == [("Early", date(2026, 11, 13), date(2026, 11, 20))]

    def test_tags_for_one_that_is_over_do_not_make_it_longer(self) -> None:
        over = make_campaign(name="Over", authorised_at=NOON - 9 * DAY, starts_at=NOON - 9 * DAY)
        Campaign.objects.filter(pk=over.pk).update(status="ENDED", changed_at=NOON - 5 * DAY)

        tags.change(campaign_id=over.pk, add=["summer"], now=NOON, staff=None)

        assert self._bars() == [("Over", date(2026, 11, 13), date(2026, 11, 17))]


@pytest.mark.django_db
class TestPage:
    @pytest.fixture
    def operator(self, client: Client) -> Client:
        client.force_login(make_staff("Operator"))
        return client

    def test_it_shows_this_month_and_leads_to_others(self, operator: Client) -> None:
        with time_machine.travel(NOON, tick=False):
            operator.force_login(make_staff("Support"))
            make_campaign(name="Advent", starts_at=NOON)
            page = operator.get(PAGE)

        said = text(page.content)
        assert "Campaigns in November 2026" in said
        assert "Advent active" in said
        assert 'href="?month=2026-10"' in page.content.decode()
        assert 'href="?month=2026-12"' in page.content.decode()

    def test_another_month_is_in_the_address_and_rubbish_is_this_month(
        self, operator: Client
    ) -> None:
        assert "Campaigns in February 2028" in text(operator.get(f"{PAGE}?month=2028-02").content)
        assert "No campaign in this month." in text(operator.get(f"{PAGE}?month=2028-02").content)
        assert operator.get(f"{PAGE}?month=2028-99").status_code == 200

    def test_broadcasts_are_dots(self, operator: Client) -> None:
        Broadcast.objects.create(
            name="Hello",
            key=uuid4(),
            created_at=NOON,
            changed_at=NOON,
            scheduled_at=NOON,
            status="STOPPED",
            ended_at=NOON,
        )

        said = text(operator.get(f"{PAGE}?month=2026-11").content)

        assert "Hello: broadcast, stopped, 22 Nov 2026, 13:00" in said

    def test_more_campaigns_take_no_more_statements(self, operator: Client) -> None:
        counted = []
        for _ in range(3):
            for _ in range(4):
                make_campaign(starts_at=NOON)
            with CaptureQueriesContext(connection) as captured:
                operator.get(f"{PAGE}?month=2026-11")
            counted.append(len(captured))

        assert counted[1] == counted[2]

    def test_who_may_not_see_campaigns_does_not_see_it(self, client: Client) -> None:
        client.force_login(make_staff("Editor"))

        assert client.get(PAGE).status_code == 403

    def test_the_list_leads_to_it(self, operator: Client) -> None:
        assert f'href="{PAGE}"' in operator.get("/admin/promos/campaign/").content.decode()

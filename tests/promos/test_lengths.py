"""How long a campaign lasts, by the clock of the business."""

from datetime import UTC, datetime, timedelta

import pytest

from promos import campaign_templates, campaigns, lengths
from tests.factories import make_campaign

WEEK = timedelta(days=7)


def utc(*parts: int) -> datetime:
    """Return an instant."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


class TestLengths:
    @pytest.mark.parametrize(
        ("starts_at", "ends_at"),
        [
            # From nine to nine in Berlin: in summer, over the end of it, in winter, over its end.
            (utc(2026, 7, 6, 7), utc(2026, 7, 13, 7)),
            (utc(2026, 10, 19, 7), utc(2026, 10, 26, 8)),
            (utc(2026, 12, 7, 8), utc(2026, 12, 14, 8)),
            (utc(2027, 3, 22, 8), utc(2027, 3, 29, 7)),
        ],
    )
    def test_a_week_ends_at_the_time_of_day_at_which_it_began(
        self, starts_at: datetime, ends_at: datetime
    ) -> None:
        assert lengths.between(starts_at, ends_at) == WEEK
        assert lengths.after(starts_at, WEEK) == ends_at

    def test_a_time_that_the_clock_leaves_out_is_an_hour_later(self) -> None:
        assert lengths.after(utc(2027, 3, 27, 1, 30), timedelta(days=1)) == utc(2027, 3, 28, 1, 30)

    def test_an_hour_that_comes_twice_ends_after_its_start(self) -> None:
        second = utc(2026, 10, 25, 1, 10)  # 2:10 in Berlin, for the second time.

        assert lengths.after(second, timedelta(minutes=20)) == utc(2026, 10, 25, 1, 30)


@pytest.mark.django_db
class TestCampaigns:
    def test_a_template_of_a_week_in_summer_is_a_week_over_the_change_of_the_clock(self) -> None:
        summer = make_campaign(starts_at=utc(2026, 7, 6, 7), ends_at=utc(2026, 7, 13, 7))

        terms = campaign_templates.terms_of(summer)

        ends_at = campaign_templates.window_of(terms, starts_at=utc(2026, 10, 19, 7))
        assert ends_at == utc(2026, 10, 26, 8)

    def test_a_clone_is_as_long_over_the_change_of_the_clock(self) -> None:
        summer = make_campaign(starts_at=utc(2026, 7, 6, 7), ends_at=utc(2026, 7, 13, 7))

        clone = campaigns.clone(campaign_id=summer.pk, now=utc(2026, 10, 19, 7), staff=None)

        assert (clone.starts_at, clone.ends_at) == (utc(2026, 10, 19, 7), utc(2026, 10, 26, 8))

"""What players have answered on which day, as promos ask for it."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from quizarena.game import activity
from tests.factories import NOON, PlayerFactory
from tests.promos.invitations import DAY, HOUR, answer

pytestmark = pytest.mark.django_db

FAST = timedelta(milliseconds=1500)


def test_each_player_has_the_days_of_their_own_span() -> None:
    anna, oleh, quiet = PlayerFactory.create_batch(3)
    answer(anna, 3, at=NOON)
    answer(anna, 2, at=NOON + HOUR, seconds=1.0)
    answer(anna, 4, at=NOON + DAY)
    answer(oleh, 5, at=NOON + DAY)

    with CaptureQueriesContext(connection) as queries:
        found = activity.answered(
            [
                activity.Span(anna.pk, NOON, NOON + DAY),
                activity.Span(oleh.pk, NOON, NOON + 2 * DAY),
                activity.Span(quiet.pk, NOON, NOON + 2 * DAY),
            ],
            fast=FAST,
        )

    assert len(queries) == 1
    [of_anna], [of_oleh] = found[anna.pk], found[oleh.pk]
    assert (of_anna.answers, of_anna.fast) == (5, 2)
    assert (of_anna.first_at, of_anna.last_at) == (NOON, NOON + HOUR)
    assert (of_oleh.answers, of_oleh.day) == (5, (NOON + DAY).date())
    assert quiet.pk not in found

"""Rules that stand once more in SQL of our own say there what they say in Python.

Each is held against its other forms over rows on both sides of every edge, with and without every
instant that may be missing. The rows stand in a temporary table that takes the place of the real
one: it has the columns, and neither constraints nor triggers that would refuse what cannot be.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import product
from typing import Any, TypeVar
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import Model

from economy import streak_rules
from economy.models import ModeSpan, SpanStatus, active_sql
from economy.streak_rules import Outcome
from payments.models import Subscription, SubscriptionState
from payments.models.subscription import renewed_sql
from promos import rules
from promos.models import Batch, Campaign, CampaignStatus, Code, Redemption, RedemptionStatus
from promos.models.campaign import open_sql
from promos.models.code import stopped_sql
from promos.models.redemption import lapsed_sql, reserved_sql
from promos.rules import Person, Terms
from tests.factories import NOON
from tests.owner import as_owner

Row = TypeVar("Row", bound=Model)

SECOND = timedelta(seconds=1)
AROUND_NOON = (NOON - SECOND, NOON, NOON + SECOND)
GRACE = timedelta(days=3)

pytestmark = pytest.mark.django_db


def store(model: type[Row], rows: Iterable[dict[str, Any]]) -> list[Row]:
    """Store the rows, with the keys from 1 on, in a table that hides the model's own."""
    table = model._meta.db_table
    with as_owner() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE {table} (LIKE {table}) ON COMMIT DROP")
        cursor.execute(f"GRANT ALL ON {table} TO PUBLIC")
    numbered = [{"pk": number} | row for number, row in enumerate(rows, 1)]
    return model._default_manager.bulk_create(model(**row) for row in numbered)


def found(tables: str, condition: str, *, key: str = "id", now: datetime = NOON) -> set[int | UUID]:
    """Return the keys of the rows `one` of which the condition is true."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT one.{key} FROM {tables} WHERE {condition}", {"now": now})  # noqa: S608
        return {pk for (pk,) in cursor.fetchall()}


def ids(rows: Iterable[Any]) -> set[int | UUID]:
    """Return the keys of the rows."""
    return {row.pk for row in rows}


def test_a_span_is_active() -> None:
    spans = store(
        ModeSpan,
        (
            {
                "player_id": 1, "entry_id": 1, "mode": "WORD_ORDER", "laid_at": NOON,
                "starts_at": starts_at, "ends_at": ends_at, "revoked_at": revoked_at,
            }
            for starts_at, ends_at, revoked_at in product(
                AROUND_NOON, AROUND_NOON, (None, *AROUND_NOON)
            )
        ),
    )  # fmt: skip

    active = ids(span for span in spans if span.status(NOON) is SpanStatus.ACTIVE)

    assert 0 < len(active) < len(spans)
    assert found("economy_modespan AS one", active_sql("one")) == active
    assert ids(ModeSpan.objects.active(NOON)) == active


def test_a_discount_is_reserved_or_has_lapsed() -> None:
    store(
        Redemption,
        (
            {
                "campaign_id": 1, "code_id": 1, "player_id": 1, "is_shared": True,
                "created_at": NOON, "changed_at": NOON, "status": status,
                "is_locked_for_payment": is_locked, "reserved_until": reserved_until,
                "locked_until": locked_until,
            }
            for status, is_locked, reserved_until, locked_until in product(
                RedemptionStatus, (False, True), (None, *AROUND_NOON), (None, *AROUND_NOON)
            )
        ),
    )  # fmt: skip

    reserved, lapsed = Redemption.objects.reserved(NOON), Redemption.objects.lapsed(NOON)

    assert reserved.exists()
    assert lapsed.exists()
    assert found("promos_redemption AS one", reserved_sql("one")) == ids(reserved)
    assert found("promos_redemption AS one", lapsed_sql("one")) == ids(lapsed)
    assert not ids(reserved) & ids(lapsed)


def test_a_code_is_stopped_by_itself_or_with_its_batch() -> None:
    store(
        Batch,
        (
            {
                "campaign_id": 1, "size": 1, "derivation": 1, "created_at": NOON,
                "revoked_at": revoked_at,
            }
            for revoked_at in (None, NOON)
        ),
    )  # fmt: skip
    store(
        Code,
        (
            {
                "campaign_id": 1, "is_shared": False, "digest": b"", "batch_id": batch,
                "revoked_at": revoked_at,
            }
            for batch, revoked_at in product((None, 1, 2), (None, NOON - SECOND))
        ),
    )  # fmt: skip
    codes = Code.objects.select_related("batch")

    tables = "promos_code AS one LEFT JOIN promos_batch AS batch ON batch.id = one.batch_id"
    for instant in (NOON - SECOND, NOON):
        stopped = ids(code for code in codes if code.stopped_at == instant)
        assert found(tables, f"{stopped_sql('one', 'batch')} = %(now)s", now=instant) == stopped
        assert stopped


def test_a_campaign_gives_what_it_has() -> None:
    campaigns = store(
        Campaign,
        (
            {
                "created_at": NOON, "changed_at": NOON, "value": 20, "status": status,
                "starts_at": starts_at, "ends_at": ends_at,
            }
            for status, starts_at, ends_at in product(
                CampaignStatus, AROUND_NOON, (None, *AROUND_NOON)
            )
        ),
    )  # fmt: skip

    nothing_against = ids(campaign for campaign in campaigns if not _against(campaign))

    assert nothing_against
    assert found("promos_campaign AS one", open_sql("one")) == nothing_against


def _against(campaign: Campaign) -> list[rules.Reason]:
    terms = Terms(
        status=campaign.status,
        starts_at=campaign.starts_at,
        ends_at=campaign.ends_at,
        uses_max=None,
        applied=0,
        reserved=0,
    )
    return rules.reasons(Person(language="de"), terms, now=NOON, today=NOON.date())


def test_a_subscription_is_renewed() -> None:
    edges = (*AROUND_NOON, *(instant - GRACE for instant in AROUND_NOON))
    subscriptions = store(
        Subscription,
        (
            {
                "pk": UUID(int=number), "player_id": 1,
                "expires_at": expires_at, "canceled_at": canceled_at,
            }
            for number, (expires_at, canceled_at) in enumerate(
                product(edges, (None, NOON - GRACE))
            )
        ),
    )  # fmt: skip
    states = {one.pk: one.state(NOON) for one in subscriptions}

    renewed = found("payments_subscription AS one", renewed_sql("one"), key="purchase_id")

    goes_on = {SubscriptionState.ACTIVE, SubscriptionState.GRACE}
    assert 0 < len(renewed) < len(states)
    assert renewed == {pk for pk, state in states.items() if state in goes_on}
    assert ids(Subscription.objects.running(NOON)) == {
        pk for pk, state in states.items() if state is not SubscriptionState.ENDED
    }


@pytest.mark.parametrize("freezes", [None, 0, 1, 2])
@pytest.mark.parametrize("frozen", [0, 1, 2, 3])
def test_a_freeze_that_is_left_saves_a_day(freezes: int | None, frozen: int) -> None:
    class Safety:
        def is_shielded(self, day: Any) -> bool:
            return False

        def savers(self, day: Any) -> int:
            return 0

        def freezes(self, day: Any) -> int | None:
            return freezes

    sunday = NOON.date()
    assert sunday.weekday() == 6
    week = streak_rules.week_of(sunday)

    (day,) = streak_rules.roll(
        length=7,
        first=sunday,
        last=sunday,
        recorded=dict.fromkeys(week[:frozen], Outcome.FROZEN_PREMIUM),
        facts={},
        safety=Safety(),
    )

    is_saved = day.outcome is Outcome.FROZEN_PREMIUM
    assert streak_rules.can_freeze(freezes, frozen=frozen) is is_saved

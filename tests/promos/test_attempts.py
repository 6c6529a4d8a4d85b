"""Who has entered which code is kept for 180 days."""

from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from promos import attempts
from promos.models import Attempt
from promos.tasks import purge_attempts
from quizarena.players.models import Player, PurgeRun
from tests.conftest import NOON
from tests.factories import PlayerFactory


def enter(player: Player, *, at: datetime) -> Attempt:
    """Store that the player has entered a code that nobody knows."""
    return Attempt.objects.create(
        player=player,
        digest=b"d" * 32,
        refusal="UNKNOWN",
        detail="UNKNOWN",
        channel="COMMAND",
        idempotency_key=f"{at}",
        at=at,
    )


@pytest.mark.django_db
def test_attempts_are_purged_after_180_days_and_not_before() -> None:
    player = PlayerFactory.create()
    enter(player, at=NOON - timedelta(days=400))
    kept = enter(player, at=NOON - timedelta(days=100))

    assert purge_attempts() == 1

    assert Attempt.objects.get() == kept
    assert list(PurgeRun.objects.values_list("table", "deleted")) == [("promos_attempt", 1)]
    # By another road, either.
    with pytest.raises(DatabaseError, match="Cannot delete"), transaction.atomic():
        kept.delete()


@pytest.mark.django_db
def test_a_purge_looks_at_the_oldest_alone() -> None:
    player = PlayerFactory.create()
    for minutes in range(5):
        enter(player, at=NOON - timedelta(minutes=5 - minutes))

    with CaptureQueriesContext(connection) as queries:
        assert attempts.purge(now=NOON, limit=2) == 0
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE) {queries[0]['sql']}")
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert len(queries) == 1
    assert "Rows Removed by Filter" not in plan

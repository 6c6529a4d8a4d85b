"""No lock of ours is ever somebody else's."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import transaction

from quizarena import advisory_locks
from quizarena.advisory_locks import AlreadyLockedError, Space
from tests.concurrency import another_connection
from tests.sandbox import ROOT

# Who may speak of advisory locks in SQL: the one home, and the players' turns, which alone use the
# other key space.
SPEAKERS = {Path("quizarena/advisory_locks.py"), Path("bot/queue/inbox.py")}


def sources() -> Iterator[Path]:
    """Yield every file of the product."""
    for top in ("quizarena", "economy", "promos", "payments", "bot"):
        yield from (ROOT / top).rglob("*.py")


def test_nobody_else_takes_an_advisory_lock() -> None:
    raw = re.compile(r"pg_(try_)?advisory_")

    assert {
        path.relative_to(ROOT) for path in sources() if raw.search(path.read_text())
    } == SPEAKERS


@pytest.mark.django_db
def test_a_players_turn_keeps_nobody_else_away() -> None:
    """Of whatever Telegram id the player is: 2,020,069 was the ledger's number once."""
    with another_connection() as other:
        other.execute("SELECT pg_advisory_lock(id) FROM unnest(ARRAY[0, 1, 2, 3, 2020069]) AS id")

        with advisory_locks.locked(Space.LEDGER_VERIFICATION):
            pass
        assert advisory_locks.try_lock(Space.API_REFUND_LIMIT)
        assert advisory_locks.try_lock(Space.IDEMPOTENCY_KEY, "1:a")
        other.execute("SELECT pg_advisory_unlock_all()")


@pytest.mark.django_db
def test_spaces_and_keys_are_apart_and_the_same_key_is_not() -> None:
    with another_connection() as other, transaction.atomic():
        assert advisory_locks.try_lock(Space.IDEMPOTENCY_KEY, "1:a")

        other.execute("SELECT pg_try_advisory_lock(2, 0), pg_try_advisory_lock(3, 0)")
        assert other.fetchone() == (True, True)
        # The first four bytes of the SHA-256 of "1:a".
        other.execute("SELECT pg_try_advisory_lock(3, %s)", [1097006557])
        assert other.fetchone() == (False,)
        other.execute("SELECT pg_advisory_unlock_all()")


@pytest.mark.django_db
def test_what_is_locked_is_free_again_whatever_happens_inside() -> None:
    with pytest.raises(ZeroDivisionError), advisory_locks.locked(Space.LEDGER_VERIFICATION):
        1 / 0  # noqa: B018

    with another_connection() as other:
        other.execute("SELECT pg_try_advisory_lock(1, 0)")
        assert other.fetchone() == (True,)
        with pytest.raises(AlreadyLockedError), advisory_locks.locked(Space.LEDGER_VERIFICATION):
            pass
        other.execute("SELECT pg_advisory_unlock_all()")

"""The proof that no campaign is overrun, small; `make prove-promos` is the big one."""

from collections.abc import Iterator

import pytest

from tests.owner import as_owner
from tests.promos import overrun

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.slow
def test_no_campaign_is_overrun_though_processes_are_killed() -> None:
    report = overrun.run(operations=2_000, processes=4, seed=7, kill_every_seconds=0.25)

    assert report.wrong == []
    assert report.operations >= 2_000
    assert report.kills >= 3
    assert report.samples >= 10
    # Everything has happened that can be overrun by.
    assert {
        "redeem: RESERVED",
        "redeem: APPLIED",
        "redeem: ALL_HELD",
        "attach: True",
        "keep: True",
        "apply: True",
        "release: True",
    } <= set(report.outcomes)


class TestWithoutTriggers:
    """Show that the test above can fail: take the triggers away, and it must."""

    @pytest.fixture(autouse=True)
    def _no_triggers(self) -> Iterator[None]:
        """Let redemptions be inserted and moved without being counted."""
        with as_owner() as cursor:
            cursor.execute("ALTER TABLE promos_redemption DISABLE TRIGGER USER")
        yield
        with as_owner() as cursor:
            cursor.execute("ALTER TABLE promos_redemption ENABLE TRIGGER USER")

    def test_the_looks_find_it(self) -> None:
        report = overrun.run(operations=500, processes=2, seed=7, kill_every_seconds=60)

        assert report.wrong

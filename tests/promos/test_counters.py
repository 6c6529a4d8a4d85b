"""The nightly verification of the counters: what it finds, and that it finds nothing else."""

import pytest

from promos import counters, reservations
from promos.models import Campaign
from quizarena.players.models import Player
from quizarena.staff.models import Alert
from tests.factories import NOON, PlayerFactory, make_campaign
from tests.owner import behind_the_guards
from tests.promos.steps import CODE, attach, counted, reserve

pytestmark = pytest.mark.django_db


@pytest.fixture
def busy() -> Campaign:
    """Return a campaign with a redemption in every status."""
    campaign = make_campaign(code=CODE)
    players: list[Player] = PlayerFactory.create_batch(4)
    reserved = [reserve(player) for player in players]
    for stars_off, each in enumerate(reserved, 1):
        attach(each, stars_off)
    reservations.apply(redemption_id=reserved[1].pk, now=NOON)
    reservations.release(redemption_id=reserved[2].pk, now=NOON)
    reservations.apply(redemption_id=reserved[3].pk, now=NOON)
    reservations.revoke(redemption_id=reserved[3].pk, now=NOON)
    return campaign


def test_counters_that_nobody_has_forged_do_not_differ(busy: Campaign) -> None:
    make_campaign(status="DRAFT")

    assert counted(busy) == (1, 2, 1, 6)
    assert counters.find_differing(now=NOON) == []
    assert not Alert.objects.exists()


@pytest.mark.parametrize("counter", ["reserved", "applied", "stars_reserved", "stars_given"])
def test_a_counter_that_is_wrong_is_found_whichever_it_is(busy: Campaign, counter: str) -> None:
    make_campaign()
    with behind_the_guards() as cursor:
        cursor.execute(
            f"UPDATE promos_campaign SET {counter} = {counter} + 1 WHERE id = %s",  # noqa: S608
            [busy.pk],
        )

    assert counters.find_differing(now=NOON) == [busy]
    alert = Alert.objects.get()
    assert (alert.kind, alert.key) == ("promo_miscounted", str(busy.pk))


@pytest.mark.parametrize(
    "forgery",
    [
        "DELETE FROM promos_redemption WHERE status = 'APPLIED'",
        "UPDATE promos_redemption SET status = 'EXPIRED' WHERE status = 'RESERVED'",
        "UPDATE promos_redemption SET stars_off = 99 WHERE status = 'REVOKED'",
    ],
)
def test_a_redemption_that_was_forged_is_found(busy: Campaign, forgery: str) -> None:
    with behind_the_guards() as cursor:
        cursor.execute("DELETE FROM promos_attempt")
        cursor.execute(forgery)

    assert counters.find_differing(now=NOON) == [busy]


def test_a_repeated_proof_counts_the_alert_up(busy: Campaign) -> None:
    with behind_the_guards() as cursor:
        cursor.execute("UPDATE promos_campaign SET reserved = 0")

    counters.find_differing(now=NOON)
    counters.find_differing(now=NOON)

    assert Alert.objects.get().times == 2


def test_it_is_one_statement_however_many_campaigns(
    busy: Campaign, django_assert_num_queries: object
) -> None:
    for _ in range(5):
        make_campaign()

    with django_assert_num_queries(1):  # type: ignore[operator]
        counters.find_differing(now=NOON)

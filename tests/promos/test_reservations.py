"""A hold and the purchase that it is attached to."""

from datetime import timedelta

import pytest

from promos import reservations
from promos.errors import NotAttachableError
from promos.models import Redemption
from quizarena.players.models import Player
from tests.factories import NOON, PlayerFactory, make_campaign
from tests.promos.steps import CODE, attach, counted, minutes, redeem, reserve

MOMENT = timedelta(microseconds=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna() -> Player:
    """Return a player."""
    player: Player = PlayerFactory.create()
    return player


def status(reserved: Redemption) -> str:
    """Return where a redemption is in its life."""
    return Redemption.objects.get(pk=reserved.pk).status


class TestAttach:
    def test_the_stars_that_it_takes_off_are_held_with_it(self, anna: Player) -> None:
        campaign = make_campaign(code=CODE, stars_max=100)
        reserved = reserve(anna)

        attached = attach(reserved, 30)

        assert (attached.stars_off, counted(campaign)) == (30, (1, 0, 30, 0))

    def test_another_product_takes_other_stars_off(self, anna: Player) -> None:
        campaign = make_campaign(code=CODE, stars_max=100)
        reserved = reserve(anna)

        for stars_off, held_stars in ((30, 30), (100, 100), (100, 100), (2, 2)):
            attach(reserved, stars_off)
            assert counted(campaign) == (1, 0, held_stars, 0)

    def test_the_budget_is_never_overrun(self, anna: Player) -> None:
        campaign = make_campaign(code=CODE, stars_max=100)
        used, reserved, other = (reserve(player) for player in PlayerFactory.create_batch(3))
        attach(used, 60)
        reservations.apply(redemption_id=used.pk, now=NOON)
        attach(reserved, 30)

        with pytest.raises(NotAttachableError):
            attach(other, 11)
        with pytest.raises(NotAttachableError):
            attach(reserved, 41)
        attach(other, 10)

        assert counted(campaign) == (2, 1, 40, 60)

    def test_what_a_released_reservation_took_off_is_there_for_the_next(self, anna: Player) -> None:
        campaign = make_campaign(code=CODE, stars_max=100)
        reserved, other = reserve(anna), reserve(PlayerFactory.create())
        attach(reserved, 100)
        reservations.release(redemption_id=reserved.pk, now=NOON)

        attach(other, 100)

        assert counted(campaign) == (1, 0, 100, 0)

    def test_what_was_given_stays_given_after_a_refund(self, anna: Player) -> None:
        campaign = make_campaign(code=CODE, stars_max=100)
        used, other = reserve(anna), reserve(PlayerFactory.create())
        attach(used, 100)
        reservations.apply(redemption_id=used.pk, now=NOON)
        reservations.revoke(redemption_id=used.pk, now=NOON)

        with pytest.raises(NotAttachableError):
            attach(other, 1)
        assert counted(campaign) == (1, 1, 0, 100)

    def test_without_a_budget_there_is_no_end(self, anna: Player) -> None:
        campaign = make_campaign(code=CODE)

        attach(reserve(anna), 100_000)

        assert counted(campaign) == (1, 0, 100_000, 0)

    def test_only_a_good_reservation_of_ones_own_can_be_attached(self, anna: Player) -> None:
        make_campaign(code=CODE)
        reserved = reserve(anna)

        attach(reserved, 5, now=minutes(15) - MOMENT)
        with pytest.raises(NotAttachableError):
            attach(reserved, 5, player=PlayerFactory.create())
        with pytest.raises(NotAttachableError):
            attach(reserved, 5, now=minutes(15))

    @pytest.mark.parametrize("end", [reservations.apply, reservations.release])
    def test_a_reservation_that_is_over_cannot_be_attached(self, anna: Player, end: object) -> None:
        make_campaign(code=CODE)
        reserved = reserve(anna)
        end(redemption_id=reserved.pk, now=NOON)  # type: ignore[operator]

        with pytest.raises(NotAttachableError):
            attach(reserved, 5)


class TestKeep:
    def test_promo_reservation_expiry_blocks_keeping(self, anna: Player) -> None:
        make_campaign(code=CODE)
        early, late = reserve(anna), reserve(PlayerFactory.create())

        assert reservations.lock_for_payment(redemption_id=early.pk, now=minutes(15) - MOMENT)
        assert not reservations.lock_for_payment(redemption_id=late.pk, now=minutes(15))

    def test_a_kept_reservation_does_not_run_out(self, anna: Player) -> None:
        campaign = make_campaign(code=CODE, uses_max=1)
        reserved = reserve(anna)
        reservations.lock_for_payment(redemption_id=reserved.pk, now=minutes(14))

        assert reservations.expire(now=minutes(60), limit=10) == 0
        assert redeem(PlayerFactory.create(), now=minutes(60)).reason == "ALL_HELD"
        assert reserve(anna, now=minutes(43)).pk == reserved.pk
        # Its purchase is credited or closed any moment; until then it is nobody's to use.
        assert redeem(anna, now=minutes(44)).reason == "ALL_HELD"
        assert reservations.apply(redemption_id=reserved.pk, now=minutes(60))
        assert (status(reserved), counted(campaign)) == ("APPLIED", (0, 1, 0, 0))

    def test_keeping_again_does_not_prolong(self, anna: Player) -> None:
        make_campaign(code=CODE)
        reserved = reserve(anna)

        kept = [
            reservations.lock_for_payment(redemption_id=reserved.pk, now=minutes(n))
            for n in (14, 43, 44)
        ]

        assert kept == [True, True, False]
        assert Redemption.objects.get().locked_until == minutes(44)

    def test_a_kept_reservation_is_released_when_its_purchase_is_dead(self, anna: Player) -> None:
        campaign = make_campaign(code=CODE)
        reserved = reserve(anna)
        reservations.lock_for_payment(redemption_id=reserved.pk, now=minutes(14))

        assert reservations.release(redemption_id=reserved.pk, now=minutes(60))
        assert (status(reserved), counted(campaign)) == ("EXPIRED", (0, 0, 0, 0))


class TestEnd:
    """Each end happens once, and excludes the others."""

    def test_a_use_that_is_applied_stays_used(self, anna: Player) -> None:
        campaign = make_campaign(code=CODE)
        reserved = reserve(anna)
        attach(reserved, 5)

        assert reservations.apply(redemption_id=reserved.pk, now=NOON)
        assert not reservations.apply(redemption_id=reserved.pk, now=NOON)
        assert not reservations.release(redemption_id=reserved.pk, now=NOON)
        assert not reservations.lock_for_payment(redemption_id=reserved.pk, now=NOON)
        assert (status(reserved), counted(campaign)) == ("APPLIED", (0, 1, 0, 5))

    def test_a_use_that_is_released_is_free_once(self, anna: Player) -> None:
        campaign = make_campaign(code=CODE)
        reserved = reserve(anna)
        attach(reserved, 5)

        assert reservations.release(redemption_id=reserved.pk, now=NOON)
        assert not reservations.release(redemption_id=reserved.pk, now=NOON)
        assert not reservations.apply(redemption_id=reserved.pk, now=NOON)
        assert not reservations.revoke(redemption_id=reserved.pk, now=NOON)
        assert (status(reserved), counted(campaign)) == ("EXPIRED", (0, 0, 0, 0))

    def test_a_refund_revokes_once_and_the_use_stays_used(self, anna: Player) -> None:
        campaign = make_campaign(code=CODE, uses_max=1)
        reserved = reserve(anna)
        reservations.apply(redemption_id=reserved.pk, now=NOON)

        assert reservations.revoke(redemption_id=reserved.pk, now=NOON)
        assert not reservations.revoke(redemption_id=reserved.pk, now=NOON)
        assert (status(reserved), counted(campaign)) == ("REVOKED", (0, 1, 0, 0))
        assert redeem(PlayerFactory.create()).reason == "DEPLETED"
        assert redeem(anna).reason == "DEPLETED"

    def test_a_late_payment_uses_a_reservation_that_the_job_has_not_released(
        self, anna: Player
    ) -> None:
        campaign = make_campaign(code=CODE)
        reserved = reserve(anna)

        assert reservations.apply(redemption_id=reserved.pk, now=minutes(20))
        assert counted(campaign) == (0, 1, 0, 0)
